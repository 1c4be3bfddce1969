"""What layers of integers with weights ask for: which kernel the chip will choose, and how much it packs at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tinyflow.backends.tinyi.entry import MAX_STRIDE
from tinyflow.backends.tinyi.memory_request import MemoryRequest, Unsupported, exactly, over_first
from tinyflow.backends.tinynn.calls import WORD_BYTES
from tinyflow.backends.tinynn.fields import convolution_fields
from tinyflow.backends.tinynn.kernel import Kernel
from tinyflow.backends.tinynn.kernels import kernels_of
from tinyflow.backends.tinynn.layer import Layer, as_single_row
from tinyflow.backends.tinynn.layouts import (
    LARGEST_RIGHT_SHIFT,
    MVE_STEP,
    RVV_LANES,
    outputs_between,
    rounded_up,
    wide_records,
)
from tinyflow.backends.tinynn.needs import ONE_ROW, TAP_PAIRS, TAPS_3X3, WHOLE_WINDOW
from tinyflow.backends.tinynn.packs import rvv_repeats
from tinyflow.backends.tinynn.scratch import (
    INT16_TILES,
    TILES,
    pairs_of_taps,
    plane_elements,
    products_of,
    products_of_rows,
)
from tinyflow.model.fixed_point import Integers, Rescaling, dense_factor
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.forms import form_of, quantisation_of
from tinyflow.model.weighted import Weighted, integers, symmetric, weighted

# of struct tinynn_channel, and tinynn_wide_channel
_RECORD_BYTES, _WIDE_RECORD_BYTES = 12, 16
# LARGEST_SHIFT of fully_connected.inc
_LARGEST_DENSE_SHIFT = 20
_MAX_PRODUCTS = 1 << 13
_MANY_PRODUCTS = f"more than {_MAX_PRODUCTS} products"
# of rows that the MVE kernel reads where they are; channels that the RVV kernel packs at once
_MVE_LONG, _RVV_CHANNELS = 64, 8
_LARGEST_PLANE = 1 << 26
_UNPACKED_ROWS = 8  # BLOCK of include/tinyi/fully_connected.inc


def _is_int4(graph: Graph, operator: Operator) -> bool:
    return graph.tensors[operator.inputs[1]].dtype == "int4"


def why_not_right(layer: Weighted, rows: Integers) -> str | None:
    """Why tinyi_has_right_shifts of src/channels.c refuses a layer, None where not; `rows`: [channels, products]."""
    if rows.shape[1] > _MAX_PRODUCTS:
        return _MANY_PRODUCTS
    shifts, bias = layer.rescaling.shifts, np.abs(layer.bias)
    most = bias + rows.shape[1] * 255 * 128
    offset = abs(2 * layer.output_zero_point + 1)
    is_tame = (shifts >= -LARGEST_RIGHT_SHIFT) & (shifts <= -1) & (most < 1 << 30)
    is_tame &= 2 * most + (offset << np.clip(-shifts, 0, 31)) < 1 << 31
    others = shifts[~(is_tame | ~rows.any(axis=1) | _is_constant(layer, rows))]
    if not others.size:
        return None
    return _why_not_shifts(others, LARGEST_RIGHT_SHIFT) or "sums that may have more than 30 bits"


def _why_not_shifts(shifts: Integers, most: int) -> str | None:
    if shifts.max() > -1:
        return "a scale of 1/2 or more"
    return f"a scale below 2**-{most + 1}" if shifts.min() < -most else None


def _is_constant(layer: Weighted, rows: Integers) -> npt.NDArray[np.bool_]:
    """Channels with one output, although their sums vary: by less than half of 2**22 steps of it."""
    swing, clamp = 255 * np.abs(rows).sum(axis=1), (layer.lowest, layer.highest)
    is_known, (least, most) = outputs_between(layer.rescaling, layer.bias, swing, layer.output_zero_point, clamp)
    is_small = (layer.rescaling.shifts <= 0) & (swing <= 2**21 - 2)
    is_constant: npt.NDArray[np.bool_] = is_known & is_small & (least == most)
    return is_constant


def _layer(graph: Graph, operator: Operator) -> Weighted:
    layer = symmetric(graph, operator, form_of(graph, operator))
    if max(*layer.window.stride, *layer.window.dilation) > MAX_STRIDE:
        raise Unsupported(f"a stride or dilation above {MAX_STRIDE} is not supported")
    return layer


def _asymmetric(graph: Graph, operator: Operator) -> MemoryRequest | None:
    """Of a layer of version 1, with which networks of uint8 have become int8; None for any other."""
    if operator.version > 1:
        return None
    layer = weighted(graph, operator)
    if len(layer.weight_zero_points) > 1:
        raise Unsupported("the weights have scales of their own in each channel")
    behind = WORD_BYTES * layer.outputs if layer.is_depthwise else layer.weights[0].size
    size = layer.outputs * _RECORD_BYTES + behind
    return MemoryRequest(size, size, is_general=True)


def conv2d(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    """CONV_2D of int8, whose weights are packed in blocks."""
    asymmetric = _asymmetric(graph, operator)
    if asymmetric is not None:
        return asymmetric
    layer = _layer(graph, operator)
    fields = convolution_fields(layer)
    chosen, reference = _chosen(_of_conv2d(variant), layer, fields)
    asked = _in_blocks(chosen, fields, is_int4=_is_int4(graph, operator))
    return replace(asked, reference=reference)


def _of_conv2d(variant: str) -> Sequence[Kernel]:
    """The one that a chip packs for."""
    return [one for one in kernels_of("conv2d", variant) if not one.name][:1]


def _in_blocks(
    chosen: Kernel | None, fields: Mapping[str, int], *, is_general: bool = False, is_int4: bool = False
) -> MemoryRequest:
    """Of CONV_2D, by a kernel or the definition: see `_packed_in_blocks`."""
    kernel = chosen.variant if chosen else "ref"
    tile, products = TILES[kernel], products_of(fields)
    fixed, packed_channels, packed, aside = tile.patches(fields), tile.channels, products, tile.pixels
    if kernel == "ref":
        packed = aside = 0
    elif kernel == "dsp":
        packed = 2 * products_of(fields, 4)
    elif kernel == "rvv":
        packed_channels = _RVV_CHANNELS
    elif kernel == "mve":
        packed = rounded_up(products, MVE_STEP)
        if tile.patch(fields) == 0 and products >= _MVE_LONG:  # weights stay where they are, pixels are copied
            fixed, packed = tile.pixels * packed, 0
    each = packed + aside + _RECORD_BYTES + (products if is_int4 else 0)
    # blocks of rvv are of whole lanes
    lanes = RVV_LANES if kernel == "rvv" else packed_channels
    blocks = _packed_in_blocks(fields["output_channels"], packed_channels, fixed, each, lanes)
    asked = replace(blocks, is_general=is_general, is_int4=is_int4)
    walking = chosen or next(one for one in kernels_of("conv2d", "ref"))
    return over_first(asked, walking.overlaps(fields) if fields["batches"] == 1 else {})


def _packed_in_blocks(channels: int, tile: int, fixed: int, each: int, lanes: int) -> MemoryRequest:
    """Of `each` channel so many bytes, the weights of so many channels packed at once as there is room for."""
    return MemoryRequest(fixed + tile * each, fixed + rounded_up(channels, tile) * each, step=lanes * each)


def _chosen(kernels: Sequence[Kernel], layer: Weighted, fields: Mapping[str, int]) -> tuple[Kernel | None, str]:
    """The first kernel that the chip finds exact, by bounds on any weights; or None, for the definition, and why."""
    channels = layer.weights.reshape(-1, layer.outputs).T if layer.is_depthwise else layer.weights
    why = why_not_right(layer, channels.reshape(layer.outputs, -1))
    # takes() of the kernels whose products share 16 bits: no weight of -128 at all
    has_lowest = bool((layer.weights == np.iinfo(np.int8).min).any())
    for one in () if why else kernels:
        against = one.why_not_fields(fields) or ("a weight of -128" if has_lowest and TAP_PAIRS in one.needs else None)
        if against is None:
            return one, ""
        why = against
    return None, (why or "") if any(one.variant != "ref" for one in kernels) else ""


def depthwise(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    """DEPTHWISE_CONV_2D of int8."""
    asymmetric = _asymmetric(graph, operator)
    if asymmetric is not None:
        return asymmetric
    layer = _layer(graph, operator)
    fields, _ = as_single_row(convolution_fields(layer), layer.weights)
    channels, taps = layer.outputs, math.prod(layer.window.size)
    chain = kernels_of("depthwise", variant)
    is_int4 = _is_int4(graph, operator)
    unpacked = rounded_up(channels * taps, WORD_BYTES) if is_int4 else 0
    is_conv2d = not is_int4 and variant == "dsp" and fields["input_channels"] == 1 < fields["depth_multiplier"]
    if is_conv2d and (chosen := _chosen(_of_conv2d(variant), layer, fields)[0]):
        return _in_blocks(chosen, fields, is_general=True)
    # rv32/depthwise.c falls back to what is portable
    names = (chain[0].variant, *["c"] * (chain[0].variant == "rv32"))
    own = [one for one in chain if one.variant in names and one.variant != "ref"]
    # the one that is always linked comes first
    own.sort(key=lambda one: TAPS_3X3 not in one.needs)
    if plane_elements(fields) > _LARGEST_PLANE:
        own = [one for one in own if TAPS_3X3 in one.needs or one.walk != "planes"]
    kernel, reference = _chosen(own, layer, fields)
    if kernel is None:
        if not own and variant != "ref":
            reference = f"planes of more than {_LARGEST_PLANE} elements"
        size = unpacked + channels * (_RECORD_BYTES + WORD_BYTES)
        return replace(exactly(size), is_int4=is_int4, reference=reference)
    is_3x3 = TAPS_3X3 in kernel.needs
    slots = channels
    if kernel.variant == "mve":
        slots = rounded_up(channels, 8 if is_3x3 else 16)
    elif kernel.variant == "rvv" and is_3x3:
        slots *= rvv_repeats(fields)
    if WHOLE_WINDOW in kernel.needs:
        taps = rounded_up(taps, 2)
    elif ONE_ROW in kernel.needs:
        taps = 2 * pairs_of_taps(fields)
    # one byte more is read than there are taps
    size = unpacked + slots * _RECORD_BYTES + rounded_up(kernel.scratch_bytes(fields), WORD_BYTES) + slots * taps + 1
    asked = MemoryRequest(size, size, kernel.overwrites(fields), is_general=not is_3x3, is_int4=is_int4)
    return over_first(asked, kernel.overlaps(fields) if asked.in_place and kernel.walk == "planes" else {})


def fully_connected(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    """FULLY_CONNECTED of int8, over rows as the file has them."""
    weights = graph.tensors[operator.inputs[1]]
    if not weights.is_constant or (weights.quantisation and any(weights.quantisation.zero_points)):
        matmul(graph, operator, variant)
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            integers(graph.tensors[operator.inputs[2]])
        return MemoryRequest(is_general=True)
    layer = _layer(graph, operator)
    # make_records of fully_connected.inc
    why = _why_not_shifts(layer.rescaling.shifts, _LARGEST_DENSE_SHIFT)
    if weights.shape[1] > _MAX_PRODUCTS:
        why = _MANY_PRODUCTS
    source = graph.tensors[operator.inputs[0]]
    widened = 0 if source.is_constant else source.elements
    wide = kernels_of("rows", variant)[0].scratch_bytes({"widened": widened})
    unpacked = _UNPACKED_ROWS * weights.shape[1] if weights.dtype == "int4" else 0
    return MemoryRequest(unpacked, unpacked + wide, is_int4=unpacked > 0, reference=(variant != "ref" and why) or "")


# what a chip has of them
INT16_KERNELS = {
    "CONV_2D": "conv2d_int16",
    "DEPTHWISE_CONV_2D": "depthwise_int16",
    "FULLY_CONNECTED": "rows_int16",
}


def weighted_int16(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:
    """All four of int16: by a kernel of the variant where sums have 32 bits."""
    layer = _layer(graph, operator)
    if layer.bias_dtype == "int16":
        raise Unsupported("a bias of int16 is not supported")
    records = wide_records(layer.bias, layer.rescaling, has_wide_sums=layer.bias_dtype == "int64")
    fields: Mapping[str, int] = {}
    if operator.name != "FULLY_CONNECTED":
        fields = convolution_fields(layer)
    rows = (layer.weights.reshape(-1, layer.outputs).T if layer.is_depthwise else layer.weights).astype(np.int8)
    # the chip has the first one of the variant
    chain = kernels_of(INT16_KERNELS.get(operator.name, ""), variant)[:1]
    kernel = next((one for one in chain if one.variant != "ref"), None)
    why = kernel.why_not(Layer(fields, rows, records)) if kernel else ""
    if kernel is None or why is not None:
        return replace(exactly(_WIDE_RECORD_BYTES * layer.outputs), reference=why or "")
    if operator.name != "CONV_2D":
        return exactly(
            _RECORD_BYTES * layer.outputs + kernel.scratch_bytes({**fields, "inputs": layer.weights[0].size})
        )
    tile, is_dsp = INT16_TILES[kernel.variant], kernel.variant == "dsp"
    packed = products_of_rows(fields) if is_dsp else products_of(fields)
    each = packed + tile.pixels * tile.output_bytes + _RECORD_BYTES
    asked = _packed_in_blocks(layer.outputs, tile.channels, tile.patches(fields), each, tile.channels)
    return over_first(asked, kernel.overlaps(fields) if fields["batches"] == 1 else {})


def transpose_conv(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """TRANSPOSE_CONV of int8: records of channels."""
    return exactly(_RECORD_BYTES * symmetric(graph, operator).outputs)


def matmul(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    """BATCH_MATMUL, and FULLY_CONNECTED by an activation."""
    form = form_of(graph, operator)
    left, right, output = (graph.tensors[index] for index in (*operator.inputs[:2], operator.outputs[0]))
    given, other, made = (quantisation_of(tensor, form) for tensor in (left, right, output))
    factor = Rescaling.of([dense_factor(given.scale, other.scale, made.scale)])
    if form == "int16":
        wide_records(np.zeros(1, np.int64), factor, has_wide_sums=True)
