"""Elements that get another shape or place, are left out or repeated: by what constants and options say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tinyflow.model.graph import Graph, Operator, Shape, Tensor
from tinyflow.model.operators.description import (
    ACTIVATION,
    ANY,
    AXIS,
    BINARY,
    TERNARY,
    UNARY,
    Description,
    Option,
    Options,
    each,
)
from tinyflow.model.operators.shapes import axis_of, broadcast, has_same_elements, numbers, require, text

_SPLITS = (Option("num_splits", 1),)
_BLOCK = (Option("block_size", 1),)
_RESIZE = (Option("align_corners", False), Option("half_pixel_centers", False))


def _reversed(read: Sequence[Tensor], _options: Options) -> Shape:
    axes = [axis_of(axis, len(read[0].shape)) for axis in numbers(read[1])]
    require(len(set(axes)) == len(axes), f"reverses an axis of {text(axes)} twice")
    return read[0].shape


def _reversed_sequences(read: Sequence[Tensor], options: Options) -> Shape:
    source, lengths = read[0].shape, numbers(read[1])
    along, batch = options["seq_dim"], options["batch_dim"]
    require(
        along != batch and min(along, batch) >= 0 and max(along, batch) < len(source),
        f"reverses axis {along} of batches along axis {batch} of {text(source)}",
    )
    fits = len(lengths) == source[batch] and all(0 <= length <= source[along] for length in lengths)
    require(fits, f"reverses {text(tuple(lengths))} of {text(source)}")
    return source


def _transpose(read: Sequence[Tensor], _options: Options) -> Shape:
    source, axes = read[0].shape, numbers(read[1])
    order = [axis_of(axis, len(source)) for axis in axes]
    require(sorted(order) == list(range(len(source))), f"permutes {len(source)} dimensions by {axes}")
    return tuple(source[axis] for axis in order)


def _pad(read: Sequence[Tensor], _options: Options) -> Shape:
    if len(read) > 2:
        require(read[2].elements == 1, f"pads with {read[2].elements} values, not one")
    source, shape, around = read[0].shape, read[1].shape, numbers(read[1])
    fits = shape == (len(source), 2) and min(around, default=0) >= 0
    require(fits, f"pads {text(source)} by {text(shape)} numbers, of which none may be negative")
    return tuple(before + size + after for size, before, after in zip(source, around[0::2], around[1::2], strict=True))


def _slice(read: Sequence[Tensor], _options: Options) -> Shape:
    source, begins, sizes = read[0].shape, *map(numbers, read[1:3])
    what = f"slices {text(source)} from {begins} on, {sizes} elements"
    require(len(begins) == len(sizes) == len(source), what)
    counts = [size - begin if n == -1 else n for size, begin, n in zip(source, begins, sizes, strict=True)]
    require(all(b >= 0 and 1 <= n <= size - b for size, b, n in zip(source, begins, counts, strict=True)), what)
    return tuple(counts)


def _strided_slice(read: Sequence[Tensor], options: Options) -> Shape | None:
    if options.get("ellipsis_mask") or options.get("new_axis_mask") or options.get("offset"):
        return None  # no backend takes them
    source, begins, ends, steps = read[0].shape, *map(numbers, read[1:4])
    require(
        len(begins) == len(ends) == len(steps) <= len(source) and 0 not in steps,
        f"slices {text(source)} from {begins} to {ends} by {steps}",
    )
    shape = []
    for axis, (size, begin, part) in enumerate(zip(source, begins, slices(options, begins, ends, steps), strict=False)):
        if options.get("shrink_axis_mask", 0) >> axis & 1:
            require(-size <= begin < size, f"takes element {begin} of {size}")
        else:
            shape.append(len(range(*part.indices(size))))
    return (*shape, *source[len(begins) :])


def slices(options: Options, begins: Sequence[int], ends: Sequence[int], steps: Sequence[int]) -> tuple[slice, ...]:
    """Which part of each axis STRIDED_SLICE takes; of an axis that goes, one element."""
    begin_mask, end_mask, shrink = (options.get(f"{name}_mask", 0) for name in ("begin", "end", "shrink_axis"))
    return tuple(
        slice(begin, begin + 1 or None)
        if shrink >> axis & 1
        else slice(None if begin_mask >> axis & 1 else begin, None if end_mask >> axis & 1 else end, step)
        for axis, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True))
    )


def _concatenation(read: Sequence[Tensor], options: Options) -> Shape:
    shapes, axis = [tensor.shape for tensor in read], options.get("axis", 0)
    axis = axis_of(axis, len(shapes[0]))
    others = {(len(shape), *shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    require(len(others) == 1, f"puts {_several(shapes)} side by side along axis {axis}")
    return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


def _check_split(graph: Graph, operator: Operator) -> None:
    """SPLIT names its axis first."""
    axis, source = (graph.tensors[index] for index in operator.inputs)
    axes = numbers(axis)
    require(len(axes) == 1, f"names {len(axes)} axes, not one")
    pieces = [graph.tensors[index] for index in operator.outputs]
    together = _concatenation(pieces, {"axis": axis_of(axes[0], len(source.shape))})
    what = f"splits {text(source.shape)} into {_several([piece.shape for piece in pieces])}"
    require(together == source.shape, what)


def _check_split_v(graph: Graph, operator: Operator) -> None:
    """SPLIT_V names its axis last, behind the size of each piece, one of which may be -1."""
    source, sizes, axis = (graph.tensors[index] for index in operator.inputs)
    axes, wanted = numbers(axis), numbers(sizes)
    require(len(axes) == 1, f"names {len(axes)} axes, not one")
    along = axis_of(axes[0], len(source.shape))
    pieces = [graph.tensors[index] for index in operator.outputs]
    together, shapes = _concatenation(pieces, {"axis": along}), [piece.shape for piece in pieces]
    fits = len(wanted) == len(pieces) and all(n in (-1, s[along]) for n, s in zip(wanted, shapes, strict=True))
    require(
        together == source.shape and fits and wanted.count(-1) < 2,
        f"splits {text(source.shape)} by {wanted} into {_several(shapes)}",
    )


def _pack(read: Sequence[Tensor], options: Options) -> Shape:
    shapes = [tensor.shape for tensor in read]
    axis, count = axis_of(options["axis"], len(shapes[0]) + 1), options["values_count"]
    require(count == len(shapes) and len(set(shapes)) == 1, f"packs {_several(shapes)}, and not {count} of one shape")
    return (*shapes[0][:axis], count, *shapes[0][axis:])


def _check_unpack(graph: Graph, operator: Operator) -> None:
    source, pieces = graph.tensors[operator.inputs[0]], [graph.tensors[index] for index in operator.outputs]
    options = {"axis": axis_of(operator.options["axis"], len(source.shape)), "values_count": operator.options["num"]}
    what = f"unpacks {text(source.shape)} into {_several([piece.shape for piece in pieces])}"
    require(_pack(pieces, options) == source.shape, what)


def _check_told(graph: Graph, operator: Operator) -> None:
    dtype = graph.tensors[operator.outputs[0]].dtype
    require(dtype in ("int32", "int64"), f"tells a shape in {dtype}, not in int32 or int64")


def _several(shapes: Sequence[Shape]) -> str:
    """Files can list thousands."""
    return f"{', '.join(map(text, shapes[:4]))}{' …' if len(shapes) > 4 else ''}"


def _resize(read: Sequence[Tensor], _options: Options) -> Shape:
    source = read[0].shape
    require(len(source) == 4, f"resizes {text(source)}, not 4 dimensions")
    sizes = numbers(read[1])
    require(len(sizes) == 2, f"resizes to {len(sizes)} sizes, not height and width")
    return (source[0], *sizes, source[3])


def _gather(read: Sequence[Tensor], options: Options) -> Shape:
    """As many slices along an axis as there are indices, of each of the leading `batch_dims` apart."""
    source, indices, batch = read[0].shape, read[1].shape, options["batch_dims"]
    axis = axis_of(options["axis"], len(source))
    batch = axis_of(batch, len(indices) + 1)
    require(batch <= axis and source[:batch] == indices[:batch], f"gathers from {text(source)} by {text(indices)}")
    return (*source[:axis], *indices[batch:], *source[axis + 1 :])


def _gather_nd(read: Sequence[Tensor], _options: Options) -> Shape:
    """Each row of the indices, [..., depth], names what the first dimensions of the source have there."""
    source, indices = read[0].shape, read[1].shape
    require(len(indices) > 0 and indices[-1] <= len(source), f"gathers from {text(source)} by {text(indices)}")
    return (*indices[:-1], *source[indices[-1] :])


def _lookup(read: Sequence[Tensor], _options: Options) -> Shape:
    """Rows of a table, [rows, ...], by their numbers."""
    indices, table = read[0].shape, read[1].shape
    require(len(indices) == 1 and len(table) > 1, f"looks {text(indices)} up in {text(table)}")
    return (*indices, *table[1:])


def _tile(read: Sequence[Tensor], _options: Options) -> Shape:
    source, times = read[0].shape, numbers(read[1])
    require(len(source) == len(times) and min(times, default=1) > 0, f"repeats {text(source)} {times} times")
    return tuple(size * count for size, count in zip(source, times, strict=True))


def _broadcast_to(read: Sequence[Tensor], _options: Options) -> Shape:
    wanted = tuple(numbers(read[1]))
    require(broadcast(read[0].shape, wanted) == wanted, f"repeats {text(read[0].shape)} to {text(wanted)}")
    return wanted


def _mirror_pad(read: Sequence[Tensor], options: Options) -> Shape:
    shape, around, least = _pad(read, options), numbers(read[1]), options["mode"] == "REFLECT"
    fits = all(pad <= read[0].shape[i // 2] - least for i, pad in enumerate(around))
    require(fits, f"mirrors {text(read[0].shape)} by {around}: more than there is")
    return shape


def _blocks(read: Sequence[Tensor]) -> tuple[Shape, list[int], list[int]]:
    """A shape [N, spatial ..., depth], the sizes of blocks, and what each spatial dimension gets more or less."""
    source, sizes, around = read[0].shape, *map(numbers, read[1:3])
    fits = 0 < len(sizes) < len(source) and len(around) == 2 * len(sizes)
    require(fits and min(sizes) > 0 and min(around) >= 0, f"makes blocks of {sizes} of {text(source)} by {around}")
    return source, sizes, around


def _space_to_batch(read: Sequence[Tensor], _options: Options) -> Shape:
    source, sizes, around = _blocks(read)
    padded = [size + around[2 * i] + around[2 * i + 1] for i, size in enumerate(source[1 : len(sizes) + 1])]
    whole = all(size % block == 0 for size, block in zip(padded, sizes, strict=True))
    require(whole, f"makes blocks of {sizes} of {text(source)}, which are not whole")
    inner = (size // block for size, block in zip(padded, sizes, strict=True))
    return (source[0] * math.prod(sizes), *inner, *source[len(sizes) + 1 :])


def _batch_to_space(read: Sequence[Tensor], _options: Options) -> Shape:
    source, sizes, crops = _blocks(read)
    require(source[0] % math.prod(sizes) == 0, f"spreads {source[0]} over blocks of {sizes}")
    spread = [size * block for size, block in zip(source[1:], sizes, strict=False)]
    inner = [size - crops[2 * i] - crops[2 * i + 1] for i, size in enumerate(spread)]
    require(min(inner) > 0, f"takes {crops} from {spread}")
    return (source[0] // math.prod(sizes), *inner, *source[len(sizes) + 1 :])


def _depth_to_space(read: Sequence[Tensor], options: Options) -> Shape:
    source, block = read[0].shape, options["block_size"]
    whole = len(source) == 4 and block > 0 and source[3] % (block * block) == 0
    require(whole, f"spreads the depth of {text(source)} over blocks of {block}")
    return source[0], source[1] * block, source[2] * block, source[3] // (block * block)


def _space_to_depth(read: Sequence[Tensor], options: Options) -> Shape:
    source, block = read[0].shape, options["block_size"]
    whole = len(source) == 4 and block > 0 and source[1] % block == source[2] % block == 0
    require(whole, f"puts blocks of {block} of {text(source)} into the depth")
    return source[0], source[1] // block, source[2] // block, source[3] * block * block


def _expand_dims(read: Sequence[Tensor], _options: Options) -> Shape:
    source, axes = read[0].shape, numbers(read[1])
    require(len(axes) == 1, f"names {len(axes)} axes, not one")
    axis = axis_of(axes[0], len(source) + 1)
    return (*source[:axis], 1, *source[axis:])


_moving = partial(Description, keeps_quantisation=True)

OPERATORS = (
    _moving(
        "TRANSPOSE",
        BINARY,
        parameters=(1,),
        table="TransposeOptions",
        versions=(2, 7),
        shape=_transpose,
        keeps_elements=True,
    ),
    # TFLM takes PADV2's value here too
    _moving("PAD", (2, 3), parameters=(1,), table="PadOptions", versions=(2, 5), shape=_pad),
    _moving("PADV2", TERNARY, parameters=(1,), table="PadV2Options", versions=(2, 5), shape=_pad),
    _moving(
        "MIRROR_PAD", BINARY, parameters=(1,), options=(Option("mode", "REFLECT"),), versions=(2, 3), shape=_mirror_pad
    ),
    _moving("SLICE", TERNARY, parameters=(1, 2), table="SliceOptions", versions=(2, 6), shape=_slice),
    _moving(
        "STRIDED_SLICE",
        (4, 5),
        parameters=(1, 2, 3),
        options=(
            Option("begin_mask", 0),
            Option("end_mask", 0),
            Option("ellipsis_mask", 0, is_fixed=True),
            Option("new_axis_mask", 0, is_fixed=True),
            Option("shrink_axis_mask", 0),
            Option("offset", False, is_fixed=True),
        ),
        versions=(2, 8),
        shape=_strided_slice,
        fits=has_same_elements,
    ),
    _moving(
        "CONCATENATION",
        (1, ANY),
        options=(AXIS, replace(ACTIVATION, is_fixed=True)),
        versions=(2, 4),
        shape=_concatenation,
    ),
    _moving(
        "SPLIT",
        BINARY,
        parameters=(0,),
        main_input=1,
        options=_SPLITS,
        versions=(2, 4),
        outputs=ANY,
        check=_check_split,
    ),
    _moving(
        "SPLIT_V",
        TERNARY,
        parameters=(1, 2),
        options=_SPLITS,
        versions=(2, 2),
        outputs=ANY,
        check=_check_split_v,
    ),
    _moving("PACK", (1, ANY), options=(Option("values_count", 0), AXIS), versions=(2, 4), shape=_pack),
    _moving("UNPACK", UNARY, options=(Option("num", 0), AXIS), versions=(2, 4), outputs=ANY, check=_check_unpack),
    _moving("GATHER", BINARY, parameters=(1,), options=(AXIS, Option("batch_dims", 0)), versions=(2, 7), shape=_gather),
    _moving("GATHER_ND", BINARY, parameters=(1,), table="GatherNdOptions", versions=(1, 5), shape=_gather_nd),
    _moving("DEPTH_TO_SPACE", UNARY, options=_BLOCK, versions=(2, 2), shape=_depth_to_space, keeps_elements=True),
    _moving("SPACE_TO_DEPTH", UNARY, options=_BLOCK, versions=(2, 2), shape=_space_to_depth, keeps_elements=True),
    _moving("RESIZE_NEAREST_NEIGHBOR", BINARY, parameters=(1,), options=_RESIZE, versions=(2, 4), shape=_resize),
    # between elements, it computes new ones
    _moving("RESIZE_BILINEAR", BINARY, parameters=(1,), options=_RESIZE, versions=(2, 4), shape=_resize),
    _moving("BROADCAST_TO", BINARY, parameters=(1,), table="BroadcastToOptions", versions=(2, 3), shape=_broadcast_to),
    _moving("TILE", BINARY, parameters=(1,), table="TileOptions", versions=(1, 3), shape=_tile),
    _moving("REVERSE_V2", BINARY, parameters=(1,), table="ReverseV2Options", versions=(1, 3), shape=_reversed),
    _moving(
        "REVERSE_SEQUENCE",
        BINARY,
        parameters=(1,),
        options=(Option("seq_dim", 0), Option("batch_dim", 0)),
        shape=_reversed_sequences,
    ),
    # sizes, and what is put everywhere
    Description(
        "FILL",
        BINARY,
        parameters=(0,),
        main_input=1,
        table="FillOptions",
        versions=(3, 4),
        shape=lambda read, _: tuple(numbers(read[0])),
        keeps_quantisation=True,
    ),
    Description("EMBEDDING_LOOKUP", BINARY, parameters=(0,), main_input=1, versions=(1, 4), shape=_lookup),
    _moving(
        "SPACE_TO_BATCH_ND",
        TERNARY,
        parameters=(1, 2),
        table="SpaceToBatchNDOptions",
        versions=(2, 4),
        shape=_space_to_batch,
    ),
    _moving(
        "BATCH_TO_SPACE_ND",
        TERNARY,
        parameters=(1, 2),
        table="BatchToSpaceNDOptions",
        versions=(2, 4),
        shape=_batch_to_space,
    ),
    # the same bytes in another shape, and numbers that tell a shape
    Description("RESHAPE", (1, 2), parameters=(1,), options=(Option("new_shape", ()),), is_view=True),
    Description("SQUEEZE", UNARY, options=(Option("squeeze_dims", ()),), versions=(1, 2), is_view=True),
    Description("EXPAND_DIMS", BINARY, parameters=(1,), table="ExpandDimsOptions", shape=_expand_dims, is_view=True),
    Description(
        "SHAPE",
        UNARY,
        options=(Option("out_type", "INT32"),),
        shape=lambda read, _: (len(read[0].shape),),
        check=_check_told,
    ),
    *each("RANK*", inputs=UNARY, shape=lambda _read, _options: (), check=_check_told),
    # the shape that two shapes have element by element
    *each(
        "BROADCAST_ARGS", inputs=BINARY, shape=lambda read, _: max(tensor.shape for tensor in read), check=_check_told
    ),
)
