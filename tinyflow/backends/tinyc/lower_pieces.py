"""Operators that move bytes: CONCATENATION, SPLIT, PAD, TRANSPOSE, slices, RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinyc.steps import Operand, Step
from tinyflow.backends.tinyc.strides import merged, merged_pad
from tinyflow.backends.tinynn.calls import Constant
from tinyflow.backends.tinynn.packing import plain
from tinyflow.model.arithmetic.moving import moved, nearest
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators import VIEWS
from tinyflow.model.weighted import integers, whole

# where an array without memory begins; nobody reads or writes behind it
_FIRST = np.zeros(1, np.int8)
# rows and columns of a resized picture: each has an entry in a table
_MOST_SIZE = 1 << 16


def _pitch(tensor: Tensor, axis: int) -> int:
    """Bytes of all that lies behind one index of the axes before `axis`."""
    return math.prod(tensor.shape[axis:])


def _concatenation(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """Each input is copied to its place, row by row."""
    output = graph.tensors[operator.outputs[0]]
    inputs = [graph.tensors[index] for index in operator.inputs]
    axis = operator.options["axis"]
    assert isinstance(axis, int), "readers give a number"
    axis %= len(output.shape)
    if operator.options["activation"] != "NONE":
        raise Unsupported("a fused activation is not supported", "put it behind the concatenation")
    start = 0
    for tensor in inputs:
        piece = _pitch(tensor, axis)
        yield _moved(
            operator, variant, tensor.elements // piece, piece, (tensor.index, 0), (output.index, start), output
        )
        start += piece


def _moved(
    operator: Operator,
    variant: str,
    rows: int,
    piece: int,
    source: tuple[int, int],
    target: tuple[int, int],
    wide: Tensor,
) -> Step:
    """Rows of `piece` bytes between a dense tensor and one whose rows are `wide.elements // rows` bytes apart."""
    pitch = wide.elements // rows
    source_pitch, target_pitch = (piece, pitch) if wide.index == target[0] else (pitch, piece)
    fields = {"rows": rows, "bytes": piece, "input_pitch": source_pitch, "output_pitch": target_pitch}
    return Step(operator.index, plain(variant, "copy_rows", fields), (Operand(*source),), Operand(*target))


def _split(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """SPLIT names its axis first."""
    source = graph.tensors[operator.inputs[1]]
    axis = int(integers(graph.tensors[operator.inputs[0]]).reshape(-1)[0]) % len(source.shape)
    outputs = [graph.tensors[index] for index in operator.outputs]
    start = 0
    for tensor in outputs:
        piece = _pitch(tensor, axis)
        yield _moved(
            operator, variant, tensor.elements // piece, piece, (source.index, start), (tensor.index, 0), source
        )
        start += piece


def _pad(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    before = integers(graph.tensors[operator.inputs[1]])[:, 0]
    value = whole(output).zero_point
    if len(operator.inputs) > 2:
        value = int(integers(graph.tensors[operator.inputs[2]]).reshape(-1)[0])
    shapes = merged_pad(source.shape, output.shape, before.tolist())
    fields = {**dict(zip(("input_shape", "output_shape", "before"), shapes, strict=True)), "value": value}
    yield _gathered(operator, variant, "pad", fields)


def _gathered(operator: Operator, variant: str, kernel: str, fields: Mapping[str, Any]) -> Step:
    return Step(
        operator.index, plain(variant, kernel, fields), (Operand(operator.inputs[0]),), Operand(operator.outputs[0])
    )


def _rearranged(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """What is a view of the input, by the addresses that its elements have in one shaped like the input."""
    read = graph.tensors[operator.inputs[0]].shape
    steps = [math.prod(read[axis + 1 :]) for axis in range(len(read))]
    view = moved(graph, operator, np.lib.stride_tricks.as_strided(_FIRST, read, steps))
    if view.size != graph.tensors[operator.outputs[0]].elements:
        raise Unsupported("the output has another shape than the slice", "convert again")
    shape, strides = merged(view.shape, view.strides)
    fields = {"shape": shape, "strides": strides, "offset": view.ctypes.data - _FIRST.ctypes.data}
    yield _gathered(operator, variant, "gather", fields)


def _resize_nearest(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    if max(output.shape) > _MOST_SIZE:
        raise Unsupported(f"an output of {output.shape} is not supported", "resize to fewer rows and columns")
    rows, columns = (nearest(operator, source.shape[axis], output.shape[axis]) for axis in (1, 2))
    fields = {
        "rows": Constant(rows),
        "columns": Constant(columns),
        "batches": source.shape[0],
        "input_height": source.shape[1],
        "input_width": source.shape[2],
        "channels": source.shape[3],
        "output_height": output.shape[1],
        "output_width": output.shape[2],
    }
    yield _gathered(operator, variant, "resize_nearest", fields)


def _copy(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """A view of a constant that has to be in RAM; any other is the tensor itself."""
    yield _gathered(operator, variant, "copy", {"bytes": graph.tensors[operator.outputs[0]].size_bytes})


LOWERINGS: Mapping[str, Any] = {
    "CONCATENATION": _concatenation,
    "SPLIT": _split,
    "PAD": _pad,
    "PADV2": _pad,
    **dict.fromkeys(("TRANSPOSE", "SLICE", "STRIDED_SLICE"), _rearranged),
    "RESIZE_NEAREST_NEIGHBOR": _resize_nearest,
    **dict.fromkeys(VIEWS, _copy),
}
