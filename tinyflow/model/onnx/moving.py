"""Elements that get another shape or place, are left out or repeated; reductions along axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinyflow.model.graph import Shape
from tinyflow.model.onnx.imported import Call, ImportedGraph, Value
from tinyflow.model.onnx.layout import Layout, channels_last
from tinyflow.model.onnx.source import Array, Node

_LARGEST = 2**31 - 1
_REDUCERS: Mapping[str, str] = {
    "ReduceMean": "MEAN",
    "ReduceSum": "SUM",
    "ReduceMax": "REDUCE_MAX",
    "ReduceMin": "REDUCE_MIN",
}
REDUCERS = tuple(_REDUCERS)


def identity(net: ImportedGraph, call: Call) -> Value:
    """Nothing happens at run time."""
    return net.value(call, any_type=True)


def reshape(net: ImportedGraph, call: Call) -> Value:
    """Another shape of as many elements."""
    node, value = call.node, net.value(call, any_type=True)
    return replace(value, layout=value.layout.reshaped(target_shape(net, node, value.shape)))


def target_shape(net: ImportedGraph, node: Node, shape: Shape) -> Shape:
    """What a Reshape makes of a shape: 0 keeps a dimension, -1 is what is left."""
    target = net.numbers(node, 1, "shape")
    if target is None:
        raise node.refuse("it has no shape")
    wanted = [int(size) for size in target.reshape(-1)]
    if not node.attributes.get("allowzero", 0):
        wanted = [shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    elements, known = int(np.prod(shape)), int(np.prod([size for size in wanted if size != -1]))
    is_whole = known > 0 and elements % known == 0
    made = tuple(elements // known if size == -1 else size for size in wanted) if is_whole else ()
    if not is_whole or min(made, default=1) < 1 or int(np.prod(made)) != elements:
        raise node.refuse(f"{list(shape)} becomes {list(wanted)}, which has other elements")
    return made


def flatten(net: ImportedGraph, call: Call) -> Value:
    """Flatten into rows."""
    value = net.value(call, any_type=True)
    axis = int(call.node.attributes.get("axis", 1))
    axis += len(value.shape) if axis < 0 else 0
    rows = int(np.prod(value.shape[:axis]))
    return replace(value, layout=value.layout.reshaped((rows, value.elements // rows)))


def squeeze(net: ImportedGraph, call: Call) -> Value:
    """Without axes of one element."""
    value = net.value(call, any_type=True)
    given = net.numbers(call.node, 1, "axes")
    rank = len(value.shape)
    axes = (
        [axis for axis, size in enumerate(value.shape) if size == 1]
        if given is None
        else [_axis(call.node, int(axis), rank) for axis in given.reshape(-1)]
    )
    if any(value.shape[axis] != 1 for axis in axes):
        raise call.node.refuse(f"it drops axes {axes} of {list(value.shape)}")
    shape = tuple(size for axis, size in enumerate(value.shape) if axis not in axes)
    return replace(value, layout=value.layout.reshaped(shape))


def unsqueeze(net: ImportedGraph, call: Call) -> Value:
    """With further axes of one element."""
    value = net.value(call, any_type=True)
    given = net.numbers(call.node, 1, "axes")
    assert given is not None
    rank = len(value.shape) + given.size
    axes = {_axis(call.node, int(axis), rank) for axis in given.reshape(-1)}
    if len(axes) != given.size:
        raise call.node.refuse(f"it names an axis of {given.tolist()} twice")
    left = iter(value.shape)
    shape = tuple(1 if axis in axes else next(left) for axis in range(rank))
    return replace(value, layout=value.layout.reshaped(shape))


def transpose(net: ImportedGraph, call: Call) -> Value:
    """Only what the axes are called changes; whoever needs them otherwise moves them."""
    value = net.value(call, any_type=True)
    rank = len(value.shape)
    axes = [int(axis) for axis in call.node.attributes.get("perm", range(rank - 1, -1, -1))]
    if sorted(axes) != list(range(rank)):
        raise call.node.refuse(f"it permutes {rank} axes by {axes}")
    return transposed(net, value, axes)


def _stored(net: ImportedGraph, value: Value) -> tuple[int, tuple[int, ...]]:
    """A tensor that has the axes of a value, and their order."""
    direct = net.direct(value)
    return net.arranged(direct, direct.layout.order), direct.layout.order


def _axis(node: Node, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise node.refuse(f"axis {axis} of {rank} dimensions")
    return axis % rank


def concat(net: ImportedGraph, call: Call) -> Value:
    """Side by side along an axis; in int8 all get one quantisation."""
    node = call.node
    values = [net.value(call, position) for position in range(len(node.inputs))]
    if call.is_integer:
        scheme = call.wanted or net.tensors[values[0].tensor].quantisation
        assert scheme is not None
        values = [net.quantised(value, scheme, f"{call.name}/{i}") for i, value in enumerate(values)]
    order = net.first_order(values)
    axis = order.index(_axis(node, int(node.attributes.get("axis", 1)), len(order)))
    tensors = [net.arranged_constant(value, order) for value in values]
    shapes = [net.shape(tensor) for tensor in tensors]
    dims = (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])
    return net.stepped(call, "CONCATENATION", tensors, dims, order, axis=axis)


def pad(net: ImportedGraph, call: Call) -> Value:
    """Pad with a constant, or a mirror."""
    node, value = call.node, net.value(call)
    rank, mode = len(value.shape), str(node.attributes.get("mode", "constant"))
    given = net.numbers(node, 1, "paddings" if "paddings" in node.attributes else "pads")
    axes = net.numbers(node, 3)
    assert given is not None
    amounts = [int(number) for number in given.reshape(-1)]
    named = list(range(rank)) if axes is None else [_axis(node, int(axis), rank) for axis in axes.reshape(-1)]
    if len(amounts) != 2 * len(named) or min(amounts, default=0) < 0:
        raise node.refuse(f"it pads {rank} axes by {amounts}")
    around = {axis: (amounts[i], amounts[i + len(named)]) for i, axis in enumerate(named)}
    filling = net.numbers(node, 2, "value")
    tensor, order = _stored(net, value)
    pairs = [around.get(axis, (0, 0)) for axis in order]
    if mode == "constant":
        number = 0.0 if filling is None else float(filling.reshape(()))
        made = net.surrounded(call, tensor, pairs, number)
        return Value(made, Layout.stored(net.shape(made), order))
    if mode != "reflect":
        raise node.refuse(f"the mode {mode} can't be imported", "constant and reflect can")
    dims = tuple(size + sum(pair) for size, pair in zip(net.shape(tensor), pairs, strict=True))
    constant = net.constant(f"{call.name}/amounts", pairs, "int32")
    return net.stepped(call, "MIRROR_PAD", (tensor, constant), dims, order, mode="REFLECT")


def cut(net: ImportedGraph, call: Call) -> Value:
    """Slice: parts of some axes, by constants."""
    node, value = call.node, net.value(call)
    rank = len(value.shape)
    starts, ends = net.numbers(node, 1, "starts"), net.numbers(node, 2, "ends")
    axes, steps = net.numbers(node, 3, "axes"), net.numbers(node, 4)
    assert starts is not None and ends is not None
    count = starts.size
    named = range(count) if axes is None else [_axis(node, int(axis), rank) for axis in axes.reshape(-1)]
    strides = np.ones(count, np.int64) if steps is None else steps.reshape(-1)
    if not len(named) == count == ends.size == len(strides) or count > rank or not strides.all():
        raise node.refuse(f"it takes {count} slices of {rank} axes")
    parts = {
        axis: slice(int(start), int(end), int(step))
        for axis, start, end, step in zip(named, starts.reshape(-1), ends.reshape(-1), strides, strict=True)
    }
    return sliced(net, call, value, parts, call.name)


def sliced(net: ImportedGraph, call: Call, value: Value, parts: Mapping[int, slice], name: str) -> Value:
    """A STRIDED_SLICE that takes these parts of axes; the value itself where that is all of it."""
    tensor, order = _stored(net, value)
    shape = net.shape(tensor)
    ranges = [range(*parts.get(axis, slice(None)).indices(size)) for axis, size in zip(order, shape, strict=True)]
    dims = tuple(map(len, ranges))
    if min(dims, default=1) < 1:
        raise call.node.refuse("it takes nothing of an axis")
    if all(part == range(size) for part, size in zip(ranges, shape, strict=True)):
        return Value(tensor, Layout.stored(shape, order))
    # behind the front, -1 would mean the last element: the mask says `to the end`
    mask = sum(1 << i for i, part in enumerate(ranges) if part.step < 0 and part[-1] + part.step < 0)
    numbers = [[part.start for part in ranges], [max(part.stop, 0) for part in ranges], [part.step for part in ranges]]
    how = [
        net.constant(f"{name}/{what}", values, "int32")
        for what, values in zip(("begin", "end", "strides"), numbers, strict=True)
    ]
    made = net.step(call, "STRIDED_SLICE", (tensor, *how), dims, name=name, end_mask=mask)
    return Value(made, Layout.stored(dims, order))


def split(net: ImportedGraph, call: Call) -> tuple[Value, ...]:
    """Equal pieces by SPLIT, others by SPLIT_V."""
    node, value = call.node, net.value(call)
    axis, count = _axis(node, int(node.attributes.get("axis", 0)), len(value.shape)), len(node.outputs)
    given, size = net.numbers(node, 1, "split"), value.shape[axis]
    piece = -(-size // count)
    sizes = (
        [min(piece, size - start) for start in range(0, size, piece)]
        if given is None
        else [int(number) for number in given.reshape(-1)]
    )
    if len(sizes) != count or sum(sizes) != size or min(sizes) < 1:
        raise node.refuse(f"it splits {size} into {sizes}")
    if count == 1:
        return (value,)
    tensor, order = _stored(net, value)
    source, place = net.tensors[tensor], order.index(axis)
    dims = [(*source.shape[:place], size, *source.shape[place + 1 :]) for size in sizes]
    pieces = [
        net.tensor(name or f"{call.name}/{i}", shape, source.quantisation, source.dtype)
        for i, (name, shape) in enumerate(zip(node.outputs, dims, strict=True))
    ]
    along = net.constant(f"{call.name}/axis", [place], "int32")
    if len(set(sizes)) == 1:
        net.operator("SPLIT", (along, tensor), *pieces, num_splits=count)
    else:
        lengths = net.constant(f"{call.name}/sizes", sizes, "int32")
        net.operator("SPLIT_V", (tensor, lengths, along), *pieces, num_splits=count)
    return tuple(Value(made, Layout.stored(shape, order)) for made, shape in zip(pieces, dims, strict=True))


def gather(net: ImportedGraph, call: Call) -> Value:
    """Gather by constants: one element, a run of them, or a GATHER."""
    node, value = call.node, net.value(call)
    axis = _axis(node, int(node.attributes.get("axis", 0)), len(value.shape))
    indices, size = net.numbers(node, 1), value.shape[axis]
    assert indices is not None
    if indices.ndim > 1 or not indices.size or indices.min() < -size or indices.max() >= size:
        raise node.refuse(f"it takes {indices.size} elements of {size}", "a list of positions can be imported")
    chosen = [int(index) % size for index in indices.reshape(-1)]
    if chosen == list(range(chosen[0], chosen[0] + len(chosen))):
        made = sliced(net, call, value, {axis: slice(chosen[0], chosen[-1] + 1)}, call.name)
    else:
        tensor, order = _stored(net, value)
        place = order.index(axis)
        constant = net.constant(f"{call.name}/indices", chosen, "int32")
        dims = (*net.shape(tensor)[:place], len(chosen), *net.shape(tensor)[place + 1 :])
        made = net.stepped(call, "GATHER", (tensor, constant), dims, order, axis=place, batch_dims=0)
    if indices.ndim:
        return made
    return replace(made, layout=made.layout.reshaped((*value.shape[:axis], *value.shape[axis + 1 :])))


def reduce(net: ImportedGraph, call: Call) -> Value:
    """Reductions along axes, which keep their places until the end."""
    node, value = call.node, net.value(call)
    kind, rank = _REDUCERS[node.kind], len(value.shape)
    given = net.numbers(node, 1, "axes")
    named = [] if given is None else [_axis(node, int(axis), rank) for axis in given.reshape(-1)]
    if not named and node.attributes.get("noop_with_empty_axes", 0):
        return value
    axes = sorted(set(named)) or list(range(rank))
    tensor, order = _stored(net, value)
    dims = tuple(1 if axis in axes else size for axis, size in zip(order, net.shape(tensor), strict=True))
    constant = net.constant(f"{call.name}/axes", sorted(order.index(axis) for axis in axes), "int32")
    scheme = call.wanted if call.is_integer and kind in ("MEAN", "SUM") else None
    if len(axes) == rank and not node.attributes.get("keepdims", 1):
        return net.stepped(call, kind, (tensor, constant), (), (), scheme, keep_dims=False)
    made = net.stepped(call, kind, (tensor, constant), dims, order, scheme, keep_dims=True)
    if node.attributes.get("keepdims", 1):
        return made
    shape = tuple(size for axis, size in enumerate(value.shape) if axis not in axes)
    return replace(made, layout=made.layout.reshaped(shape))


def resize(net: ImportedGraph, call: Call) -> Value:
    """Resize and Upsample of height and width, where TFLite takes the same elements."""
    node, value = call.node, net.value(call)
    if len(value.shape) != 4:
        raise node.refuse(f"it resizes {list(value.shape)}", "images only")
    is_newer = node.kind == "Resize" and net.source.opset >= 11
    scales = net.numbers(node, 2 if is_newer else 1, "scales")
    sizes = net.numbers(node, 3) if is_newer else None
    if sizes is None and (scales is None or scales.size != 4):
        raise node.refuse("it has no sizes of four dimensions")
    wanted = (
        [int(size) for size in sizes.reshape(-1)]
        if sizes is not None and sizes.size
        else [
            int(np.floor(size * scale)) for size, scale in zip(value.shape, np.asarray(scales).reshape(-1), strict=True)
        ]
    )
    if len(wanted) != 4 or tuple(wanted[:2]) != value.shape[:2] or min(wanted) < 1 or max(wanted) > _LARGEST:
        raise node.refuse(f"{list(value.shape)} becomes {wanted}", "only height and width can change")
    mode, coordinates = str(node.attributes.get("mode", "nearest")), _coordinates(net, node)
    tensor = net.arranged(value, channels_last(4))
    height, width = wanted[2:]
    target = net.constant(f"{call.name}/size", [height, width], "int32")
    options: dict[str, Any] = {
        "align_corners": coordinates == "align_corners",
        "half_pixel_centers": coordinates in ("half_pixel", "pytorch_half_pixel"),
    }
    if mode == "nearest":
        rounding = str(node.attributes.get("nearest_mode", "round_prefer_floor" if is_newer else "floor"))
        for old, new in zip(value.shape[2:], (height, width), strict=True):
            if not np.array_equal(_nearest(old, new, coordinates, rounding), _tflite_nearest(old, new, options)):
                raise node.refuse(f"nearest by {coordinates}, {rounding} takes other elements than TFLite")
        kind = "RESIZE_NEAREST_NEIGHBOR"
    elif mode in ("linear", "bilinear"):
        if coordinates == "pytorch_half_pixel" and 1 in (height, width):
            raise node.refuse("pytorch_half_pixel to a single row can't be imported")
        kind = "RESIZE_BILINEAR"
    else:
        raise node.refuse(f"the mode {mode} can't be imported", "nearest and linear can")
    dims = (value.shape[0], height, width, value.shape[1])
    return net.stepped(call, kind, (tensor, target), dims, channels_last(4), **options)


def _coordinates(net: ImportedGraph, node: Node) -> str:
    default = "half_pixel" if node.kind == "Resize" and net.source.opset >= 11 else "asymmetric"
    found = str(node.attributes.get("coordinate_transformation_mode", default))
    if found not in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
        raise node.refuse(f"coordinates by {found} can't be imported")
    return found


def _nearest(old: int, new: int, coordinates: str, rounding: str) -> Array:
    """Which element each one is taken from, as ONNX's specification of Resize has it."""
    places = np.arange(new, dtype=np.float64)
    if coordinates == "align_corners":
        places = places * (old - 1) / max(new - 1, 1)
    elif coordinates == "asymmetric":
        places = places * old / new
    else:
        places = (places + 0.5) * old / new - 0.5
    chosen = {
        "round_prefer_floor": np.ceil(places - 0.5),
        "round_prefer_ceil": np.floor(places + 0.5),
        "floor": np.floor(places),
        "ceil": np.ceil(places),
    }[rounding]
    indices: Array = np.clip(chosen, 0, old - 1)
    return indices


