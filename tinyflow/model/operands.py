"""How many tensors each operator of the TFLite schema reads and writes, and what its constants say of its output.

A file can claim anything: everything behind the readers relies on what is checked here. Raises ModelError without a
place (`where`), and names no operator's index; the caller knows both. Operators without an entry are not checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Operator, Shape, Tensor

_ANY = 1 << 16  # of inputs or outputs; more than any file of a sane size has


class Operands(NamedTuple):
    """Inputs that must be there, inputs at most (the others may be absent), outputs: as TFLM's kernels count them."""

    least: int
    most: int
    outputs: int = 1


_UNARY = """ABS CAST CEIL COS DEPTH_TO_SPACE DEQUANTIZE ELU EXP FLOOR GELU HARD_SWISH L2_NORMALIZATION LEAKY_RELU LOG
    LOGICAL_NOT LOGISTIC LOG_SOFTMAX NEG QUANTIZE RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT SHAPE SIGN SIN SOFTMAX
    SPACE_TO_DEPTH SQRT SQUARE SQUEEZE TANH ZEROS_LIKE RANK AVERAGE_POOL_2D MAX_POOL_2D L2_POOL_2D"""
_BINARY = """ADD ARG_MAX ARG_MIN BATCH_MATMUL BROADCAST_ARGS BROADCAST_TO CUMSUM DIV EMBEDDING_LOOKUP EQUAL EXPAND_DIMS
    FILL FLOOR_DIV FLOOR_MOD GATHER GATHER_ND GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR MAXIMUM MEAN
    MINIMUM MIRROR_PAD MUL NOT_EQUAL POW PRELU REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD RESIZE_BILINEAR
    RESIZE_NEAREST_NEIGHBOR REVERSE_V2 SQUARED_DIFFERENCE SUB SUM TILE TRANSPOSE"""
_TERNARY = "BATCH_TO_SPACE_ND PADV2 SELECT SELECT_V2 SLICE SPACE_TO_BATCH_ND"
_OPERANDS: Mapping[str, Operands] = {
    **dict.fromkeys(_UNARY.split(), Operands(1, 1)),
    **dict.fromkeys(_BINARY.split(), Operands(2, 2)),
    **dict.fromkeys(_TERNARY.split(), Operands(3, 3)),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"), Operands(2, 3)),
    **dict.fromkeys(("ADD_N", "CONCATENATION", "PACK"), Operands(1, _ANY)),
    "PAD": Operands(2, 3),  # TFLM takes PADV2's value here too
    "RESHAPE": Operands(1, 2),
    "SPLIT": Operands(2, 2, _ANY),
    "SPLIT_V": Operands(3, 3, _ANY),
    "STRIDED_SLICE": Operands(4, 5),
    "TRANSPOSE_CONV": Operands(3, 4),
    "UNPACK": Operands(1, 1, _ANY),
}


def check_operands(graph: Graph, operator: Operator) -> None:
    """Raise ModelError for too few or too many inputs or outputs, and for constants that don't give the output's shape.

    Tensor indices must be valid already.
    """
    _check_numbers(operator)
    rule = _RULES.get(operator.name)
    if rule is not None:
        rule(graph, operator)


def _check_numbers(operator: Operator) -> None:
    if not operator.outputs:
        raise ModelError("has no output")
    least, most, outputs = _OPERANDS.get(operator.name, Operands(1, _ANY, _ANY))
    given = len(operator.inputs)
    if min(operator.inputs[:least], default=-1) < 0 or given < least:
        raise ModelError(f"lacks an input: it reads {_count(least, most)}")
    if given > most:
        raise ModelError(f"reads {given} tensors, not {_count(least, most)}")
    if len(operator.outputs) > outputs:
        raise ModelError(f"writes {len(operator.outputs)} tensors, not {outputs}")
    # only what comes behind the inputs that must be there may be absent, and a list has no gaps
    if most == _ANY and operator.name in _OPERANDS and min(operator.inputs) < 0:
        raise ModelError("lacks an input")


def _count(least: int, most: int) -> str:
    return f"{least}" if least == most else f"{least} or more" if most == _ANY else f"{least} to {most}"


def _need(condition: bool, what: str) -> None:
    if not condition:
        raise ModelError(what)


def _numbers(tensor: Tensor) -> list[int] | None:
    """The values of a constant of int32 or int64; None for what is known only when the network runs."""
    if tensor.dtype not in ("int32", "int64"):
        raise ModelError(f"takes int32 numbers from {tensor.name}, which is {tensor.dtype}")
    if tensor.data is None:
        return None
    numbers: list[int] = np.frombuffer(tensor.data, "<i4" if tensor.dtype == "int32" else "<i8").tolist()
    return numbers


def _constants(graph: Graph, operator: Operator, *positions: int) -> list[list[int]] | None:
    """Lists of numbers that the operator reads; None where one is not constant."""
    lists = [_numbers(graph.tensors[operator.inputs[position]]) for position in positions]
    known = [numbers for numbers in lists if numbers is not None]
    return known if len(known) == len(lists) else None


def _axis(axis: int, rank: int) -> int:
    _need(-rank <= axis < rank, f"names axis {axis} of a tensor of {rank} dimensions")
    return axis % rank


def _shapes(graph: Graph, operator: Operator) -> tuple[Shape, Shape]:
    """Of the first input and the first output."""
    return graph.tensors[operator.inputs[0]].shape, graph.tensors[operator.outputs[0]].shape


def _gives(expected: Sequence[int], written: Shape) -> None:
    _need(tuple(expected) == written, f"computes {list(expected)}, its output tensor is {list(written)}")


