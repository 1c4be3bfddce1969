"""Style plain: each operator as one loop nest straight from its definition, for every spec and every machine.

They are what the faster styles are tested against, and what `aot` schedules. Formulas: TFLite's reference kernels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from tvm import s_tir
from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels import softmax
from tinyflow.backends.tvm.kernels.arithmetic import clamp, divide_by_power_of_two, doubling_high_mul, requantise
from tinyflow.backends.tvm.kernels.kernel import Array, Kernel, Machine, Weights
from tinyflow.backends.tvm.kernels.packing import folded_bias
from tinyflow.backends.tvm.kernels.specs import (
    AddSpec,
    ConvolutionSpec,
    ConvSpec,
    DenseSpec,
    DepthwiseSpec,
    PoolSpec,
    Rescale,
    SoftmaxSpec,
    Spec,
    WeightedSpec,
)
from tinyflow.backends.tvm.kernels.walks import in_parts
from tinyflow.model.fixed_point import ADD_LEFT_SHIFT

Expr = Any


@dataclass(frozen=True)
class Loops:
    """What tuning may change of a loop nest: outputs at once, which loop of the products is innermost and how unrolled.

    Each divides what it is about.
    """

    group: int = 1
    """Neighbours in the order of the output's layout."""
    inner: int = -1
    """Of the loops over products in the order of the input's layout."""
    unrolled: int = 1


@singledispatch
def build(spec: Spec) -> Kernel:
    """The plain kernel of a spec."""
    raise TypeError(f"no kernel for {type(spec).__name__}")


def _constants(spec: WeightedSpec, given: Weights, weights: Array) -> Mapping[str, Array]:
    """Weights in a layout, with bias, multiplier and shift of each channel."""
    scale = {"multiplier": given.multiplier, "shift": given.shift}
    return {"weights": np.ascontiguousarray(weights), "bias": folded_bias(spec, given), **scale}


def read_padded(buffer: Any, row: Expr, column: Expr, channel: Expr, spec: ConvolutionSpec) -> Expr:
    """The input at a place that may lie in the padding, as int32."""
    feature = spec.input
    value = T.Cast("int32", buffer[feature.place(row, column, channel)])
    if not spec.padding:
        return value
    inside = is_inside(row, column, feature.height, feature.width)
    return T.if_then_else(inside, value, T.int32(spec.input_zero_point))


def is_inside(row: Expr, column: Expr, height: int, width: int) -> Expr:
    """Whether a place lies in a feature map."""
    return T.And(T.And(row >= 0, row < height), T.And(column >= 0, column < width))


def one_at_a_time(definition: Any, order: Sequence[int] | None = None) -> Any:
    """Blocks `accumulate` and `requantise` so that each output is finished before the next: its sum is one scalar.

    `order`: the reduction's loops, outermost first, where it isn't the definition's.
    """
    schedule = s_tir.Schedule(definition)
    accumulate, finish = schedule.get_sblock("accumulate"), schedule.get_sblock("requantise")
    innermost = schedule.get_loops(finish)[-1]
    schedule.compute_at(accumulate, innermost, preserve_unit_loops=True)
    depth = len(schedule.get_loops(finish))
    if order is not None:
        reduction = schedule.get_loops(accumulate)[-len(order) :]
        schedule.reorder(*(reduction[place] for place in order))
    schedule.decompose_reduction(accumulate, schedule.get_loops(accumulate)[depth])
    return schedule.mod["main"]


def _tiled(definition: Any, rank: int, loops: Loops) -> Any:
    """The same with loops as tuning has them; `rank`: how many there are over products."""
    schedule = s_tir.Schedule(definition)
    accumulate, finish = schedule.get_sblock("accumulate"), schedule.get_sblock("requantise")
    outer, each = schedule.split(schedule.get_loops(finish)[-1], factors=[None, loops.group])
    schedule.compute_at(accumulate, outer, preserve_unit_loops=True)
    depth = len(schedule.get_loops(finish)) - 1
    *_, together = schedule.get_loops(accumulate)[:-rank]
    reduction = schedule.get_loops(accumulate)[-rank:]
    inner = reduction.pop(loops.inner)
    some, few = schedule.split(inner, factors=[None, loops.unrolled])
    schedule.reorder(*reduction, some, few, together)
    for loop in (few, together, each):
        schedule.unroll(loop)
    first = schedule.decompose_reduction(accumulate, schedule.get_loops(accumulate)[depth])
    schedule.unroll(schedule.get_loops(first)[-1])
    return schedule.mod["main"]


# CONV_2D: out[y, x, c] = requantise(bias[c] + Σ in[y*s + i - pad, x*s + j - pad, k] * w[c, i, j, k])
# TFLite, kernels/internal/reference/integer_ops/conv.h


