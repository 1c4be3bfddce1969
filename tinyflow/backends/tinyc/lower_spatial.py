"""Operators that add up many elements: convolutions, FULLY_CONNECTED, BATCH_MATMUL, pools, MEAN, RESIZE_BILINEAR."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.backends.arrays import Constant
from tinyflow.backends.programs.steps import ASIDE, Lowered, Lowering, Operand, Step
from tinyflow.backends.tinyc.lower_moving import addresses, copied, element_bytes
from tinyflow.backends.tinyc.strides import RANK, broadcast_strides, padded_to_rank
from tinyflow.backends.tinynn import choice
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.fields import convolution_fields, output_fields, plane_fields, pool_fields
from tinyflow.backends.tinynn.layouts import Channels
from tinyflow.model.arithmetic import mean
from tinyflow.model.arithmetic.moving import Array, Move
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.fixed_point import activation_range, dense_factor, rescaling_factor
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators.forms import activations, quantisation_of
from tinyflow.model.weighted import Weighted, integers, symmetric, weighted


def _bits(graph: Graph, operator: Operator) -> int:
    """Of a weight."""
    return ELEMENT_TYPES[graph.tensors[operator.inputs[1]].dtype].bits


def _read(graph: Graph, operator: Operator) -> tuple[Weighted, npt.NDArray[np.int8], Channels]:
    """The operator, its weights, and what it has for each output."""
    layer = symmetric(graph, operator)
    return layer, layer.weights.astype(np.int8), _channels(layer)


def _channels(layer: Weighted) -> Channels:
    parts = (layer.bias, layer.rescaling.multipliers, layer.rescaling.shifts)
    return Channels(*(part.astype(np.int32) for part in parts))


def _convolution(graph: Graph, operator: Operator, variant: str) -> Call:
    layer = weighted(graph, operator)
    if any(layer.weight_zero_points):
        return choice.asymmetric(convolution_fields(layer), layer.weights, _channels(layer), layer.weight_zero_points)
    layer, weights, channels = _read(graph, operator)
    bits = _bits(graph, operator)
    return choice.convolution(variant, convolution_fields(layer), weights, channels, bits=bits)


def _fully_connected(graph: Graph, operator: Operator, variant: str) -> Lowered:
    weights = graph.tensors[operator.inputs[1]]
    if weights.dtype == "int8" and (not weights.is_constant or _has_zero_point(weights)):
        return _any_rows(graph, operator, variant)
    layer, values, channels = _read(graph, operator)
    rows = values.reshape(layer.outputs, -1)
    bits = _bits(graph, operator)
    return choice.fully_connected(variant, dense_fields(layer), layer.input_zero_point, rows, channels, bits=bits)


def _has_zero_point(tensor: Tensor) -> bool:
    return tensor.quantisation is not None and any(tensor.quantisation.zero_points)


def _any_rows(graph: Graph, operator: Operator, variant: str) -> list[Step]:
    """FULLY_CONNECTED whose weights are computed, or have a zero point: rows of the one times rows of the other."""
    left, right = (graph.tensors[index] for index in operator.inputs[:2])
    outputs, depth = right.shape
    bias = graph.tensors[operator.inputs[2]] if len(operator.inputs) > 2 and operator.inputs[2] >= 0 else None
    fields = {
        "batches": {"shape": (1,) * RANK, "left_strides": (0,) * RANK, "right_strides": (0,) * RANK},
        **({} if bias is None else {"bias": Constant(integers(bias).astype(np.int32).reshape(-1))}),
        "rows": left.elements // depth,
        "columns": outputs,
        "depth": depth,
        **_steps("left_row", "left_step", 1, depth, is_turned=False),
        **_steps("right_column", "right_step", 1, depth, is_turned=False),
    }
    return _product(graph, operator, variant, fields)


def _batch_matmul(graph: Graph, operator: Operator, variant: str) -> list[Step]:
    return _product(graph, operator, variant, matmul_fields(graph, operator))


def matmul_fields(graph: Graph, operator: Operator) -> dict[str, Any]:
    """Of struct tinynn_matmul, but for scales and clamps."""
    left, right, output = activations(graph, operator)
    rows, columns = output.shape[-2:]
    depth = left.shape[-2 if operator.options["adj_x"] else -1]
    outer = (padded_to_rank(output.shape)[:-2], *(broadcast_strides(tensor.shape)[:-2] for tensor in (left, right)))
    names = ("shape", "left_strides", "right_strides")
    batches = {name: ((1, 1) if name == "shape" else (0, 0)) + axes for name, axes in zip(names, outer, strict=True)}
    return {
        "batches": batches,
        "rows": rows,
        "columns": columns,
        "depth": depth,
        **_steps("left_row", "left_step", rows, depth, is_turned=operator.options["adj_x"]),
        **_steps("right_column", "right_step", columns, depth, is_turned=not operator.options["adj_y"]),
    }


def _steps(outer: str, inner: str, rows: int, columns: int, *, is_turned: bool) -> dict[str, int]:
    """Elements from one row to the next, and inside of a row, of a matrix that may lie turned."""
    return {outer: 1, inner: rows} if is_turned else {outer: columns, inner: 1}


def _product(graph: Graph, operator: Operator, variant: str, fields: Mapping[str, Any]) -> list[Step]:
    """Of two matrices of int8, neither of which has a scale for each row."""
    left, right, output = (graph.tensors[index] for index in (*operator.inputs[:2], operator.outputs[0]))
    given, other, made = (quantisation_of(tensor) for tensor in (left, right, output))
    multiplier, shift = rescaling_factor(dense_factor(given.scale, other.scale, made.scale))
    lowest, highest = activation_range(operator.options.get("activation", "NONE"), made)
    scaling = {
        "left_zero_point": given.zero_point,
        "right_zero_point": other.zero_point,
        "output_zero_point": made.zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "lowest": lowest,
        "highest": highest,
    }
    call = choice.plain(variant, "matmul", {**fields, **scaling})
    return [Step(operator.index, call, (Operand(left.index), Operand(right.index)), Operand(output.index))]


def _transpose_conv(graph: Graph, operator: Operator, variant: str) -> Lowered:
    """By its definition in ref; else one convolution that computes each block of outputs as the channels of a pixel."""
    layer, weights, channels = _read(graph, operator)
    if not goes_by_blocks(layer, variant):
        records = np.stack([channels.bias, channels.multipliers, channels.shifts], axis=1).astype(np.int32)
        constants = {"weights": Constant(weights), "channels": Constant(records, struct="tinynn_channel")}
        return choice.plain(variant, "transpose_conv", {**constants, **convolution_fields(layer)})

    def convolve(fields: Mapping[str, int], kernels: npt.NDArray[np.int8], times: int) -> Call:
        return choice.convolution(variant, fields, kernels, Channels(*(np.tile(part, times) for part in channels)))

    return by_blocks(operator, variant, layer, weights, convolve)


# fields, kernels, how often the channels of the layer are there
Convolve = Callable[[Mapping[str, int], "npt.NDArray[np.int8]", int], Call]


def goes_by_blocks(layer: Weighted, variant: str) -> bool:
    """Whether blocks are mostly of what kernels reach: a stride may be of millions."""
    return variant != "ref" and all(
        stride <= 2 * size for stride, size in zip(layer.window.stride, layer.window.size, strict=True)
    )


def by_blocks(
    operator: Operator, variant: str, layer: Weighted, weights: npt.NDArray[np.int8], convolve: Convolve
) -> Iterator[Step]:
    """Outputs y with (y + padding) % stride = r are a convolution by every stride-th row of the kernel from r on.

    All of them are one convolution, whose channels are those of a block; kernels are filled up with zeros.
    """
    (height, width), (tall, wide) = layer.output.shape[1:3], layer.window.stride
    (top, left), (rows, columns) = layer.window.before, layer.window.size
    taps = -(-rows // tall), -(-columns // wide)
    filled = np.zeros((layer.outputs, taps[0] * tall, taps[1] * wide, weights.shape[3]), np.int8)
    filled[:, :rows, :columns] = weights
    # [out, tap, row of block, tap, column of block, in] → [row, column, out, taps turned, in]
    apart = filled.reshape(layer.outputs, taps[0], tall, taps[1], wide, -1)[:, ::-1, :, ::-1]
    kernels = np.ascontiguousarray(apart.transpose(2, 4, 0, 1, 3, 5)).reshape(-1, *taps, weights.shape[3])
    is_dense = (tall, wide) == (1, 1)
    blocks = (height, width) if is_dense else (-(-(height + top) // tall), -(-(width + left) // wide))
    depth = tall * wide * layer.outputs
    fields = {
        **convolution_fields(layer),
        "output_height": blocks[0],
        "output_width": blocks[1],
        "output_channels": depth,
        "kernel_height": taps[0],
        "kernel_width": taps[1],
        "stride_y": 1,
        "stride_x": 1,
        "pad_top": taps[0] - 1 - (top if is_dense else 0),
        "pad_left": taps[1] - 1 - (left if is_dense else 0),
    }
    call = convolve(fields, kernels, tall * wide)
    source, output = Operand(layer.source.index), Operand(layer.output.index)
    if is_dense:
        yield Step(operator.index, call, (source,), output)
        return
    batches = layer.source.shape[0]
    shape = (batches, *blocks, tall, wide, layer.outputs)
    size = element_bytes(layer.output)
    yield Step(operator.index, call, (source,), Operand(ASIDE), aside_bytes=math.prod(shape) * size)
    aside, made = addresses(shape, size), addresses(layer.output.shape, size)
    if (top, left, height % tall, width % wide) == (0, 0, 0, 0):
        whole = made.reshape(batches, blocks[0], tall, blocks[1], wide, layer.outputs)
        moves = [Move(0, whole, 0, aside.swapaxes(2, 3))]
    else:
        moves = [_of_block(aside, made, row, column, (top, left)) for row, column in np.ndindex(tall, wide)]
    for move in moves:
        if move.target.size:
            moving, begins, ends = copied(move, layer.output, variant)
            yield Step(operator.index, moving, (Operand(ASIDE, begins),), replace(output, offset_bytes=ends))


def _of_block(aside: Array, made: Array, row: int, column: int, before: tuple[int, int]) -> Move:
    """Where the outputs at one place of all blocks go."""
    parts = []
    for axis, (at, padding) in enumerate(zip((row, column), before, strict=True)):
        step, size = aside.shape[3 + axis], made.shape[1 + axis]
        first = (at - padding) % step
        block = (first + padding) // step
        parts.append((slice(first, None, step), slice(block, block + len(range(first, size, step)))))
    (rows, blocks), (columns, others) = parts
    return Move(0, made[:, rows, columns], 0, aside[:, blocks, others, row, column])


def _resize_bilinear(graph: Graph, operator: Operator, variant: str) -> Call:
    source, output = activations(graph, operator)
    aligned = operator.options["align_corners"]

    def scale(axis: int) -> int:
        """In 10 fraction bits, rounded: ResizeBilinearInteger of TFLite's resize_bilinear.h."""
        given, made = source.shape[axis], output.shape[axis]
        less = int(aligned and made > 1)
        return int(1024 * (given - less) + (made - less) // 2) // (made - less)

    fields = {"row_scale": scale(1), "column_scale": scale(2)}
    fields["is_centred"] = int(operator.options["half_pixel_centers"])
    return choice.plain(variant, "resize_bilinear", {**plane_fields(source, output), **fields})


def dense_fields(layer: Weighted) -> dict[str, int]:
    """Of struct tinynn_fully_connected, all but pointers."""
    inputs = layer.weights[0].size
    sizes = {"batches": layer.source.elements // inputs, "inputs": inputs, "outputs": layer.outputs}
    return {**sizes, **output_fields(layer)}


def _pool(graph: Graph, operator: Operator, variant: str) -> Call:
    kernel = "max_pool" if operator.name == "MAX_POOL_2D" else "average_pool"
    return choice.plain(variant, kernel, pool_fields(graph, operator))


def _mean(graph: Graph, operator: Operator, variant: str) -> Call:
    return choice.plain(variant, "mean", mean_fields(graph, operator))


def mean_fields(graph: Graph, operator: Operator, form: str = "int8") -> dict[str, Any]:
    """Of struct tinynn_mean."""
    shape = graph.tensors[operator.inputs[0]].shape
    axes = mean.axes_of(graph, operator)
    return {
        "shape": padded_to_rank(shape),
        "reduced": (0,) * (RANK - len(shape)) + tuple(int(axis in axes) for axis in range(len(shape))),
        **mean.constants_of(graph, operator, form),
    }


LOWERINGS: Mapping[str, Lowering] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _fully_connected,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
    "TRANSPOSE_CONV": _transpose_conv,
    "RESIZE_BILINEAR": _resize_bilinear,
    "BATCH_MATMUL": _batch_matmul,
}