def _transpose(graph: Graph, operator: Operator) -> None:
    source, written = _shapes(graph, operator)
    lists = _constants(graph, operator, 1)
    if lists is not None:
        order = [_axis(axis, len(source)) for axis in lists[0]]
        _need(sorted(order) == list(range(len(source))), f"permutes {len(source)} dimensions by {lists[0]}")
        _gives([source[axis] for axis in order], written)


def _pad(graph: Graph, operator: Operator) -> None:
    source, written = _shapes(graph, operator)
    lists = _constants(graph, operator, 1)
    if lists is not None:
        around = lists[0]
        shape = graph.tensors[operator.inputs[1]].shape
        fits = shape == (len(source), 2) and min(around, default=0) >= 0
        _need(fits, f"pads {list(source)} by {list(shape)} numbers, of which none may be negative")
        sizes = zip(source, around[0::2], around[1::2], strict=True)
        _gives([before + size + after for size, before, after in sizes], written)
    if len(operator.inputs) > 2:
        value = graph.tensors[operator.inputs[2]]
        _need(value.elements == 1, f"pads with {value.elements} values, not one")


def _slice(graph: Graph, operator: Operator) -> None:
    source, written = _shapes(graph, operator)
    lists = _constants(graph, operator, 1, 2)
    if lists is not None:
        begins, sizes = lists
        _need(len(begins) == len(sizes) == len(source), f"slices {list(source)} from {begins} on, {sizes} elements")
        counts = [size - begin if count == -1 else count for size, begin, count in zip(source, begins, sizes)]  # noqa: B905
        fits = all(b >= 0 and 1 <= n <= size - b for size, b, n in zip(source, begins, counts, strict=True))
        _need(fits, f"slices {list(source)} from {begins} on, {sizes} elements")
        _gives(counts, written)


def _strided_slice(graph: Graph, operator: Operator) -> None:
    source, written = _shapes(graph, operator)
    lists = _constants(graph, operator, 1, 2, 3)
    masks = [operator.options.get(f"{name}_mask", 0) for name in ("ellipsis", "new_axis")]
    if lists is None or any(masks) or operator.options.get("offset"):  # which no backend takes
        return
    begins, ends, steps = lists
    _need(
        len(begins) == len(ends) == len(steps) <= len(source) and 0 not in steps,
        f"slices {list(source)} from {begins} to {ends} by {steps}",
    )
    begin_mask, end_mask, shrink = (_mask(operator, name) for name in ("begin", "end", "shrink_axis"))
    elements = math.prod(source[len(begins) :])
    for axis, (size, begin, end, step) in enumerate(zip(source, begins, ends, steps)):  # noqa: B905
        if shrink >> axis & 1:
            _need(-size <= begin < size, f"takes element {begin} of {size}")
            continue
        part = slice(None if begin_mask >> axis & 1 else begin, None if end_mask >> axis & 1 else end, step)
        elements *= len(range(*part.indices(size)))
    made = math.prod(written)
    _need(elements == made, f"computes {elements} elements, its output tensor {list(written)} has {made}")


def _mask(operator: Operator, name: str) -> int:
    value = operator.options.get(f"{name}_mask", 0)
    assert isinstance(value, int), "readers give a number"
    return value


def _reduce(graph: Graph, operator: Operator) -> None:
    source, written = _shapes(graph, operator)
    lists = _constants(graph, operator, 1)
    if lists is not None:
        axes = {_axis(axis, len(source)) for axis in lists[0]}
        elements = math.prod(size for axis, size in enumerate(source) if axis not in axes)
        made = math.prod(written)
        _need(elements == made, f"computes {elements} elements, its output tensor {list(written)} has {made}")


def _pieces(pieces: Sequence[Shape], whole: Shape, axis: int) -> None:
    """Shapes that lie side by side along an axis."""
    axis = _axis(axis, len(whole))
    others = {(*shape[:axis], 0, *shape[axis + 1 :]) if len(shape) == len(whole) else () for shape in pieces}
    fits = others == {(*whole[:axis], 0, *whole[axis + 1 :])} and sum(shape[axis] for shape in pieces) == whole[axis]
    # files can list thousands
    shown = f"{[list(shape) for shape in pieces[:4]]}{' …' if len(pieces) > 4 else ''}"
    _need(fits, f"{shown} side by side along axis {axis} are not {list(whole)}")


def _concatenation(graph: Graph, operator: Operator) -> None:
    axis = operator.options.get("axis", 0)
    assert isinstance(axis, int), "readers give a number"
    _pieces([graph.tensors[i].shape for i in operator.inputs], graph.tensors[operator.outputs[0]].shape, axis)


def _split(graph: Graph, operator: Operator) -> None:
    """SPLIT names its axis first."""
    lists = _constants(graph, operator, 0)
    if lists is not None:
        _need(len(lists[0]) == 1, f"names {len(lists[0])} axes, not one")
        outputs = [graph.tensors[index].shape for index in operator.outputs]
        _pieces(outputs, graph.tensors[operator.inputs[1]].shape, lists[0][0])


def _resize(graph: Graph, operator: Operator) -> None:
    source, written = _shapes(graph, operator)
    lists = _constants(graph, operator, 1)
    _need(len(source) == 4, f"resizes {list(source)}, not 4 dimensions")
    if lists is not None:
        _need(len(lists[0]) == 2, f"resizes to {len(lists[0])} sizes, not height and width")
        _gives([source[0], *lists[0], source[3]], written)


_RULES: Mapping[str, Callable[[Graph, Operator], None]] = {
    "TRANSPOSE": _transpose,
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    "CONCATENATION": _concatenation,
    "SPLIT": _split,
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), _pad),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"), _reduce),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _resize),
}
