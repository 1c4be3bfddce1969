"""Which elements go where, for operators that move them: each is a few assignments of views.

Of these follow the values (`results`), and the addresses that kernels copy between (backends/tinyc/lower_moving).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import VIEWS, describe
from tinyflow.model.operators.moving import slices
from tinyflow.model.weighted import integers

Array = npt.NDArray[Any]
Arrays = Sequence[Array]


class Move(NamedTuple):
    """The elements `source`, of input number `read`, become the elements `target` of output number `written`."""

    written: int
    target: Array
    read: int
    source: Array


def moves(graph: Graph, operator: Operator, read: Arrays, written: Arrays) -> Iterator[Move]:
    """What an operator of MOVING assigns, in this order. Arrays are shaped like all its inputs and outputs.

    Views of dense arrays remain views: no element is looked at. ValueError for axes or sizes that are no constants.
    """
    return _RULES[operator.name](graph, operator, read, written)


def filling(graph: Graph, operator: Operator) -> int | None:
    """The value of each byte of the output before anything is moved there; None for operators that leave no gaps."""
    if operator.name not in _FILLING or (operator.name.startswith("PAD") and len(operator.inputs) > 2):
        return None
    output = graph.tensors[operator.outputs[0]]
    scheme = output.quantisation if output.dtype in ("int8", "uint8") and operator.name != "ZEROS_LIKE" else None
    return scheme.zero_point if scheme else 0


def results(graph: Graph, operator: Operator, read: Arrays) -> list[Array]:
    """All outputs of an operator of MOVING, of the type of its main input."""
    dtype = read[describe(operator.name).main_input].dtype
    made = [np.full(graph.tensors[index].shape, filling(graph, operator) or 0, dtype) for index in operator.outputs]
    for move in moves(graph, operator, read, made):
        move.target[...] = move.source
    return made


def nearest(operator: Operator, size: int, wanted: int) -> npt.NDArray[np.int32]:
    """The input index for each output index, in float32: GetNearestNeighbor of TFLite's resize_nearest_neighbor.h."""
    aligned, centred = operator.options["align_corners"], operator.options["half_pixel_centers"]
    scale = (
        np.float32(size - 1) / np.float32(wanted - 1)
        if aligned and wanted > 1
        else np.float32(size) / np.float32(wanted)
    )
    places = (np.arange(wanted, dtype=np.float32) + np.float32(0.5 if centred else 0)) * np.float32(scale)
    indices = np.floor(places + np.float32(0.5)) if aligned else np.floor(places)
    nearest: npt.NDArray[np.int32] = np.clip(indices, 0, size - 1).astype(np.int32)
    return nearest


def _numbers(graph: Graph, operator: Operator, position: int) -> list[int]:
    values: list[int] = integers(graph.tensors[operator.inputs[position]]).reshape(-1).tolist()
    return values


def _one_view(view: Callable[[Graph, Operator, Array, Array], Array]) -> Rule:
    """The whole output is some view of the first input."""

    def rule(graph: Graph, operator: Operator, read: Arrays, written: Arrays) -> Iterator[Move]:
        source = view(graph, operator, read[0], written[0])
        if source.size != written[0].size:
            raise ValueError(f"it moves {source.size} elements, its output has {written[0].size}")
        yield Move(0, written[0].reshape(source.shape), 0, source)

    return rule


def _transpose(graph: Graph, operator: Operator, source: Array, _: Array) -> Array:
    return np.transpose(source, _numbers(graph, operator, 1))


def _slice(graph: Graph, operator: Operator, source: Array, _: Array) -> Array:
    begins, sizes = (_numbers(graph, operator, position) for position in (1, 2))
    part: Array = source[tuple(slice(b, None if size < 0 else b + size) for b, size in zip(begins, sizes, strict=True))]
    return part


def _strided_slice(graph: Graph, operator: Operator, source: Array, _: Array) -> Array:
    part: Array = source[slices(operator.options, *(_numbers(graph, operator, position) for position in (1, 2, 3)))]
    return part


