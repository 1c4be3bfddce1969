"""Windows that slide over images, one dimension taken for images of one row; and the pools among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyflow.model.onnx.imported import LOWEST_FLOAT, Call, ImportedGraph, NotInteger, Value
from tinyflow.model.onnx.layout import channels_last
from tinyflow.model.onnx.source import Array
from tinyflow.model.operators.shapes import Pair

_MOST_PADDING = 1 << 12


def images(net: ImportedGraph, call: Call) -> tuple[int, int]:
    """The first input as [N, H, W, C], and the rank that it has in the file. Raises ModelError for other ranks."""
    value = net.value(call)
    rank = len(value.shape)
    if rank not in (3, 4):
        raise call.node.refuse(f"an input of {rank} dimensions can't be imported", "one or two besides channels")
    if rank == 3:
        batch, channels, width = value.shape
        value = replace(value, layout=value.layout.reshaped((batch, channels, 1, width)))
    return net.arranged(value, channels_last(4)), rank


def rank_as(rank: int, value: Value) -> Value:
    """A result of images as what the file has."""
    if rank == 4:
        return value
    batch, channels, _, width = value.shape
    return replace(value, layout=value.layout.reshaped((batch, channels, width)))


@dataclass(frozen=True)
class Windows:
    """How windows slide; each pair is for height and width, each of `pads` before and after."""

    size: Pair
    stride: Pair
    dilation: Pair
    pads: tuple[Pair, Pair]
    counts: Pair
    """How many there are: the size of the output."""
    beyond: Pair = (0, 0)
    """Of the padding behind, what is there only since counts are rounded up."""

    @staticmethod
    def of(call: Call, rank: int, source: Sequence[int], kernel: Sequence[int]) -> Windows:
        """By a node's attributes, for a source of [N, H, W, C] and a kernel of (height, width)."""
        node, spread = call.node, rank - 2
        ones = (1,) * spread
        size = (int(kernel[0]), int(kernel[1]))
        stride, dilation = (_pair(node.integers(name, ones)) for name in ("strides", "dilations"))
        if min(*stride, *dilation, *size) < 1:
            raise node.refuse("its windows have a size, stride or dilation below 1")
        given = node.integers("pads", (0,) * 2 * spread)
        pads = [(a, b) for a, b in zip(given[:spread], given[spread:], strict=True)]
        if len(pads) == 1:
            pads.insert(0, (0, 0))
        auto, is_up = str(node.attributes.get("auto_pad", "NOTSET")), bool(node.attributes.get("ceil_mode", 0))
        found: list[tuple[Pair, int, int]] = []
        for length, reach, step, around in zip(source[1:3], _reaches(size, dilation), stride, pads, strict=True):
            found.append(_slide(auto, is_up, length, reach, step, around))
        paddings = [amount for pair, _, _ in found for amount in pair]
        if min(count for _, count, _ in found) < 1 or min(paddings) < 0 or max(paddings) > _MOST_PADDING:
            raise node.refuse("its windows don't fit its input, or its padding is negative or huge")
        (rows, height, low), (columns, width, right) = found
        return Windows(size, stride, dilation, (rows, columns), (height, width), (low, right))


def _pair(values: Sequence[int]) -> Pair:
    return (values[0], values[1]) if len(values) == 2 else (1, values[0])


def _reaches(size: Pair, dilation: Pair) -> Pair:
    return (size[0] - 1) * dilation[0] + 1, (size[1] - 1) * dilation[1] + 1


