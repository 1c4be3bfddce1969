"""Operators that move elements of any type: which bytes go where, as copies of rows, gathers, and moves of any kind."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tinyflow.backends.arrays import Constant
from tinyflow.backends.programs.steps import ASIDE, Lowering, Operand, Step
from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinyc.strides import AXES, RANK, broadcast_strides, dense_strides, merged, merged_pad
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.choice import lookup, plain
from tinyflow.backends.tinynn.fields import plane_fields
from tinyflow.model.arithmetic import unary
from tinyflow.model.arithmetic.moving import MOVING, Array, Move, filling, moves, nearest
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators import VIEWS
from tinyflow.model.operators.forms import rescaled, scheme_of
from tinyflow.model.weighted import constant_values, integers

# where arrays without memory begin; nobody reads or writes there
_FIRST = np.zeros(1, np.int8)
# rows and columns of a resized picture: each has an entry in a table
_MOST_SIZE = 1 << 16


def _moved(graph: Graph, operator: Operator, variant: str) -> Iterator[Step]:
    """The output's gaps are filled, then it is put together."""
    value = filling(graph, operator)
    if value is not None:
        yield _filled(graph, operator, variant, value)
    read, written = (
        [_addresses(graph.tensors[index]) for index in indices] for indices in (operator.inputs, operator.outputs)
    )
    for move in moves(graph, operator, read, written):
        if move.target.size:
            source, output = graph.tensors[operator.inputs[move.read]], graph.tensors[operator.outputs[move.written]]
            call, begins, ends = copied(move, output, variant)
            yield Step(operator.index, call, (Operand(source.index, begins),), Operand(output.index, ends))


def _filled(graph: Graph, operator: Operator, variant: str, value: int) -> Step:
    output = graph.tensors[operator.outputs[0]]
    call = plain(variant, "fill", {"bytes": output.size_bytes, "value": value})
    return Step(operator.index, call, (), Operand(output.index))


def element_bytes(tensor: Tensor) -> int:
    """Of one element. Raises Unsupported for types that have less, or no fixed size."""
    bits = ELEMENT_TYPES[tensor.dtype].bits if tensor.dtype in ELEMENT_TYPES else 0
    if bits < 8:
        raise Unsupported(f"{tensor.name} holds {tensor.dtype}, whose elements are no bytes", "convert to int8")
    return bits // 8


def _addresses(tensor: Tensor) -> Array:
    return addresses(tensor.shape, element_bytes(tensor))


def addresses(shape: Sequence[int], size: int = 1) -> Array:
    """An array of a shape, of elements as large as said, that has no memory."""
    first = np.lib.stride_tricks.as_strided(_FIRST, (size,), (1,)).view(f"V{size}")
    strides = [size * step for step in dense_strides(shape)]
    return np.lib.stride_tricks.as_strided(first, shape, strides)


def copied(move: Move, output: Tensor, variant: str) -> tuple[Call, int, int]:
    """The call for one move, and the bytes in front of what it reads and of what it writes."""
    begins, ends = (array.ctypes.data - _FIRST.ctypes.data for array in (move.source, move.target))
    size = move.target.itemsize
    shapes = ((*move.target.shape, size), (*move.source.strides, 1), (*move.target.strides, 1))
    shape, steps, strides = merged(*shapes, rank=AXES)
    count = sum(extent > 1 for extent in shape)
    if count <= 2 and steps[-1] == strides[-1] == 1:
        rows = {"rows": shape[-2], "bytes": shape[-1], "input_pitch": steps[-2], "output_pitch": strides[-2]}
        return plain(variant, "copy_rows", rows), begins, ends
    is_whole = move.target.size == output.elements and strides[-count:] == dense_strides(shape[-count:])
    if count <= RANK and is_whole:
        fields = {"shape": shape[-RANK:], "strides": steps[-RANK:], "offset": begins}
        return plain(variant, "gather", fields), 0, 0
    return plain(variant, "move", {"shape": shape, "input_strides": steps, "output_strides": strides}), begins, ends