@build.register
def conv(spec: ConvSpec, machine: Machine | None = None, loops: Loops | None = None) -> Kernel:
    """CONV_2D. Outputs are computed in the order of their layout; weights and products lie in that of the input's."""
    channels, source, result = spec.output.channels, spec.input, spec.output
    window = source.place(*spec.kernel, source.channels)
    down, right = spec.stride

    @T.prim_func(s_tir=True)
    def conv2d(
        data: T.Buffer(spec.input.shape, "int8"),
        weights: T.Buffer((channels, *window), "int8"),
        bias: T.Buffer((channels,), "int32"),
        multiplier: T.Buffer((channels,), "int32"),
        shift: T.Buffer((channels,), "int32"),
        output: T.Buffer(spec.output.shape, "int8"),
    ):
        T.func_attr({"tirx.noalias": True})
        total = T.sblock_alloc_buffer(result.shape, "int32")
        for p, q, r, u, v, w in T.grid(*result.shape, *window):
            with T.sblock("accumulate"):
                vp, vq, vr, vu, vv, vw = T.axis.remap("SSSRRR", [p, q, r, u, v, w])
                y, x, c = T.meta_var(result.axes(vp, vq, vr))
                i, j, k = T.meta_var(source.axes(vu, vv, vw))
                with T.init():
                    total[vp, vq, vr] = bias[c]
                total[vp, vq, vr] += read_padded(
                    data, y * down + i - spec.padding.top, x * right + j - spec.padding.left, k, spec
                ) * T.Cast("int32", weights[c, vu, vv, vw])
        for p, q, r in T.grid(*result.shape):
            with T.sblock("requantise"):
                vp, vq, vr = T.axis.remap("SSS", [p, q, r])
                c = T.meta_var(result.axes(vp, vq, vr)[2])
                output[vp, vq, vr] = requantise(total[vp, vq, vr], multiplier[c], shift[c], spec.requantisation)

    def pack(given: Weights) -> Mapping[str, Array]:
        return _constants(spec, given, given.values.transpose(0, *(axis + 1 for axis in source.place(0, 1, 2))))

    if loops is not None:
        return Kernel.of(_tiled(conv2d, 3, loops), pack)
    return Kernel.of(one_at_a_time(conv2d, _channels_innermost(spec, machine)), pack)


def _channels_innermost(spec: ConvSpec, machine: Machine | None) -> tuple[int, ...] | None:
    """An order of the loops over products, where that of the layout is slower, as measured.

    Whether a place lies in the padding depends on row and column only, so it is asked once for all channels. On RISC-V
    each channel's address then takes an instruction more than that saves, since planes are too far apart for offsets.
    """
    if machine is None or machine.isa == "riscv":
        return None
    return spec.input.axes(0, 1, 2)


# DEPTHWISE_CONV_2D: out[y, x, c] = requantise(bias[c] + Σ in[y*s + i - pad, x*s + j - pad, c / multiple] * w[i, j, c])
# TFLite, kernels/internal/reference/integer_ops/depthwise_conv.h


@build.register
def depthwise(spec: DepthwiseSpec, loops: Loops | None = None) -> Kernel:
    """DEPTHWISE_CONV_2D. Outputs are computed, and weights lie, in the order of the output's layout."""
    channels, result = spec.output.channels, spec.output
    rows, columns = spec.kernel
    window = result.place(rows, columns, channels)
    down, right = spec.stride
    multiple = channels // spec.input.channels

    @T.prim_func(s_tir=True)
    def depthwise2d(
        data: T.Buffer(spec.input.shape, "int8"),
        weights: T.Buffer(window, "int8"),
        bias: T.Buffer((channels,), "int32"),
        multiplier: T.Buffer((channels,), "int32"),
        shift: T.Buffer((channels,), "int32"),
        output: T.Buffer(spec.output.shape, "int8"),
    ):
        T.func_attr({"tirx.noalias": True})
        total = T.sblock_alloc_buffer(result.shape, "int32")
        for p, q, r, i, j in T.grid(*result.shape, rows, columns):
            with T.sblock("accumulate"):
                vp, vq, vr, vi, vj = T.axis.remap("SSSRR", [p, q, r, i, j])
                y, x, c = T.meta_var(result.axes(vp, vq, vr))
                with T.init():
                    total[vp, vq, vr] = bias[c]
                total[vp, vq, vr] += read_padded(
                    data, y * down + vi - spec.padding.top, x * right + vj - spec.padding.left, c // multiple, spec
                ) * T.Cast("int32", weights[result.place(vi, vj, c)])
        for p, q, r in T.grid(*result.shape):
            with T.sblock("requantise"):
                vp, vq, vr = T.axis.remap("SSS", [p, q, r])
                c = T.meta_var(result.axes(vp, vq, vr)[2])
                output[vp, vq, vr] = requantise(total[vp, vq, vr], multiplier[c], shift[c], spec.requantisation)

    def pack(given: Weights) -> Mapping[str, Array]:
        return _constants(spec, given, given.values[0].transpose(result.place(0, 1, 2)))

    return Kernel.of(one_at_a_time(depthwise2d) if loops is None else _tiled(depthwise2d, 2, loops), pack)


# FULLY_CONNECTED: out[c] = requantise(bias[c] + Σ in[k] * w[c, k])
# TFLite, kernels/internal/reference/integer_ops/fully_connected.h