def _slide(auto: str, is_up: bool, length: int, reach: int, step: int, around: Pair) -> tuple[Pair, int, int]:
    """Padding before and after, how many windows, and what of the padding is only for the last of these."""
    if auto.startswith("SAME"):
        count = -(-length // step)
        total = max((count - 1) * step + reach - length, 0)
        odd = total - total // 2
        return ((total // 2, odd) if auto == "SAME_UPPER" else (odd, total // 2)), count, 0
    before, after = around if auto == "NOTSET" else (0, 0)
    room = length + before + after - reach
    count = (-(-room // step) if is_up else room // step) + 1
    if is_up and (count - 1) * step >= length + before:  # a window must begin in the input or in front of it
        count -= 1
    beyond = max((count - 1) * step - room, 0)
    return (before, after + beyond), count, beyond


def pool(net: ImportedGraph, call: Call) -> Value:
    """MaxPool, AveragePool and their like over the whole image."""
    node, (source, rank) = call.node, images(net, call)
    is_whole, is_max = node.kind.startswith("Global"), node.kind.endswith("MaxPool")
    shape = net.shape(source)
    own = () if is_whole else _pair(node.integers("kernel_shape", (1,) * (rank - 2)))
    kernel = own or shape[1:3]
    windows = Windows.of(call, rank, shape, kernel)
    if windows.dilation != (1, 1):
        raise node.refuse("dilated windows can't be imported")
    if len(node.outputs) > 1 and node.outputs[1]:
        raise node.refuse("the positions of the largest can't be imported")
    if is_max:
        source, padding = net.padded(call, source, windows.pads, windows.size, windows.stride, value=LOWEST_FLOAT)
        return _pooled(net, call, "MAX_POOL_2D", source, rank, windows, padding)
    if is_whole and not (call.is_integer and call.wanted == net.tensors[source].quantisation):
        # one that gives another quantisation, or has no size that a kernel might not take
        axes = net.constant(f"{call.name}/axes", [1, 2], "int32")
        dims = (shape[0], 1, 1, shape[3])
        made = net.stepped(call, "MEAN", (source, axes), dims, channels_last(4), call.wanted, keep_dims=True)
        return rank_as(rank, made)
    counted = bool(node.attributes.get("count_include_pad", 0))
    source, padding = net.padded(call, source, windows.pads, windows.size, windows.stride)
    if padding == "SAME" and counted:  # which leaves padding out
        source, padding = net.surrounded(call, source, ((0, 0), *windows.pads, (0, 0)), 0.0), "VALID"
    weights = _shares(shape, windows, counted) if padding == "VALID" else np.ones(())
    if (weights == 1).all():
        return _pooled(net, call, "AVERAGE_POOL_2D", source, rank, windows, padding)
    if call.is_integer:
        raise NotInteger
    made = _pooled(net, call, "AVERAGE_POOL_2D", source, 4, windows, padding)
    factors = net.constant(f"{call.name}/shares", weights[None, :, :, None], "float32")
    tensor = net.step(call, "MUL", (made.tensor, factors), net.shape(made.tensor), name=f"{call.name}/of_those_counted")
    return rank_as(rank, replace(made, tensor=tensor))


def _shares(shape: Sequence[int], windows: Windows, counted: bool) -> Array:
    """For each window, its size by how many of its elements count."""
    counts = []
    for axis in (0, 1):
        (before, after), length = windows.pads[axis], shape[axis + 1]
        inside = np.zeros(before + length + after)
        first, last = (0, before + length + after - windows.beyond[axis]) if counted else (before, before + length)
        inside[first:last] = 1
        starts = range(0, windows.counts[axis] * windows.stride[axis], windows.stride[axis])
        counts.append(np.array([inside[start : start + windows.size[axis]].sum() for start in starts]))
    shares: Array = windows.size[0] * windows.size[1] / np.maximum(np.outer(*counts), 1)
    return shares.astype(np.float32)


def _pooled(net: ImportedGraph, call: Call, kind: str, source: int, rank: int, windows: Windows, padding: str) -> Value:
    """TFLite's pools keep the quantisation."""
    dims = (net.shape(source)[0], *windows.counts, net.shape(source)[3])
    made = net.stepped(
        call,
        kind,
        (source,),
        dims,
        channels_last(4),
        padding=padding,
        stride=windows.stride,
        filter=windows.size,
    )
    return rank_as(rank, made)