def _tflite_nearest(old: int, new: int, options: Mapping[str, Any]) -> Array:
    """The same, as TFLite's reference/resize_nearest_neighbor.h does it, in float32."""
    is_aligned = bool(options["align_corners"]) and new > 1
    scale = np.float32((old - 1) / (new - 1)) if is_aligned else np.float32(old) / np.float32(new)
    places = (np.arange(new, dtype=np.float32) + np.float32(0.5 if options["half_pixel_centers"] else 0)) * scale
    chosen = np.floor(places + np.float32(0.5)) if options["align_corners"] else np.floor(places)
    indices: Array = np.clip(chosen, 0, old - 1)
    return indices


def depth_to_space(net: ImportedGraph, call: Call) -> Value:
    """Blocks of channels become blocks of pixels."""
    node, value = call.node, net.value(call)
    block = int(node.attributes.get("blocksize", 0))
    if len(value.shape) != 4 or block < 1 or value.shape[1] % block**2:
        raise node.refuse(f"blocks of {block} of {list(value.shape)}")
    batch, channels, height, width = value.shape
    left = channels // block**2
    if str(node.attributes.get("mode", "DCR")) == "DCR":
        tensor = net.arranged(value, channels_last(4))
        dims = (batch, height * block, width * block, left)
        return net.stepped(call, "DEPTH_TO_SPACE", (tensor,), dims, channels_last(4), block_size=block)
    layout = value.layout.reshaped((batch, left, block, block, height, width))
    moved = transposed(net, replace(value, layout=layout), (0, 1, 4, 2, 5, 3))
    return replace(moved, layout=moved.layout.reshaped((batch, left, height * block, width * block)))


