"""From accumulators to outputs in portable TIR, in either form of `requantise`, and the constants for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels import requantise
from tinyflow.backends.tvm.kernels.arithmetic import clamp, divide_by_power_of_two, doubling_high_mul
from tinyflow.backends.tvm.kernels.kernel import Array, Pack, Weights
from tinyflow.backends.tvm.kernels.packing import by_channel, folded_bias
from tinyflow.backends.tvm.kernels.specs import Requantisation, WeightedSpec

Expr = Any


def scale_numbers(to: Requantisation) -> int:
    """Constants of a channel: offset and multiplier in the short form; bias, multiplier and shift in the long one."""
    return 3 if to.up is None else 2


@T.inline
def load_scale(numbers: Any, scale: Any, first: Any, channels: Any, to: Any) -> None:
    """The constants of some channels, from channel `first` on, into registers."""
    for c in T.unroll(channels):
        for n in T.unroll(scale_numbers(to)):
            numbers[c, n] = scale[first + c, n]


@T.inline
def add_offset(total: Any, at: Any, numbers: Any, channel: Expr, to: Requantisation) -> None:
    """The first step of rescaling, in place: TVM would do the sum in int64 if it were part of the product after it."""
    if to.up is None:
        total[at] = total[at] + numbers[channel, 0]
    else:
        total[at] = numbers[channel, 0] + T.shift_left(total[at], T.int32(to.up))


def rescaled(total: Expr, numbers: Any, channel: Expr, to: Requantisation) -> Expr:
    """An output from its accumulator with offset, in the form that the spec says."""
    if to.up is None:
        high = doubling_high_mul(total, numbers[channel, 1])
        moved = divide_by_power_of_two(high, numbers[channel, 2]) + T.int32(to.zero_point)
        return clamp(moved, to.lowest, to.highest)
    product = T.Cast("int64", total) * T.Cast("int64", numbers[channel, 1])
    high = T.Cast("int32", T.shift_right(product, T.int64(32))) + T.int32(to.zero_point << requantise.FRACTION_BITS)
    return clamp(T.shift_right(high, T.int32(requantise.FRACTION_BITS)), to.lowest, to.highest)


@T.inline
def put_tile(output: Any, at: Any, total: Any, numbers: Any, tile: Any, result: Any, to: Any) -> None:
    """The outputs of a tile of (pixels, channels) accumulators; `at` is its row, first column and first channel."""
    for p in T.unroll(tile[0]):
        for c in T.unroll(tile[1]):
            add_offset(total, p * tile[1] + c, numbers, c, to)
            output[result.place(at[0], at[1] + p, at[2] + c)] = rescaled(total[p * tile[1] + c], numbers, c, to)


def pack_scale(spec: WeightedSpec, given: Weights) -> tuple[Array, Array]:
    """Weights, [C, products], and the constants of all channels; ValueError where they aren't exact."""
    if spec.requantisation.up is not None:
        return requantise.pack(spec, given)
    if spec.requantisation.rounding != "double" or (given.shift > 0).any():
        raise ValueError("the long form rounds twice and shifts to the right")
    numbers = np.stack([folded_bias(spec, given), given.multiplier, -given.shift], axis=1)
    return by_channel(spec, given), numbers.astype(np.int32)


def packing(spec: WeightedSpec, arranged: Callable[[Array], Array] = lambda values: values) -> Pack:
    """Constants of a kernel: weights, arranged from [C, products], and those of all channels."""

    def pack(given: Weights) -> Mapping[str, Array]:
        values, scale = pack_scale(spec, given)
        return {"weights": np.ascontiguousarray(arranged(values)).ravel(), "scale": scale.ravel()}

    return pack
