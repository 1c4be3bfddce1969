"""Sums in fields of 16 bits: runs of products are as long as weights allow whatever the inputs are, and no longer."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tinynn_calls import ChipKernels, HostKernels

from tinyflow.backends.tinynn import choice
from tinyflow.backends.tinynn.layouts import LONGEST_RUN, Channels, in_runs, runs_in_fields

_LIMITS = np.iinfo(np.int16)
_WEIGHTS = st.one_of(st.sampled_from([-128, -127, 127, 0, 1, 2]), st.integers(-128, 127), st.integers(-20, 20))
_ROWS = st.integers(1, 20).flatmap(
    lambda products: st.lists(st.lists(_WEIGHTS, min_size=products, max_size=products), min_size=1, max_size=5)
)


def _fits(weights: np.ndarray[Any, Any]) -> bool:
    """Whether no inputs take a row's sum out of 16 bits: its largest and least, input by input."""
    ends = np.array([-128, 127])
    sums = [(ends * row[:, None]).max(axis=1).sum() for row in weights] + [
        (ends * row[:, None]).min(axis=1).sum() for row in weights
    ]
    return _LIMITS.min <= min(sums) and max(sums) <= _LIMITS.max


@given(_ROWS)
def test_runs_are_as_long_as_sums_fit(rows: list[list[int]]) -> None:
    """Of every pair of rows; one product more would not fit."""
    weights = np.array(rows, np.int8)
    for pair, lengths in zip(itertools.count(0, 2), runs_in_fields(weights, 2), strict=False):
        block = weights[pair : pair + 2].astype(np.int64)
        assert sum(lengths) == block.shape[1] and max(lengths) <= LONGEST_RUN
        first = 0
        for length in lengths:
            assert _fits(block[:, first : first + length])
            is_last = first + length == block.shape[1]
            assert is_last or length == LONGEST_RUN or not _fits(block[:, first : first + length + 1])
            first += length


def test_bounds_are_those_of_all_inputs() -> None:
    """Sums at the ends of 16 bits are in, and the next ones out, found by trying every pair of inputs."""
    values = np.arange(-128, 128)
    for row in ([-128, -128], [127, 127], [-128, -127], [-128, 127], [127, 128 - 256]):
        sums = np.add.outer(row[0] * values, row[1] * values)
        fits = _LIMITS.min <= sums.min() and sums.max() <= _LIMITS.max
        assert runs_in_fields(np.array([row], np.int8), 2) == [[2] if fits else [1, 1]]


@given(_ROWS)
def test_runs_keep_the_weights(rows: list[list[int]]) -> None:
    """Read again as a kernel does."""
    weights = np.array(rows, np.int8)
    stream = iter(in_runs(weights, 2, step=16).tolist())
    read = []
    for _ in range(0, len(rows), 2):
        pairs = []
        while length := next(stream) % 256:
            pairs += [next(stream) for _ in range(2 * length // 16)]
        read += [pairs[0::2], pairs[1::2]]
    assert next(stream, None) is None
    assert read[: len(rows)] == rows


def test_sums_at_both_ends_of_a_field() -> None:
    """Runs whose sums are 32767 and -32768 in both pixels of a word and both channels, and every mix of them."""
    low, high = (127, 127, 2, 0), (-128, -127, 1, 0)
    weights = np.array([(low + high) * 8, (high + low) * 8] * 4, np.int8)
    assert {*runs_in_fields(weights, 2)[0]} == {4}
    most = np.where(weights[:2] < 0, -128, 127).astype(np.int8)
    ends = [most[0], most[1], ~most[0], ~most[1], np.full(64, -128, np.int8), np.full(64, 127, np.int8)]
    pixels = np.array(list(itertools.product(ends, repeat=2)), np.int8).reshape(72, 64)
    sizes = {"batches": 1, "input_height": 8, "input_width": 9, "output_height": 8, "output_width": 9}
    ones = ("kernel_height", "kernel_width", "stride_y", "stride_x", "dilation_y", "dilation_x")
    fields = {
        **sizes,
        **{"input_channels": 64, "output_channels": 8, "pad_top": 0, "pad_left": 0, **dict.fromkeys(ones, 1)},
        **{"input_zero_point": 0, "output_zero_point": 0, "lowest": -128, "highest": 127},
    }
    channels = Channels([0, 5, -7, 1] * 2, np.full(8, 1 << 30, np.int32), np.full(8, -12, np.int32))
    calls = {name: choice.convolution(name, fields, weights.reshape(8, 1, 1, 64), channels) for name in ("ref", "rv32")}
    assert calls["rv32"].function == "tinynn_conv2d_fields_rv32"
    expected = HostKernels().run(calls["ref"], (pixels.reshape(1, 8, 9, 64),), 576).output
    chip = ChipKernels("rv32imc", variants=("rv32", "c"))
    assert np.unique(expected).size > 4
    np.testing.assert_array_equal(expected, chip.run(calls["rv32"], (pixels.reshape(1, 8, 9, 64),), 576).output)


@pytest.mark.parametrize(("weight", "function"), [(20, "conv2d_fields_rv32"), (127, "conv2d_rv32")])
def test_large_weights_keep_sums_of_32_bits(weight: int, function: str) -> None:
    """Where a field holds two products only; the reason is told."""
    fields: dict[str, Any] = {
        **dict.fromkeys(("batches", "kernel_height", "kernel_width", "stride_y", "stride_x"), 1),
        **dict.fromkeys(("dilation_y", "dilation_x"), 1),
        **dict.fromkeys(("input_height", "input_width", "output_height", "output_width"), 6),
        **{"input_channels": 64, "output_channels": 16, "pad_top": 0, "pad_left": 0},
        **{"input_zero_point": 0, "output_zero_point": 0, "lowest": -128, "highest": 127},
    }
    channels = Channels([0] * 16, np.full(16, 1 << 30, np.int32), np.full(16, -10, np.int32))
    call = choice.convolution("rv32", fields, np.full((16, 1, 1, 64), weight, np.int8), channels)
    assert call.function == f"tinynn_{function}"
    told = ["not tinynn_conv2d_fields_rv32: sums of 16 bits, for 2.0 products each, take as many instructions"]
    assert [*call.notes] == (told if weight == 127 else [])
