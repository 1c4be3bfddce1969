"""FULLY_CONNECTED over rows of weights as a file has them: every variant gives the bytes of ref, on its chip."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests_support import examples
from tinynn_calls import ChipKernels, HostKernels

from tinyflow.backends.arrays import Constant
from tinyflow.backends.tinynn.calls import Call


@dataclass(frozen=True)
class _Rows:
    seed: int
    batches: int
    inputs: int
    outputs: int
    widened: int
    is_per_channel: bool
    has_bias: bool
    is_extreme: bool
    clamp: tuple[int, int]
    zero_points: tuple[int, int]

    def call(self, variant: str) -> tuple[Call, np.ndarray[Any, np.dtype[np.int8]]]:
        """The call and its input, the same for every variant."""
        draw = np.random.default_rng(self.seed)
        values = [-128, 127] if self.is_extreme else range(-128, 128)
        weights = draw.choice(values, (self.outputs, self.inputs)).astype(np.int8)
        x = draw.choice(values, (self.batches, self.inputs)).astype(np.int8)
        # a file's bias may be anything; sums of products have their own size
        size = 2**31 - 2**24 if self.is_extreme else 2**14
        bias = draw.integers(-size, size, self.outputs, dtype=np.int32)
        if self.is_extreme:
            bias[:] = np.where(draw.random(len(bias)) < 0.5, size, bias)
        records = np.zeros((self.outputs if self.is_per_channel else 1, 3), np.int32)
        multipliers = draw.integers(2**31 - 2**24 if self.is_extreme else 2**30, 2**31, len(records))
        shifts = draw.choice([-20, -19, -1], len(records)) if self.is_extreme else draw.integers(-12, -4, len(records))
        is_plain = variant == "ref"
        records[:, 1] = multipliers if is_plain else (2 * multipliers).astype(np.uint32).view(np.int32)
        records[:, 2] = shifts if is_plain else -shifts - 1
        fields = {
            "weights": Constant(weights),
            "bias": Constant(bias) if self.has_bias else 0,
            "channels": Constant(records, struct="tinynn_channel"),
            "is_per_channel": int(self.is_per_channel),
            "batches": self.batches,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "input_zero_point": self.zero_points[0],
            "output_zero_point": self.zero_points[1],
            "lowest": self.clamp[0],
            "highest": self.clamp[1],
            "widened": self.widened,
        }
        return Call(f"tinynn_rows_{variant}", "tinynn_rows", fields, True, 2 * self.widened), x  # type: ignore[arg-type]


@st.composite
def _rows(draw: st.DrawFn) -> _Rows:
    """Simple layers, with whole words of inputs and one scale, more often than not; any part of the inputs widened."""
    inputs = draw(st.one_of(st.integers(1, 30).map(lambda eights: 8 * eights), st.integers(1, 140)))
    return _Rows(
        seed=draw(st.integers(0, 2**32 - 1)),
        batches=draw(st.integers(1, 2)),
        inputs=inputs,
        outputs=draw(st.integers(1, 19)),
        widened=8 * draw(st.integers(0, inputs // 8)),
        is_per_channel=draw(st.integers(0, 3)) == 0,
        has_bias=draw(st.integers(0, 3)) > 0,
        is_extreme=draw(st.booleans()),
        clamp=draw(st.sampled_from([(-128, 127), (-128, 127), (-7, 127), (-128, 90), (-100, 100)])),
        zero_points=(draw(st.integers(-128, 127)), draw(st.integers(-128, 127))),
    )


@cache
def _host() -> HostKernels:
    return HostKernels()


@cache
def _chip(cpu: str, variant: str) -> ChipKernels:
    return ChipKernels(cpu, variants=(variant, "c"))


def _check(machine: Any, variant: str, count: int) -> None:
    @examples(count)
    @given(_rows(), st.sampled_from([0, 0, 0, 1, 2, 3]))
    def holds(rows: _Rows, skew: int) -> None:
        call, x = rows.call("ref")
        expected = _host().run(call, [x], rows.batches * rows.outputs).output
        call, x = rows.call(variant)
        got = machine.run(call, [x], rows.batches * rows.outputs, skew=skew).output
        np.testing.assert_array_equal(expected, got, err_msg=str(rows))

    holds()


def test_portable_variant() -> None:
    """The variant c, compiled for this machine."""
    _check(_host(), "c", 20)


@pytest.mark.slow
@pytest.mark.parametrize(("cpu", "variant"), [("cortex-m7", "dsp"), ("rv32imc", "rv32")])
def test_variant_on_its_chip(cpu: str, variant: str) -> None:
    """Every remainder of inputs, outputs and widened inputs."""
    _check(_chip(cpu, variant), variant, 300)
