"""Every variant gives the bytes of the variant ref: on this machine where it is plain C, else simulated."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
import tinynn_cases as cases
from hypothesis import given
from hypothesis import strategies as st
from random_layers import LAYERS, PARTS
from tests_support import examples
from tinynn_calls import ChipKernels, HostKernels
from tinynn_cases import Case

from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.kernels import KERNELS

_LARGE = ("conv2d", "depthwise", "fully_connected", "pool", "add", "unary")
_DIFFERENT = (*LAYERS, *PARTS)
# test_tinynn_rows.py and tests/backends/test_tinyi_chip.py have what is tinyi's, tests/backends/test_float32.py real
# values
_ELSEWHERE = ("svdf_int8", "svdf_int16", "lstm_int8", "rows", "rows_int16", "conv2d_float32", "depthwise_float32")


@cache
def host() -> HostKernels:
    """The kernels on this machine."""
    return HostKernels()


@cache
def chip(cpu: str, toolchain: str = "zig", level: str = "-O3", variants: tuple[str, ...] = ()) -> ChipKernels:
    """The kernels in the simulator."""
    return ChipKernels(cpu, toolchain, level, variants)


def _run_and_compare(machine: Any, variant: str, case: Case, skew: int) -> None:
    """At any alignment that its elements allow, and over an input where the call allows it."""
    skew -= skew % case.element_bytes
    expected = host().run(case.call("ref"), case.inputs_of("ref"), case.output_bytes).output
    call = case.call(variant)
    if call.function not in machine.functions:
        return  # what the variant leaves to ref, where that is not built
    for place, behind in _places(call, case.output_bytes // 2 // case.element_bytes * case.element_bytes):
        got = machine.run(
            call, case.inputs_of(variant), case.output_bytes, in_place=place, skew=skew, behind=behind
        ).output
        what = f"{case.name}, {call.function}, {behind} behind input {place}"
        np.testing.assert_array_equal(expected, got, err_msg=what)


def _places(call: Call, half_bytes: int) -> Iterator[tuple[int | None, int]]:
    """Over which input the output lies, and how far behind its beginning: as far as it may, and before that."""
    yield None, 0
    for position in call.in_place:
        yield position, 0
    for position, overlap in call.overlaps.items():
        if overlap.lead is not None:
            yield position, -overlap.lead
            yield position, -overlap.lead - half_bytes
        if overlap.step is not None:
            for steps in (-3, -1, 1, 2):
                yield position, steps * overlap.step


def _check(machine: Any, variant: str, operator: str, count: int) -> None:
    """`count` examples of an operator with weights or many cases, a fifth of many for the others."""
    count = count if operator in _LARGE else min(count, max(count // 5, 30))

    @examples(count)
    @given({**LAYERS, **PARTS}[operator](), st.integers(0, 3))
    def holds(case, skew):
        _run_and_compare(machine, variant, case, skew)

    holds()


@pytest.mark.parametrize("operator", _DIFFERENT)
@pytest.mark.every(3)
def test_portable_variant(operator: str) -> None:
    """The variant c, compiled for this machine."""
    _check(host(), "c", operator, 30)


@pytest.mark.parametrize("operator", _DIFFERENT)
@pytest.mark.every(6, 1)
def test_dsp_variant(operator: str) -> None:
    """The variant dsp on a Cortex-M7."""
    _check(chip("cortex-m7", variants=("dsp", "c")), "dsp", operator, 15)


@pytest.mark.parametrize("operator", ["add", "sub"])
@pytest.mark.parametrize(
    ("variant", "cpu"), [("dsp", "cortex-m7"), pytest.param("c", "rv32imc", marks=pytest.mark.slow)]
)
def test_sums_of_all_pairs(operator: str, variant: str, cpu: str) -> None:
    """Every pair of values, by the function that a variant takes for most scales."""
    pairs = np.meshgrid(*[np.arange(-128, 128, dtype=np.int8)] * 2)
    case = cases.add(np.random.default_rng(7), (1, 1 << 16), operator, "NONE")
    assert case.call(variant).function == f"tinynn_add_linear_{variant}"
    machine = chip(cpu, variants=(*{variant, "c"},))
    _run_and_compare(machine, variant, replace(case, inputs=tuple(map(np.ravel, pairs))), 0)


@pytest.mark.slow
@pytest.mark.parametrize("operator", _DIFFERENT)
def test_rv32_variant(operator: str) -> None:
    """The variant rv32 on RV32IMC."""
    _check(chip("rv32imc", variants=("rv32", "c")), "rv32", operator, 15)


@pytest.mark.slow
def test_armv6m_variant() -> None:
    """The variant armv6m on a Cortex-M3; it has nothing else but depthwise layers."""
    _check(chip("cortex-m3", variants=("armv6m", "c")), "armv6m", "conv2d", 15)


# sizes of inputs, channels; along rows or columns, few outputs or many
_PLANES = [(1, 1, 1, 2), (1, 2, 7, 2), (1, 3, 12, 2), (1, 14, 4, 3), (2, 10, 10, 1), (1, 25, 5, 2), (1, 9, 23, 1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cpu", "variant", "activation"),
    [
        (*of, activation)
        for of in (("cortex-m3", "armv6m"), ("cortex-m0plus", "armv6m"), ("xtensa-lx6", "mac16"))
        for activation in ("RELU", "NONE")
    ],
)
def test_depthwise_lines(cpu: str, variant: str, activation: str) -> None:
    """3x3 taps that are rescaled by lines, which random layers have seldom, at every stride, in place, too."""
    machine = _opened(cpu, variant)
    taken = []
    for number, (shape, stride) in enumerate(product(_PLANES, [(1, 1), (2, 2), (1, 2), (2, 1)])):
        draw = np.random.default_rng(number)
        case = cases.depthwise(draw, shape, (3, 3), stride=stride, activation=activation)
        taken.append(case.call(variant).function)
        _run_and_compare(machine, variant, case, number % 4)
    assert taken.count(f"tinynn_depthwise3x3_line_{variant}") >= 5


def _opened(cpu: str, variant: str) -> ChipKernels:
    """Skips what needs programs that aren't here."""
    programs = {one: program for one, _, program in _ON_QEMU}
    toolchain, *needed = ("llvm", "clang-22") if variant == "mac16" else ("zig",)
    needed += [programs[cpu]] if cpu in programs else []
    if missing := next((name for name in needed if shutil.which(name) is None), None):
        pytest.skip(f"{missing} is not installed")
    return chip(cpu, toolchain, variants=(variant, "c"))


