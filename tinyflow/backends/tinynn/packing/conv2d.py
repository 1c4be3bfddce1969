"""CONV_2D: a kernel for each variant, with its weights packed and its scratch counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinyflow.backends.tinynn import layouts
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.layouts import Int8s, Int32s
from tinyflow.backends.tinynn.packing.layer import Layer, as_single_row, first_exact, layer_of
from tinyflow.backends.tinynn.packing.vectors import (
    MVE_CHANNELS,
    MVE_PIXELS,
    MVE_STEP,
    mve_weights,
    rvv_constants,
)


def conv2d(
    variant: str,
    fields: Mapping[str, int],
    weights: Int8s,
    bias: Sequence[int] | Int32s,
    multipliers: Int32s,
    shifts: Int32s,
) -> Call:
    """CONV_2D: `weights` [out, kh, kw, in], `bias` [out] as in the model; `fields` are all others of the struct."""
    fields = {**fields, "output_pitch": fields["output_channels"]}
    if variant != "ref":
        fields, weights = as_single_row(fields, weights)
    layer = layer_of(fields, weights, bias, multipliers, shifts, fields["input_zero_point"])
    return first_exact(
        variant,
        layer,
        {
            "mve": _conv2d_mve,
            "rvv": _conv2d_rvv,
            "dsp": _conv2d_dsp,
            "rv32": lambda layer: _conv2d_tiled(layer, "rv32", 4, 4),
            "c": lambda layer: _conv2d_tiled(layer, "c", 2, 2),
            "ref": lambda layer: layer.call("conv2d_ref", "conv2d", layer.weights, layer.channels, layer.rows.shape[1]),
        },
    )


def _conv2d_dsp(layer: Layer) -> Call | str:
    """See src/dsp/conv2d.c. Scratch: activations of three pixels; a place aside for outputs; four rows at the edge."""
    refusal = layer.why_not_right or layouts.why_not_pairs(layer.rows)
    if refusal is not None:
        return refusal
    fields, outputs, kernel_height = layer.fields, len(layer.rows), layer.weights.shape[1]
    row_bytes = layer.weights[0, 0].size
    lines = layer.weights.reshape(outputs, kernel_height, row_bytes)
    rows = np.pad(lines, ((0, 0), (0, 0), (0, -row_bytes % 4))).reshape(outputs, -1)
    pixels = fields["batches"] * fields["output_height"] * fields["output_width"]
    has_edges = layer.weights.shape[1:3] != (1, 1)
    scratch_bytes = 3 * 2 * rows.shape[1]
    if outputs % 2 or pixels % 3 or has_edges:
        scratch_bytes += 3 * (outputs + outputs % 2)
    if has_edges:
        scratch_bytes += 4 * row_bytes
    records = layouts.padded(layouts.right_records(layer.channels), 2)
    return layer.call("conv2d_dsp", "conv2d", layouts.pair_words(rows, 1), records, scratch_bytes)


def _conv2d_tiled(layer: Layer, variant: str, tile_pixels: int, tile_channels: int) -> Call | str:
    """See include/tinynn/tiled_conv2d.h. Scratch: each pixel's values under the kernel; a place aside for outputs."""
    if layer.why_not_right is not None:
        return layer.why_not_right
    fields, outputs = layer.fields, len(layer.rows)
    scratch_bytes = 0 if layer.weights.shape[1:3] == (1, 1) else tile_pixels * layer.rows.shape[1]
    pixels = fields["batches"] * fields["output_height"] * fields["output_width"]
    if pixels % tile_pixels or outputs % tile_channels:
        scratch_bytes += tile_pixels * (outputs + -outputs % tile_channels)
    records = layouts.padded(layouts.right_records(layer.channels), tile_channels)
    return layer.call(f"conv2d_{variant}", "conv2d", layouts.tiles(layer.rows, tile_channels), records, scratch_bytes)


def _conv2d_mve(layer: Layer) -> Call | str:
    """See src/mve/conv2d.c. Scratch: each pixel's values under the kernel in whole steps; a place aside for outputs."""
    refusal = layouts.why_not_halved(layer.channels)
    if refusal is not None:
        return refusal
    fields, outputs, products = layer.fields, len(layer.rows), layer.rows.shape[1]
    is_direct = layer.weights.shape[1:3] == (1, 1) and products % MVE_STEP == 0
    scratch_bytes = 0 if is_direct else MVE_PIXELS * (products + -products % MVE_STEP)
    pixels = fields["batches"] * fields["output_height"] * fields["output_width"]
    if outputs % MVE_CHANNELS or pixels % MVE_PIXELS:
        scratch_bytes += MVE_PIXELS * (outputs + -outputs % MVE_CHANNELS)
    records = layouts.vector_records(layouts.padded(layer.channels, MVE_CHANNELS), MVE_CHANNELS)
    return layer.call("conv2d_mve", "conv2d", mve_weights(layer), records, scratch_bytes)


def _conv2d_rvv(layer: Layer) -> Call | str:
    """See src/rvv/conv2d.c. Scratch: each pixel's values under the kernel; a place aside for the last pixel."""
    refusal = layouts.why_not_halved(layer.channels) or layouts.why_not_tap_pairs(layer.rows)
    if refusal is not None:
        return refusal
    fields, outputs = layer.fields, len(layer.rows)
    scratch_bytes = 0 if layer.weights.shape[1:3] == (1, 1) else 2 * layer.rows.shape[1]
    if fields["batches"] * fields["output_height"] * fields["output_width"] % 2:
        scratch_bytes += 2 * outputs
    return layer.call("conv2d_rvv", "conv2d", *rvv_constants(layer), scratch_bytes)