def space_to_depth(net: ImportedGraph, call: Call) -> Value:
    """Blocks of pixels become blocks of channels."""
    node, value = call.node, net.value(call)
    block = int(node.attributes.get("blocksize", 0))
    if len(value.shape) != 4 or block < 1 or value.shape[2] % block or value.shape[3] % block:
        raise node.refuse(f"blocks of {block} of {list(value.shape)}")
    batch, channels, height, width = value.shape
    tensor = net.arranged(value, channels_last(4))
    dims = (batch, height // block, width // block, channels * block**2)
    return net.stepped(call, "SPACE_TO_DEPTH", (tensor,), dims, channels_last(4), block_size=block)


def transposed(net: ImportedGraph, value: Value, axes: Sequence[int]) -> Value:
    """The value with its axes called otherwise."""
    direct = net.direct(value)
    return replace(direct, layout=direct.layout.transposed(axes))


def cast(net: ImportedGraph, call: Call) -> Value:
    """To float32 from integers; floating-point types are one."""
    value = net.value(call, any_type=True)
    tensor = net.tensors[value.tensor]
    if int(call.node.attributes.get("to", 1)) not in (1, 10, 11):
        raise call.node.refuse("only a cast to floating point can be imported")
    if tensor.dtype in ("float32", "int8") and (tensor.dtype == "float32" or tensor.quantisation is not None):
        return value
    types: dict[str, Any] = {"in_data_type": tensor.dtype.upper(), "out_data_type": "FLOAT32"}
    made = net.layer("CAST", (tensor.index,), call.name, None, tensor.shape, "float32", **types)
    return replace(value, tensor=made)


def argument(net: ImportedGraph, call: Call) -> Value:
    """ArgMax and ArgMin, as int32."""
    node, value = call.node, net.value(call)
    if node.attributes.get("select_last_index", 0):
        raise node.refuse("the last of equal ones can't be imported")
    axis = _axis(node, int(node.attributes.get("axis", 0)), len(value.shape))
    tensor, order = _stored(net, value)
    place = order.index(axis)
    constant = net.constant(f"{call.name}/axis", [place], "int32")
    dims = tuple(size for i, size in enumerate(net.shape(tensor)) if i != place)
    kind = "ARG_MAX" if node.kind == "ArgMax" else "ARG_MIN"
    made = net.layer(kind, (tensor, constant), call.name, None, dims, "int32", output_type="INT32")
    left = tuple(one - (one > axis) for one in order if one != axis)
    layout = Layout.stored(dims, left)
    kept = tuple(1 if i == axis else size for i, size in enumerate(value.shape))
    return Value(made, layout.reshaped(kept) if node.attributes.get("keepdims", 1) else layout)
