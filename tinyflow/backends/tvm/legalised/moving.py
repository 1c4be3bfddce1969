"""Rules of operators that move elements, whatever their type: exact, since nothing is computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tinyflow.backends.tvm.legalised.scope import Expr, Rule, Scope
from tinyflow.model.arithmetic.moving import nearest
from tinyflow.model.operators.moving import slices
from tinyflow.model.operators.shapes import axis_of
from tinyflow.model.weighted import constant_values


def _pad(scope: Scope) -> Expr:
    """With the given value, else with what stands for 0."""
    scheme = scope.tensor(0).quantisation
    value = 0 if scheme is None else scheme.zero_point
    if scope.has(2):
        (value,) = constant_values(scope.tensor(2)).reshape(-1).tolist()
    return _padded(scope, scope.numbers(1), value)


def _padded(scope: Scope, around: Sequence[int], value: float) -> Expr:
    """A constant around a tensor: rows before and behind, axis by axis."""
    source, befores = scope.shape(0), around[0::2]
    shape = [before + size + after for before, size, after in zip(befores, source, around[1::2], strict=True)]

    def element(values: Expr, fill: Expr) -> Callable[..., Expr]:
        from tvm import tirx

        def at(*i: Expr) -> Expr:
            places = [index - before for index, before in zip(i, befores, strict=True)]
            inside = [
                condition
                for axis, place in enumerate(places)
                for condition in (place >= 0, place < source[axis])
                if shape[axis] != source[axis]
            ]
            return tirx.if_then_else(tirx.all(*inside), values(*places), fill(0)) if inside else values(*places)

        return at

    fill = scope.constant(np.array([value], scope.output.dtype))
    return scope.compute(tuple(shape), element, scope.given(0), fill)


def _mirror_pad(scope: Scope) -> Expr:
    values, around = scope.given(0), scope.numbers(1)
    for axis, size in enumerate(scope.shape(0)):
        before, after = around[2 * axis : 2 * axis + 2]
        if before or after:
            indices = np.arange(size, dtype=np.int32)
            is_reflected = scope.options["mode"] == "REFLECT"
            mirrored = np.pad(indices, (before, after), mode="reflect" if is_reflected else "symmetric")
            values = scope.picked(values, mirrored, axis)
    return values


def _slice(scope: Scope) -> Expr:
    begins = scope.numbers(1)
    return scope.sliced(0, begins, [1] * len(begins), scope.output.shape)


def _strided_slice(scope: Scope) -> Expr:
    source = scope.shape(0)
    given = slices(scope.options, *(scope.numbers(position) for position in (1, 2, 3)))
    parts = [part.indices(size) for size, part in zip(source, given, strict=False)]
    parts += [(0, size, 1) for size in source[len(parts) :]]
    begins, _, steps = zip(*parts, strict=True)
    return scope.reshaped(scope.sliced(0, begins, steps, [len(range(*part)) for part in parts]))


def _piece(position: int, axis: int) -> Rule:
    """Of SPLIT and SPLIT_V: `position` is that of what is split, `axis` that of its axis."""

    def piece(scope: Scope) -> Expr:
        along = axis_of(scope.numbers(axis)[0], len(scope.shape(position)))
        before = [scope.graph.tensors[index].shape[along] for index in scope.operator.outputs[: scope.position]]
        begins = [sum(before) if i == along else 0 for i in range(len(scope.output.shape))]
        return scope.sliced(position, begins, [1] * len(begins), scope.output.shape)

    return piece


def _unpack(scope: Scope) -> Expr:
    source = scope.shape(0)
    along = axis_of(scope.options["axis"], len(source))
    begins = [scope.position if axis == along else 0 for axis in range(len(source))]
    counts = [1 if axis == along else size for axis, size in enumerate(source)]
    return scope.reshaped(scope.sliced(0, begins, [1] * len(source), counts))


def _pack(scope: Scope) -> Expr:
    axis = axis_of(scope.options["axis"], len(scope.output.shape))
    return scope.op.concat([scope.op.expand_dims(one, axis) for one in scope.all_given()], axis)


def _reverse(scope: Scope) -> Expr:
    source = scope.shape(0)
    turned = {axis_of(axis, len(source)) for axis in scope.numbers(1)}
    begins = [size - 1 if axis in turned else 0 for axis, size in enumerate(source)]
    return scope.sliced(0, begins, [-1 if axis in turned else 1 for axis in range(len(source))], source)


def _space_to_batch(scope: Scope) -> Expr:
    """[N, (outer block) ..., rest] → [blocks ..., N, outer ..., rest]."""
    source, blocks, around = scope.shape(0), scope.numbers(1), scope.numbers(2)
    padding = [0, 0, *around, *([0, 0] * (len(source) - 1 - len(blocks)))]
    # TFLM pads with what happened to be in its memory where that isn't floats; LiteRT with what stands for 0
    scheme = scope.tensor(0).quantisation
    padded = _padded(scope, padding, 0 if scheme is None else scheme.zero_point) if any(around) else scope.given(0)
    sizes = [size + padding[2 * i] + padding[2 * i + 1] for i, size in enumerate(source)]
    split = [sizes[0]]
    for size, block in zip(sizes[1:], blocks, strict=False):
        split += [size // block, block]
    count = len(blocks)
    split += sizes[count + 1 :]
    order = [*(2 * i + 2 for i in range(count)), 0, *(2 * i + 1 for i in range(count))]
    order += range(2 * count + 1, len(split))
    return scope.reshaped(scope.op.permute_dims(scope.op.reshape(padded, split), order))


def _batch_to_space(scope: Scope) -> Expr:
    source, blocks, crops = scope.shape(0), scope.numbers(1), scope.numbers(2)
    count, batches = len(blocks), source[0] // math.prod(blocks)
    order = [count]
    for i in range(count):
        order += [count + 1 + i, i]
    order += range(2 * count + 1, len(source) + count)
    moved = scope.op.permute_dims(scope.op.reshape(scope.given(0), [*blocks, batches, *source[1:]]), order)
    spread = [size * block for size, block in zip(source[1:], blocks, strict=False)]
    whole = scope.op.reshape(moved, [batches, *spread, *source[count + 1 :]])
    ends = [begin + size for begin, size in zip(crops[0::2], scope.output.shape[1:], strict=False)]
    return scope.op.strided_slice(whole, list(range(1, count + 1)), crops[0::2], ends)


def _depth_to_space(scope: Scope) -> Expr:
    batches, height, width, depth = scope.shape(0)
    block = scope.options["block_size"]
    split = scope.op.reshape(scope.given(0), [batches, height, width, block, block, depth // block**2])
    return scope.reshaped(scope.op.permute_dims(split, [0, 1, 3, 2, 4, 5]))


def _space_to_depth(scope: Scope) -> Expr:
    batches, height, width, depth = scope.shape(0)
    block = scope.options["block_size"]
    split = scope.op.reshape(scope.given(0), [batches, height // block, block, width // block, block, depth])
    return scope.reshaped(scope.op.permute_dims(split, [0, 1, 3, 2, 4, 5]))


def _nearest(scope: Scope) -> Expr:
    values = scope.given(0)
    for axis in (1, 2):
        indices = nearest(scope.operator, scope.shape(0)[axis], scope.output.shape[axis])
        values = scope.picked(values, indices, axis)
    return values


def _gather(scope: Scope) -> Expr:
    return scope.op.take(scope.given(0), scope.given(1), axis_of(scope.options["axis"], len(scope.shape(0))), "clip")


def _transpose(scope: Scope) -> Expr:
    rank = len(scope.shape(0))
    return scope.op.permute_dims(scope.given(0), [axis_of(axis, rank) for axis in scope.numbers(1)])


def _concatenation(scope: Scope) -> Expr:
    return scope.op.concat(scope.all_given(), axis_of(scope.options["axis"], len(scope.output.shape)))


def _select(scope: Scope) -> Expr:
    return scope.op.where(*(scope.broadcast(one) for one in scope.all_given()))


def _view(scope: Scope) -> Expr:
    return scope.reshaped(scope.given(0))


MOVING: Mapping[str, Rule] = {
    "BATCH_TO_SPACE_ND": _batch_to_space,
    "BROADCAST_TO": lambda scope: scope.broadcast(scope.given(0)),
    "CONCATENATION": _concatenation,
    "DEPTH_TO_SPACE": _depth_to_space,
    "EMBEDDING_LOOKUP": lambda scope: scope.op.take(scope.given(1), scope.given(0), 0, "clip"),
    "EXPAND_DIMS": _view,
    "FILL": lambda scope: scope.broadcast(scope.given(1)),
    "GATHER": _gather,
    "GATHER_ND": lambda scope: scope.op.gather_nd(scope.given(0), scope.op.astype(scope.given(1), "int64")),
    "MIRROR_PAD": _mirror_pad,
    "PACK": _pack,
    "PAD": _pad,
    "PADV2": _pad,
    "RESHAPE": _view,
    "RESIZE_NEAREST_NEIGHBOR": _nearest,
    "REVERSE_V2": _reverse,
    "SELECT": _select,
    "SELECT_V2": _select,
    "SLICE": _slice,
    "SPACE_TO_BATCH_ND": _space_to_batch,
    "SPACE_TO_DEPTH": _space_to_depth,
    "SPLIT": _piece(1, 0),
    "SPLIT_V": _piece(0, 2),
    "SQUEEZE": _view,
    "STRIDED_SLICE": _strided_slice,
    "TILE": lambda scope: scope.op.tile(scope.given(0), scope.numbers(1)),
    "TRANSPOSE": _transpose,
    "UNPACK": _unpack,
    "ZEROS_LIKE": lambda scope: scope.elementwise(lambda value: value - value, scope.given(0)),
}