@pytest.mark.slow
@pytest.mark.parametrize("operator", _DIFFERENT)
@pytest.mark.parametrize(
    ("cpu", "variant", "count"),
    [
        *(("cortex-m7", "dsp", 200), ("rv32imc", "rv32", 200), ("cortex-m0plus", "armv6m", 200)),
        # the same instructions by another schedule, or the same source with more of them
        *(("cortex-m4", "dsp", 50), ("cortex-m33", "dsp", 50), ("cortex-m3", "c", 50), ("cortex-m3", "armv6m", 50)),
    ],
)
def test_variants_at_length(cpu: str, variant: str, count: int, operator: str) -> None:
    """Many layers, on every processor that has the variant."""
    _check(chip(cpu), variant, operator, count)


@pytest.mark.slow
@pytest.mark.parametrize("operator", [*_LARGE, "binary", "softmax", "mean"])
@pytest.mark.parametrize("level", ["-O2", "-Os"])
def test_ref_on_a_chip(operator: str, level: str) -> None:
    """The variant ref computes the same on a chip, at other levels."""
    _check(chip("cortex-m7", "zig", level), "ref", operator, 80)


@pytest.mark.slow
@pytest.mark.parametrize("operator", _DIFFERENT)
@pytest.mark.parametrize(
    ("cpu", "variant", "program"),
    [("cortex-m7", "dsp", "arm-none-eabi-gcc"), ("rv32imc", "rv32", "riscv64-unknown-elf-gcc")],
)
def test_variants_by_gcc(cpu: str, variant: str, program: str, operator: str) -> None:
    """What gcc makes of them."""
    if shutil.which(program) is None:
        pytest.skip(f"no {program}")
    _check(chip(cpu, "gcc"), variant, operator, 80)


_ON_QEMU = [
    ("cortex-m55", "mve", "qemu-system-arm"),
    ("rv32gcv", "rvv", "qemu-system-riscv32"),
    ("rv64gcv", "rvv", "qemu-system-riscv64"),
    ("cortex-a9", "neon", "qemu-system-arm"),
    ("cortex-a72", "neon", "qemu-system-aarch64"),
    ("xtensa-lx6", "mac16", "qemu-system-xtensa"),
]


@pytest.mark.slow
@pytest.mark.parametrize("operator", _DIFFERENT)
@pytest.mark.parametrize(("cpu", "variant"), [of[:2] for of in _ON_QEMU])
def test_vector_variants(cpu: str, variant: str, operator: str) -> None:
    """The variants mve, rvv, neon and mac16 on QEMU, many layers in one process."""
    _check(_opened(cpu, variant), variant, operator, 40)


# What few draws give: strides of broadcast, sums that no linear function proves, depthwise rows, at times of four bits.
_RARE = {"binary": 1000, "add": 3000, "depthwise": 2000, "int4": 3000}


@pytest.mark.slow
def test_every_kernel_comes_up() -> None:
    """Each kernel of a variant in the table is the choice for some layer, so the tests above compare it with ref."""
    left = {
        kernel.function: kernel.variant
        for kernel in KERNELS
        if kernel.operator not in _ELSEWHERE and kernel.variant != "ref"
    }
    makes = LAYERS | PARTS
    for operator in sorted(makes, key=lambda operator: operator in _RARE):  # what is rare is then all that is left
        _draw(makes[operator](), _RARE.get(operator, 60), left)
    assert sorted(left) == []


def _draw(layers: st.SearchStrategy[Case], count: int, left: dict[str, str]) -> None:
    """Strike out the functions that some layers choose."""

    @examples(count)
    @given(layers)
    def strike(case):
        for variant in {*left.values()}:
            left.pop(case.call(variant).function, None)

    strike()