def _joined(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """CONCATENATION, which rescales inputs of uint8 in another quantisation than the output's."""
    output, others = graph.tensors[operator.outputs[0]], rescaled(graph, operator)
    for step in _moved(graph, operator, variant):
        (read,) = step.inputs
        source = graph.tensors[read.tensor]
        if source in others:
            given, made = scheme_of(source, "uint8"), scheme_of(output, "uint8")
            call = lookup(variant, unary.rescaled_uint8(given, made, unary.VALUES), source.elements)
            yield Step(operator.index, call, (Operand(source.index),), Operand(ASIDE), aside_bytes=source.size_bytes)
            step = replace(step, inputs=(Operand(ASIDE, read.offset_bytes),))
        yield step


def _pad(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """A value whose bytes are equal is put around the input as it is written."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    value = filling(graph, operator)
    if value is None:
        given = graph.tensors[operator.inputs[2]]
        data = constant_values(given).tobytes() if given.is_constant else b""
        value = int.from_bytes(data[:1], "little", signed=True) if len({*data}) == 1 else None
    size = element_bytes(source)
    before = integers(graph.tensors[operator.inputs[1]])[:, 0].tolist()
    padded = sum(one != other for one, other in zip(source.shape, output.shape, strict=True))
    if value is None or padded + 1 > RANK:
        return _moved(graph, operator, variant)
    shapes = merged_pad((*source.shape, size), (*output.shape, size), (*before, 0))
    fields = {**dict(zip(("input_shape", "output_shape", "before"), shapes, strict=True)), "value": value}
    # the value is not an operand of the call
    return [Step(operator.index, plain(variant, "pad", fields), (Operand(source.index),), Operand(output.index))]


def _resize_nearest(graph: Graph, operator: Operator, variant: str) -> Call:
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    if max(output.shape) > _MOST_SIZE:
        raise Unsupported(f"an output of {output.shape} is not supported", "resize to fewer rows and columns")
    rows, columns = (nearest(operator, source.shape[axis], output.shape[axis]) for axis in (1, 2))
    sizes = plane_fields(source, output)
    sizes["channels"] *= element_bytes(source)
    return plain(variant, "resize_nearest", {"rows": Constant(rows), "columns": Constant(columns), **sizes})


def _copy(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """A view of a constant that has to be in RAM; any other is the tensor itself."""
    output = graph.tensors[operator.outputs[0]]
    call = plain(variant, "copy", {"bytes": output.size_bytes})
    return [Step(operator.index, call, (Operand(operator.inputs[0]),), Operand(output.index))]


def _int32(graph: Graph, index: int) -> Operand:
    tensor = graph.tensors[index]
    if tensor.dtype != "int32":
        raise Unsupported(f"{tensor.name} is {tensor.dtype}, not int32", "convert with indices of int32")
    return Operand(index)


def _taken(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """GATHER along an axis, behind batches that have indices of their own; EMBEDDING_LOOKUP along the first."""
    is_lookup = operator.name == "EMBEDDING_LOOKUP"
    source, indices = (graph.tensors[index] for index in operator.inputs[:: -1 if is_lookup else 1])
    output = graph.tensors[operator.outputs[0]]
    if output.dtype != source.dtype:
        raise Unsupported(f"{output.name} is {output.dtype}, not {source.dtype}", "look up elements of one type")
    axis = 0 if is_lookup else operator.options["axis"] % len(source.shape)
    batch_dims = 0 if is_lookup else operator.options["batch_dims"] % (len(indices.shape) or 1)
    batches = math.prod(source.shape[:batch_dims])
    fields = {
        "batches": batches,
        "rows": math.prod(source.shape[batch_dims:axis]),
        "size": source.shape[axis],
        "bytes": math.prod(source.shape[axis + 1 :]) * element_bytes(source),
        "indices": indices.elements // batches,
    }
    inputs = (Operand(source.index), _int32(graph, indices.index))
    return [Step(operator.index, plain(variant, "take", fields), inputs, Operand(output.index))]


def _taken_nd(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    source, indices = (graph.tensors[index] for index in operator.inputs)
    axes = indices.shape[-1]
    if axes > RANK:
        raise Unsupported(f"{axes} indices of each element are not supported", f"use {RANK} at most")
    fields = {
        "indices": indices.elements // axes,
        "axes": axes,
        "bytes": math.prod(source.shape[axes:]) * element_bytes(source),
        "shape": (*source.shape[:axes], *(1,) * (RANK - axes)),
    }
    inputs = (Operand(source.index), _int32(graph, indices.index))
    return [Step(operator.index, plain(variant, "take_nd", fields), inputs, Operand(operator.outputs[0]))]


def _select(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    output = graph.tensors[operator.outputs[0]]
    read = [graph.tensors[index] for index in operator.inputs]
    if read[0].dtype != "bool":
        raise Unsupported(f"{read[0].name} is {read[0].dtype}, not bool", "choose by a comparison")
    each = (broadcast_strides(tensor.shape, len(output.shape)) for tensor in read)
    shape, condition, left, right = merged(output.shape, *each)
    fields = {
        "bytes": element_bytes(output),
        "broadcast": {"shape": shape, "left_strides": left, "right_strides": right},
        "condition_strides": condition,
    }
    inputs = tuple(Operand(tensor.index) for tensor in read)
    return [Step(operator.index, plain(variant, "select", fields), inputs, Operand(output.index))]


def _told(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """SHAPE and RANK, known when the network is compiled; BROADCAST_ARGS of constants."""
    output = graph.tensors[operator.outputs[0]]
    if operator.name == "BROADCAST_ARGS":
        one, other = (integers(graph.tensors[index]).tolist() for index in operator.inputs)
        told = np.array(np.broadcast_shapes(one, other))
    else:
        shape = graph.tensors[operator.inputs[0]].shape
        told = np.array(shape if operator.name == "SHAPE" else len(shape))
    values = Constant(np.frombuffer(told.astype(output.dtype).tobytes(), np.int8))
    call = plain(variant, "constant", {"values": values, "bytes": output.size_bytes})
    return [Step(operator.index, call, (), Operand(output.index))]


LOWERINGS: Mapping[str, Lowering] = {
    **dict.fromkeys(MOVING, _moved),
    "CONCATENATION": _joined,
    **dict.fromkeys(("PAD", "PADV2"), _pad),
    "RESIZE_NEAREST_NEIGHBOR": _resize_nearest,
    **dict.fromkeys(VIEWS, _copy),
    **dict.fromkeys(("GATHER", "EMBEDDING_LOOKUP"), _taken),
    "GATHER_ND": _taken_nd,
    "SELECT_V2": _select,
    **dict.fromkeys(("SHAPE", "RANK", "BROADCAST_ARGS"), _told),
}
