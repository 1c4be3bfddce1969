"""Style plain: each operator as one loop nest straight from its definition, for every spec and every machine.

They are what the faster styles are tested against, and what `aot` schedules. Formulas: TFLite's reference kernels.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import numpy as np
from tvm.script import tirx as T

from tinyflow.backends.tvm import schedules
from tinyflow.backends.tvm.arithmetic import clamp, divide_by_power_of_two, doubling_high_mul, requantise
from tinyflow.backends.tvm.kernel import Array, Kernel, Parameter, Role, Weights
from tinyflow.backends.tvm.specs import (
    AddSpec,
    ConvolutionSpec,
    ConvSpec,
    DenseSpec,
    DepthwiseSpec,
    FeatureMap,
    FillBorderSpec,
    PadSpec,
    PoolSpec,
    SoftmaxSpec,
    Spec,
)

Expr = Any


@singledispatch
def build(spec: Spec) -> Kernel:
    """The plain kernel of a spec."""
    raise TypeError(f"no kernel for {type(spec).__name__}")


def fold_zero_point(values: Array, bias: Array, zero_point: int) -> Array:
    """The bias that makes accumulators over raw inputs equal to accumulators over (input - zero point).

    `values` is [output channel, …]. Exact with padding too, since padding holds the zero point.
    """
    sums = values.reshape(len(values), -1).astype(np.int64).sum(axis=1)
    return (bias.astype(np.int64) - zero_point * sums).astype(np.int32)


def feature_map(name: str, role: Role, feature: FeatureMap) -> Parameter:
    """A whole feature map as a parameter."""
    return Parameter(name, role, "int8", feature.stored_bytes, 1)


def vector(name: str, role: Role, elements: int, dtype: str = "int32") -> Parameter:
    """A one-dimensional parameter."""
    return Parameter(name, role, dtype, elements, np.dtype(dtype).itemsize)


def channel_constants(channels: int) -> tuple[Parameter, ...]:
    """Bias, multiplier and shift of each channel."""
    return tuple(vector(name, "constant", channels) for name in ("bias", "multiplier", "shift"))


def pack_nothing(_: Weights) -> Mapping[str, Array]:
    """The constants of a kernel that has none."""
    return {}


def read_padded(buffer: Any, row: Expr, column: Expr, channel: Expr, spec: ConvolutionSpec) -> Expr:
    """The input at a place relative to the feature map, which may lie in the padding, as int32."""
    feature = spec.input
    value = T.Cast("int32", buffer[row + feature.border.top, column + feature.border.left, channel])
    if feature.border.covers(spec.padding):
        return value
    inside = T.And(T.And(row >= 0, row < feature.height), T.And(column >= 0, column < feature.width))
    return T.if_then_else(inside, value, T.int32(spec.input_zero_point))


# CONV_2D: out[y, x, c] = requantise(bias[c] + Σ in[y*s + i - pad, x*s + j - pad, k] * w[c, i, j, k])
# TFLite, kernels/internal/reference/integer_ops/conv.h


@build.register
def conv(spec: ConvSpec) -> Kernel:
    """CONV_2D with weights as TFLite has them."""
    height, width, channels = spec.output.height, spec.output.width, spec.output.channels
    rows, columns, depth = *spec.kernel, spec.input.channels
    down, right = spec.stride
    top, left = spec.output.border.top, spec.output.border.left

    @T.prim_func(s_tir=True)
    def conv2d(
        data: T.Buffer(spec.input.stored_shape, "int8"),
        weights: T.Buffer((channels, rows, columns, depth), "int8"),
        bias: T.Buffer((channels,), "int32"),
        multiplier: T.Buffer((channels,), "int32"),
        shift: T.Buffer((channels,), "int32"),
        output: T.Buffer(spec.output.stored_shape, "int8"),
    ):
        T.func_attr({"tirx.noalias": True})
        total = T.sblock_alloc_buffer((height, width, channels), "int32")
        for y, x, c, i, j, k in T.grid(height, width, channels, rows, columns, depth):
            with T.sblock("accumulate"):
                vy, vx, vc, vi, vj, vk = T.axis.remap("SSSRRR", [y, x, c, i, j, k])
                with T.init():
                    total[vy, vx, vc] = bias[vc]
                total[vy, vx, vc] += read_padded(
                    data, vy * down + vi - spec.padding.top, vx * right + vj - spec.padding.left, vk, spec
                ) * T.Cast("int32", weights[vc, vi, vj, vk])
        for y, x, c in T.grid(height, width, channels):
            with T.sblock("requantise"):
                vy, vx, vc = T.axis.remap("SSS", [y, x, c])
                output[vy + top, vx + left, vc] = requantise(
                    total[vy, vx, vc], multiplier[vc], shift[vc], spec.requantisation
                )

    return Kernel(
        schedules.one_at_a_time(conv2d),
        (
            feature_map("data", "input", spec.input),
            vector("weights", "constant", channels * spec.reduction, "int8"),
            *channel_constants(channels),
            feature_map("output", "output", spec.output),
        ),
        lambda given: {
            "weights": given.values,
            "bias": fold_zero_point(given.values, given.bias, spec.input_zero_point),
            "multiplier": given.multiplier,
            "shift": given.shift,
        },
    )
