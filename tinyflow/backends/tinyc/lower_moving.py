"""Operators that move bytes: CONCATENATION, PACK, SPLIT, UNPACK, PAD, TRANSPOSE, slices, RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from tinyflow.backends.arrays import Constant
from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinyc.steps import Lowering, Operand, Step
from tinyflow.backends.tinyc.strides import merged, merged_pad
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.choice import plain
from tinyflow.backends.tinynn.fields import plane_fields
from tinyflow.model.arithmetic.moving import MOVING, moved, nearest
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators import VIEWS, describe
from tinyflow.model.operators.forms import activations, quantisation_of
from tinyflow.model.weighted import integers

# where an array without memory begins; nobody reads or writes behind it
_FIRST = np.zeros(1, np.int8)
# rows and columns of a resized picture: each has an entry in a table
_MOST_SIZE = 1 << 16


def _concatenation(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """Each input is copied to its place, row by row."""
    output = graph.tensors[operator.outputs[0]]
    for index, start, fields in _pieces(graph, operator.inputs, output, operator.options["axis"]):
        pitches = {"input_pitch": fields["bytes"], "output_pitch": output.elements // fields["rows"]}
        call = plain(variant, "copy_rows", {**fields, **pitches})
        yield Step(operator.index, call, (Operand(index),), Operand(output.index, start))


def _split(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """SPLIT and SPLIT_V name the axis by their last parameter; UNPACK, whose pieces lack it, by an option."""
    source, named = activations(graph, operator)[0], describe(operator.name).parameters
    axis = int(integers(graph.tensors[operator.inputs[named[-1]]]).item()) if named else operator.options["axis"]
    for index, start, fields in _pieces(graph, operator.outputs, source, axis):
        pitches = {"input_pitch": source.elements // fields["rows"], "output_pitch": fields["bytes"]}
        call = plain(variant, "copy_rows", {**fields, **pitches})
        yield Step(operator.index, call, (Operand(source.index, start),), Operand(index))


def _pieces(
    graph: Graph, pieces: Iterable[int], together: Tensor, axis: int
) -> Iterable[tuple[int, int, dict[str, int]]]:
    """Tensors that lie side by side in another one: index, where their first row begins, and their rows in bytes."""
    start = 0
    for index in pieces:
        shape = graph.tensors[index].shape
        rows = math.prod(shape[: axis % len(together.shape)])
        size_bytes = math.prod(shape) // rows
        yield index, start, {"rows": rows, "bytes": size_bytes}
        start += size_bytes


def _pad(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    before = integers(graph.tensors[operator.inputs[1]])[:, 0]
    value = quantisation_of(output).zero_point
    if len(operator.inputs) > 2:
        value = int(integers(graph.tensors[operator.inputs[2]]).reshape(-1)[0])
    shapes = merged_pad(source.shape, output.shape, before.tolist())
    fields = {**dict(zip(("input_shape", "output_shape", "before"), shapes, strict=True)), "value": value}
    # the value is not an operand of the call
    yield Step(operator.index, plain(variant, "pad", fields), (Operand(source.index),), Operand(output.index))


def _rearranged(graph: Graph, operator: Operator, variant: str) -> Call:
    """What is a view of the input, by the addresses that its elements have in one shaped like the input."""
    read = graph.tensors[operator.inputs[0]].shape
    steps = [math.prod(read[axis + 1 :]) for axis in range(len(read))]
    view = moved(graph, operator, np.lib.stride_tricks.as_strided(_FIRST, read, steps))
    if view.size != graph.tensors[operator.outputs[0]].elements:
        raise Unsupported("the output has another shape than the slice", "convert again")
    shape, strides = merged(view.shape, view.strides)
    fields = {"shape": shape, "strides": strides, "offset": view.ctypes.data - _FIRST.ctypes.data}
    return plain(variant, "gather", fields)


def _resize_nearest(graph: Graph, operator: Operator, variant: str) -> Call:
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    if max(output.shape) > _MOST_SIZE:
        raise Unsupported(f"an output of {output.shape} is not supported", "resize to fewer rows and columns")
    rows, columns = (nearest(operator, source.shape[axis], output.shape[axis]) for axis in (1, 2))
    fields = {"rows": Constant(rows), "columns": Constant(columns), **plane_fields(source, output)}
    return plain(variant, "resize_nearest", fields)


def _copy(graph: Graph, operator: Operator, variant: str) -> Call:
    """A view of a constant that has to be in RAM; any other is the tensor itself."""
    return plain(variant, "copy", {"bytes": graph.tensors[operator.outputs[0]].size_bytes})


LOWERINGS: Mapping[str, Lowering] = {
    **dict.fromkeys(("CONCATENATION", "PACK"), _concatenation),
    **dict.fromkeys(("SPLIT", "SPLIT_V", "UNPACK"), _split),
    "PAD": _pad,
    "PADV2": _pad,
    **dict.fromkeys(MOVING, _rearranged),
    "RESIZE_NEAREST_NEIGHBOR": _resize_nearest,
    **dict.fromkeys(VIEWS, _copy),
}
