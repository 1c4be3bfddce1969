"""A kernel walks as the table of kernels says: seen by what it reads and writes in the simulator, and when."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import tinynn_cases as cases
from hypothesis import given
from hypothesis import strategies as st
from tests_support import examples
from tinynn_calls import ChipKernels
from unicorn import UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE, UC_MEM_WRITE
from unicorn.arm_const import UC_ARM_REG_CPSR

from tinyflow.backends.tinynn.kernels import KERNELS
from tinyflow.backends.tinynn.windows import lead_bytes

CASES: tuple[Callable[[np.random.Generator], cases.Case], ...] = (
    lambda draw: cases.conv2d(draw, (1, 7, 6, 5), 7, (3, 3)),
    lambda draw: cases.conv2d(draw, (1, 9, 7, 4), 4, (3, 2), stride=(2, 2), padding="VALID"),
    lambda draw: cases.conv2d(draw, (1, 6, 5, 8), 6, (1, 1)),
    lambda draw: cases.conv2d(draw, (1, 5, 4, 8), 8, (3, 3), halvings=2),
    lambda draw: cases.conv2d(draw, (1, 9, 8, 3), 5, (2, 3), dilation=(2, 2)),
    lambda draw: cases.depthwise(draw, (1, 7, 6, 5), (3, 3)),
    lambda draw: cases.average_pool(draw, (1, 8, 8, 6), (2, 2), (2, 2)),
    lambda draw: cases.average_pool(draw, (1, 8, 7, 5), (3, 3), (1, 1), "SAME", "max_pool"),
)
_REF = ("ref/conv2d", "ref/depthwise", "ref/average_pool", "ref/max_pool")
# words are read where bytes would do
_SLACK_BYTES = 4


@st.composite
def _windows(draw: st.DrawFn) -> dict[str, int]:
    """The fields of a convolution of any shape whose windows lie inside, but for the padding."""
    fields = {"batches": draw(st.integers(1, 2))}
    for size, axis, side in (("height", "y", "top"), ("width", "x", "left")):
        kernel, dilation, stride = draw(st.integers(1, 4)), draw(st.integers(1, 2)), draw(st.integers(1, 3))
        reach = (kernel - 1) * dilation + 1
        given_size, padding = reach + draw(st.integers(0, 5)), draw(st.integers(0, reach - 1))
        fields |= {f"input_{size}": given_size, f"kernel_{size}": kernel, f"dilation_{axis}": dilation}
        fields |= {f"stride_{axis}": stride, f"pad_{side}": padding}
        fields[f"output_{size}"] = (given_size + padding - reach) // stride + 1
    return {**fields, **{f"{side}_channels": draw(st.integers(1, 5)) for side in ("input", "output")}}


@examples(60)
@given(fields=_windows(), at_once=st.integers(1, 4), element_bytes=st.sampled_from([1, 2]))
def test_the_lead_is_what_a_walk_needs(fields: dict[str, int], at_once: int, element_bytes: int) -> None:
    """No byte that a walk, gone through byte by byte, still reads is written with it; with less some are."""
    lead = lead_bytes(fields, at_once, element_bytes)
    assert not _overwritten(fields, at_once, element_bytes, lead)
    if fields["dilation_y"] == fields["dilation_x"] == 1:  # else the first tap inside may lie behind the first pixel
        assert _overwritten(fields, at_once, element_bytes, lead - 1)


def _overwritten(f: dict[str, int], at_once: int, element_bytes: int, lead: int) -> bool:
    """Whether blocks of pixels that begin anywhere overwrite what is read in them or later."""
    read, written = f["input_channels"] * element_bytes, f["output_channels"] * element_bytes
    needed: list[set[int]] = []  # pixels of the input that a pixel of the output needs
    sizes = ((f["output_height"], f["output_width"]), (f["kernel_height"], f["kernel_width"]))
    for batch, y, x in product(range(f["batches"]), *map(range, sizes[0])):
        needed.append(set())
        for tap_y, tap_x in product(*map(range, sizes[1])):
            row = y * f["stride_y"] + tap_y * f["dilation_y"] - f["pad_top"]
            column = x * f["stride_x"] + tap_x * f["dilation_x"] - f["pad_left"]
            if 0 <= row < f["input_height"] and 0 <= column < f["input_width"]:
                needed[-1].add((batch * f["input_height"] + row) * f["input_width"] + column)
    for first in range(len(needed)):
        end = min(first + at_once, len(needed)) * written - lead  # behind the input's beginning
        if any(pixel * read < end for later in needed[first:] for pixel in later):
            return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize(("cpu", "variant"), [("cortex-m7", "dsp"), ("cortex-m7", "c"), ("rv32imc", "rv32")])
def test_pixels_need_what_lies_under_their_windows(cpu: str, variant: str) -> None:
    """What lies above the window of the first unfinished pixel may be gone; below those at work nothing is read."""
    chip = ChipKernels(cpu, variants=("dsp", "rv32", "c", *_REF))
    seen = 0
    for make in CASES:
        case = make(np.random.default_rng(1))
        for name in (variant, "ref"):
            call = case.call(name)
            kernel = next(one for one in KERNELS if one.function == call.function)
            if kernel.walk == "pixels":
                events = _events(chip, case, call)
                _check(events, chip, case, call, kernel.at_once)
                _check_lead(events, chip, case, call, max(4, kernel.at_once))
                seen += 1
    assert seen > len(CASES)


_IT_BITS = 0x0600FC00  # of CPSR, see it_block.h
Events = list[tuple[bool, int, int]]


def _events(chip: ChipKernels, case: cases.Case, call: Any) -> Events:
    """Whether something is written, where, and how many bytes."""
    events: Events = []
    engine = chip._simulator._engine
    is_arm = not chip._simulator.instruction_set.is_riscv

    def see(_engine: object, kind: int, address: int, size: int, *_: object) -> None:
        if is_arm:  # as it_block.h
            engine.reg_write(UC_ARM_REG_CPSR, engine.reg_read(UC_ARM_REG_CPSR) & ~_IT_BITS)
        events.append((kind == UC_MEM_WRITE, address, size))

    hooks = [engine.hook_add(kind, see) for kind in (UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE)]
    chip.run(call, case.inputs, case.output_bytes)
    for hook in hooks:
        engine.hook_del(hook)
    return events


def _check_lead(events: Events, chip: ChipKernels, case: cases.Case, call: Any, pixels: int) -> None:
    """No byte is read after what is written would lie there, and `pixels` more are enough."""
    begin, output = chip.arguments[1:3]
    behind, least = 0, -len(case.inputs[0].tobytes())
    for is_write, address, size in events:
        if is_write and output <= address < output + case.output_bytes:
            behind = max(behind, address + size - output)
        elif not is_write and begin <= address < begin + case.inputs[0].size:
            least = max(least, behind - (address - begin))
    f, lead = call.fields, call.overlaps[0].lead
    pixel_bytes = f.get("output_channels", f.get("channels"))
    assert least - _SLACK_BYTES < lead < least + pixels * pixel_bytes + _SLACK_BYTES, (case.name, call.function)


def _check(events: Events, chip: ChipKernels, case: cases.Case, call: Any, at_once: int) -> None:
    begin, output = chip.arguments[1:3]
    f = call.fields
    channels = f.get("output_channels", f.get("channels"))
    row_bytes = case.inputs[0].size // f["input_height"]
    # when each byte of the output has its last value
    made = np.zeros(case.output_bytes, int)
    for time, (is_write, address, size) in enumerate(events):
        if is_write and output <= address < output + case.output_bytes:
            made[address - output : address - output + size] = time
    for time, (is_write, address, _) in enumerate(events):
        is_missing = made > time
        if not is_write and begin <= address < begin + case.inputs[0].size and is_missing.any():
            first = int(is_missing.argmax()) // channels
            lowest, highest = (
                pixel // f["output_width"] * f["stride_y"] - f["pad_top"] for pixel in (first, first + at_once - 1)
            )
            highest += (f["kernel_height"] - 1) * f.get("dilation_y", 1) + 1
            at = address - begin
            assert lowest * row_bytes - _SLACK_BYTES <= at < highest * row_bytes + _SLACK_BYTES, (case.name, first)