def _flip(graph: Graph, operator: Operator, source: Array, _: Array) -> Array:
    return np.flip(source, tuple(_numbers(graph, operator, 1)))


def _flip_beginnings(graph: Graph, operator: Operator, read: Arrays, written: Arrays) -> Iterator[Move]:
    """Of each batch as many elements as its number says; the others stay."""
    axes = operator.options["batch_dim"], operator.options["seq_dim"]
    source, target = (np.moveaxis(array, axes, (0, 1)) for array in (read[0], written[0]))
    for batch, count in enumerate(_numbers(graph, operator, 1)):
        yield Move(0, target[batch, :count], 0, source[batch, :count][::-1])
        yield Move(0, target[batch, count:], 0, source[batch, count:])


def _broadcast(_graph: Graph, _operator: Operator, source: Array, output: Array) -> Array:
    return np.broadcast_to(source, output.shape)


def _space_to_depth(_graph: Graph, operator: Operator, source: Array, _: Array) -> Array:
    (batches, height, width, channels), block = source.shape, operator.options["block_size"]
    return np.swapaxes(source.reshape(batches, height // block, block, width // block, block, channels), 2, 3)


def _depth_to_space(_graph: Graph, operator: Operator, source: Array, _: Array) -> Array:
    (batches, height, width, channels), block = source.shape, operator.options["block_size"]
    return np.swapaxes(source.reshape(batches, height, width, block, block, channels // block**2), 2, 3)


def _tile(graph: Graph, operator: Operator, read: Arrays, written: Arrays) -> Iterator[Move]:
    apart = [part for size in read[0].shape for part in (1, size)]
    pairs = zip(_numbers(graph, operator, 1), read[0].shape, strict=True)
    target = written[0].reshape([part for pair in pairs for part in pair])
    yield Move(0, target, 0, np.broadcast_to(read[0].reshape(apart), target.shape))


def _part(array: Array, axis: int, start: int, size: int) -> Array:
    part: Array = array[(slice(None),) * axis + (slice(start, start + size),)]
    return part


def _join(_graph: Graph, operator: Operator, read: Arrays, written: Arrays) -> Iterator[Move]:
    """CONCATENATION along an axis that all have, PACK along a new one."""
    axis, start = operator.options["axis"] % written[0].ndim, 0
    for number, array in enumerate(read):
        source = np.expand_dims(array, axis) if operator.name == "PACK" else array
        yield Move(0, _part(written[0], axis, start, source.shape[axis]), number, source)
        start += source.shape[axis]


def _cut(graph: Graph, operator: Operator, read: Arrays, written: Arrays) -> Iterator[Move]:
    """SPLIT and SPLIT_V name the axis by their last parameter; UNPACK, whose pieces lack it, by an option."""
    described = describe(operator.name)
    main, named, start = described.main_input, described.parameters, 0
    axis = (_numbers(graph, operator, named[-1])[0] if named else operator.options["axis"]) % read[main].ndim
    for number, array in enumerate(written):
        target = array if named else np.expand_dims(array, axis)
        yield Move(number, target, main, _part(read[main], axis, start, target.shape[axis]))
        start += target.shape[axis]


def _pad(graph: Graph, operator: Operator, read: Arrays, written: Arrays) -> Iterator[Move]:
    if len(read) > 2:
        yield Move(0, written[0], 2, np.broadcast_to(read[2].reshape(()), written[0].shape))
    before = _numbers(graph, operator, 1)[0::2]
    middle = tuple(slice(n, n + size) for n, size in zip(before, read[0].shape, strict=True))
    yield Move(0, written[0][middle], 0, read[0])


def _mirror_pad(graph: Graph, operator: Operator, read: Arrays, written: Arrays) -> Iterator[Move]:
    """The middle and, along each axis, what is in front of it and behind it, mirrored at the edge or next to it."""
    around, edge = _numbers(graph, operator, 1), int(operator.options["mode"] == "REFLECT")
    axes = []
    for size, before, after in zip(read[0].shape, around[0::2], around[1::2], strict=True):
        if before + edge > size or after + edge > size:
            raise ValueError(f"{max(before, after)} elements are mirrored of {size}")
        parts = [(slice(before, before + size), slice(None))]
        if before:
            parts.append((slice(0, before), slice(before + edge - 1, edge - 1 if edge else None, -1)))
        if after:
            last = size - 1 - edge
            parts.append((slice(before + size, None), slice(last, last - after if last >= after else None, -1)))
        axes.append(parts)
    for pieces in product(*axes):
        target, source = zip(*pieces, strict=True)
        yield Move(0, written[0][target], 0, read[0][source])


def _blocks(graph: Graph, operator: Operator, batched: Array, spatial: Array) -> Iterator[tuple[Array, Array]]:
    """Of each place in a block: its batches, and the elements that they are in space, where there are `before` less."""
    block, around = _numbers(graph, operator, 1), _numbers(graph, operator, 2)
    batches = spatial.shape[0]
    for number, place in enumerate(np.ndindex(*block)):
        inside, outside = [slice(number * batches, (number + 1) * batches)], [slice(None)]
        for axis, (step, at, before) in enumerate(zip(block, place, around[0::2], strict=True), start=1):
            first = max(-(-(before - at) // step), 0)
            count = min((spatial.shape[axis] - 1 + before - at) // step + 1, batched.shape[axis]) - first
            begin = first * step + at - before
            inside.append(slice(first, first + max(count, 0)))
            outside.append(slice(begin, begin + max(count, 0) * step, step))
        yield batched[tuple(inside)], spatial[tuple(outside)]


def _space_to_batch(graph: Graph, operator: Operator, read: Arrays, written: Arrays) -> Iterator[Move]:
    for batched, spatial in _blocks(graph, operator, written[0], read[0]):
        yield Move(0, batched, 0, spatial)


def _batch_to_space(graph: Graph, operator: Operator, read: Arrays, written: Arrays) -> Iterator[Move]:
    for batched, spatial in _blocks(graph, operator, read[0], written[0]):
        yield Move(0, spatial, 0, batched)


def _fill(_graph: Graph, _operator: Operator, read: Arrays, written: Arrays) -> Iterator[Move]:
    yield Move(0, written[0], 1, np.broadcast_to(read[1].reshape(()), written[0].shape))


def _nothing(_graph: Graph, _operator: Operator, _read: Arrays, _written: Arrays) -> Iterator[Move]:
    return iter(())


def _same(_graph: Graph, _operator: Operator, source: Array, _: Array) -> Array:
    return source.reshape(math.prod(source.shape))


Rule = Callable[[Graph, Operator, Arrays, Arrays], Iterator[Move]]
_FILLING = ("PAD", "PADV2", "SPACE_TO_BATCH_ND", "ZEROS_LIKE")
_RULES: Mapping[str, Rule] = {
    "TRANSPOSE": _one_view(_transpose),
    "SLICE": _one_view(_slice),
    "STRIDED_SLICE": _one_view(_strided_slice),
    "REVERSE_V2": _one_view(_flip),
    "REVERSE_SEQUENCE": _flip_beginnings,
    "BROADCAST_TO": _one_view(_broadcast),
    "SPACE_TO_DEPTH": _one_view(_space_to_depth),
    "DEPTH_TO_SPACE": _one_view(_depth_to_space),
    **dict.fromkeys(VIEWS, _one_view(_same)),
    "TILE": _tile,
    **dict.fromkeys(("CONCATENATION", "PACK"), _join),
    **dict.fromkeys(("SPLIT", "SPLIT_V", "UNPACK"), _cut),
    **dict.fromkeys(("PAD", "PADV2"), _pad),
    "MIRROR_PAD": _mirror_pad,
    "SPACE_TO_BATCH_ND": _space_to_batch,
    "BATCH_TO_SPACE_ND": _batch_to_space,
    "FILL": _fill,
    "ZEROS_LIKE": _nothing,
}
MOVING = tuple(_RULES)