@build.register
def dense(spec: DenseSpec, loops: Loops | None = None) -> Kernel:
    """FULLY_CONNECTED with weights as TFLite has them."""
    outputs, inputs = spec.outputs, spec.inputs

    @T.prim_func(s_tir=True)
    def fully_connected(
        data: T.Buffer((inputs,), "int8"),
        weights: T.Buffer((outputs, inputs), "int8"),
        bias: T.Buffer((outputs,), "int32"),
        multiplier: T.Buffer((outputs,), "int32"),
        shift: T.Buffer((outputs,), "int32"),
        output: T.Buffer((outputs,), "int8"),
    ):
        T.func_attr({"tirx.noalias": True})
        total = T.sblock_alloc_buffer((outputs,), "int32")
        for c, k in T.grid(outputs, inputs):
            with T.sblock("accumulate"):
                vc, vk = T.axis.remap("SR", [c, k])
                with T.init():
                    total[vc] = bias[vc]
                total[vc] += T.Cast("int32", data[vk]) * T.Cast("int32", weights[vc, vk])
        for c in range(outputs):
            with T.sblock("requantise"):
                vc = T.axis.spatial(outputs, c)
                output[vc] = requantise(total[vc], multiplier[vc], shift[vc], spec.requantisation)

    made = one_at_a_time(fully_connected) if loops is None else _tiled(fully_connected, 1, loops)
    return Kernel.of(made, lambda given: _constants(spec, given, given.values))


# ADD: out = clamp(zero point + rescale(rescale(left << 20) + rescale(right << 20)))
# TFLite, kernels/internal/reference/integer_ops/add.h


@build.register
def add(spec: AddSpec) -> Kernel:
    """ADD of two feature maps of one shape."""

    @T.prim_func(s_tir=True)
    def add(
        left: T.Buffer(spec.left.shape, "int8"),
        right: T.Buffer(spec.right.shape, "int8"),
        output: T.Buffer(spec.output.shape, "int8"),
    ):
        T.func_attr({"tirx.noalias": True})
        for p, q, r in T.grid(*spec.output.shape):
            place = T.meta_var(spec.output.axes(p, q, r))
            total: T.let = scaled_addend(
                left[spec.left.place(*place)], spec.left_zero_point, spec.left_scale
            ) + scaled_addend(right[spec.right.place(*place)], spec.right_zero_point, spec.right_scale)
            high: T.let = doubling_high_mul(total, T.int32(spec.output_scale.multiplier))
            output[p, q, r] = clamp(
                divide_by_power_of_two(high, T.int32(-spec.output_scale.shift)) + spec.output_zero_point,
                spec.lowest,
                spec.highest,
            )

    return Kernel.of(add)


def scaled_addend(value: Expr, zero_point: int, scale: Rescale) -> Expr:
    """One input of ADD on the common scale."""
    shifted = T.shift_left(T.Cast("int32", value) - T.int32(zero_point), T.int32(ADD_LEFT_SHIFT))
    return divide_by_power_of_two(doubling_high_mul(shifted, T.int32(scale.multiplier)), T.int32(-scale.shift))


# AVERAGE_POOL_2D: out = clamp(Σ in / count), rounded to nearest, halves away from zero
# MAX_POOL_2D: out = clamp(max in)
# TFLite, kernels/internal/reference/integer_ops/pooling.h


@build.register
def pool(spec: PoolSpec) -> Kernel:
    """AVERAGE_POOL_2D or MAX_POOL_2D over the cells that lie inside the feature map."""
    is_average = spec.operator == "average"
    rows, columns = spec.kernel
    down, right = spec.stride

    @T.prim_func(s_tir=True)
    def pool2d(
        data: T.Buffer(spec.input.shape, "int8"),
        output: T.Buffer(spec.output.shape, "int8"),
    ):
        T.func_attr({"tirx.noalias": True})
        total = T.alloc_buffer((1,), "int32")
        count = T.alloc_buffer((1,), "int32")
        for p, q, r in T.grid(*spec.output.shape):
            y, x, c = T.meta_var(spec.output.axes(p, q, r))
            total[0] = 0 if is_average else -128
            count[0] = 0
            for i, j in T.grid(rows, columns):
                row: T.let = y * down + i - spec.padding.top
                column: T.let = x * right + j - spec.padding.left
                if (row >= 0) & (row < spec.input.height) & (column >= 0) & (column < spec.input.width):
                    value: T.let = T.Cast("int32", data[spec.input.place(row, column, c)])
                    total[0] = total[0] + value if is_average else T.max(total[0], value)
                    count[0] = count[0] + 1
            output[p, q, r] = clamp(
                rounded_mean(total[0], count[0]) if is_average else total[0], spec.lowest, spec.highest
            )

    return Kernel.of(pool2d, overlaps=in_parts(spec, 1))


def rounded_mean(total: Expr, count: Expr) -> Expr:
    """Total / count to nearest, halves away from zero."""
    half = T.truncdiv(count, T.int32(2))
    return T.truncdiv(T.Select(total > 0, total + half, total - half), count)


@build.register
def softmax_rows(spec: SoftmaxSpec) -> Kernel:
    """SOFTMAX, which has one form for all styles."""
    return softmax.build(spec)
