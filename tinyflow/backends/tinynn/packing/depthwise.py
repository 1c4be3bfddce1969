"""DEPTHWISE_CONV_2D: for each variant a kernel for 3x3 taps, and one for any others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tinyflow.backends.tinynn import layouts
from tinyflow.backends.tinynn.calls import WORD_BYTES, Call
from tinyflow.backends.tinynn.layouts import Array, Int8s, Int32s
from tinyflow.backends.tinynn.packing.layer import Layer, as_single_row, first_exact, layer_of
from tinyflow.backends.tinynn.packing.vectors import (
    RVV_LANES,
    rvv_constants,
)


def depthwise(
    variant: str,
    fields: Mapping[str, int],
    weights: Int8s,
    bias: Sequence[int] | Int32s,
    multipliers: Int32s,
    shifts: Int32s,
) -> Call:
    """DEPTHWISE_CONV_2D: `weights` [1, kh, kw, out] or [kh, kw, out]; the rest as `conv2d`."""
    taps = weights.reshape(fields["kernel_height"], fields["kernel_width"], fields["output_channels"])
    by_channel = np.ascontiguousarray(np.moveaxis(taps, -1, 0))
    if variant != "ref":
        fields, by_channel = as_single_row(fields, by_channel)
    layer = layer_of(fields, by_channel, bias, multipliers, shifts, fields["input_zero_point"])
    return first_exact(
        variant,
        layer,
        {
            "mve": _depthwise_mve,
            "rvv": _depthwise_rvv,
            "dsp": lambda layer: _depthwise_planes(layer, "dsp"),
            "c": lambda layer: _depthwise_planes(layer, "c"),
            "ref": _depthwise_ref,
        },
    )


def _depthwise_ref(layer: Layer) -> Call:
    """See src/ref/depthwise.c. Scratch: the sums of one pixel."""
    taps = np.ascontiguousarray(np.moveaxis(layer.weights, 0, -1))
    return layer.call("depthwise_ref", "depthwise", taps, layer.channels, WORD_BYTES * len(layer.rows))


def _depthwise_planes(layer: Layer, variant: str) -> Call | str:
    """One channel after the other, with padding around it in scratch: see src/dsp and src/c, depthwise*.c."""
    if layer.why_not_right is not None:
        return layer.why_not_right
    fields = layer.fields
    if _why_not_3x3(layer, largest_stride=2 if variant == "dsp" else None) is None:
        kernel, scratch_bytes = "depthwise3x3", _plane_bytes(fields, variant)
    elif variant == "dsp" and fields["dilation_x"] > 1:
        return "dilation of columns"
    else:
        kernel, scratch_bytes = "depthwise", _plane_bytes(fields, variant) + _more_bytes(fields, variant)
    taps = layer.rows.ravel()
    if (kernel, variant) == ("depthwise3x3", "dsp"):
        taps = np.append(taps, np.int8(0))  # the last three taps are read as a word
    call = layer.call(f"{kernel}_{variant}", "depthwise", taps, layouts.right_records(layer.channels), scratch_bytes)
    pixels = [fields[f"{side}_height"] * fields[f"{side}_width"] for side in ("input", "output")]
    is_in_place = fields["batches"] == 1 and fields["depth_multiplier"] == 1 and pixels[1] <= pixels[0]
    return replace(call, in_place=(0,) if is_in_place else ())


def _plane_bytes(fields: Mapping[str, int], variant: str) -> int:
    """One channel with its padding; dsp has 16 bits for each value and even columns."""
    rows, columns = _plane(fields)
    return 2 * rows * (columns + columns % 2) if variant == "dsp" else rows * columns


def _more_bytes(fields: Mapping[str, int], variant: str) -> int:
    """What is read behind the plane; dsp has pairs of taps as well."""
    behind = 3 * fields["stride_x"]
    if variant != "dsp":
        return behind
    pairs = fields["kernel_height"] * (fields["kernel_width"] // 2 + 1)
    return 2 * (behind + 2 + behind % 2) + 2 * WORD_BYTES * pairs


def _why_not_3x3(layer: Layer, largest_stride: int | None) -> str | None:
    fields = layer.fields
    if layer.weights.shape[1:] != (3, 3) or fields["depth_multiplier"] > 1:
        return "not 3x3 taps for each channel"
    is_wide = largest_stride is not None and fields["stride_x"] > largest_stride
    if fields["dilation_y"] > 1 or fields["dilation_x"] > 1 or is_wide:
        return "dilation, or a stride of more than 2"
    return None


def _plane(fields: Mapping[str, int]) -> tuple[int, int]:
    """Rows and columns of what the kernel sees of one channel, padding included."""
    height, width = (
        (fields[f"output_{size}"] - 1) * fields[f"stride_{axis}"]
        + (fields[f"kernel_{size}"] - 1) * fields[f"dilation_{axis}"]
        + 1
        for size, axis in (("height", "y"), ("width", "x"))
    )
    return height, width


def _depthwise_mve(layer: Layer) -> Call | str:
    """See src/mve/depthwise3x3.c and depthwise.c."""
    channels, count = layer.channels, len(layer.rows)
    split = layouts.padded(channels, 8).reshape(-1, 4, 2, 3).transpose(0, 2, 1, 3).reshape(-1, 3)
    constants = layouts.tiles(layer.rows, 8), layouts.vector_records(split, 8)
    made = _depthwise3x3_vectors(layer, "mve", count + -count % 8, constants)
    if isinstance(made, Call):
        return made
    refusal = layouts.why_not_tap_pairs(layer.rows)
    if refusal is not None:
        return refusal
    # the last bits of a channel's number, then the first ones: 0, 4, 8, 12, 2, 6, … 15
    quarters = layouts.padded(channels, 16).reshape(-1, 4, 2, 2, 3).transpose(0, 3, 2, 1, 4).reshape(-1, 3)
    constants = layouts.tiles(layer.rows, 16), layouts.vector_records(quarters, 16)
    return _depthwise_vectors(layer, "mve", constants)


def _depthwise_rvv(layer: Layer) -> Call | str:
    """See src/rvv/depthwise3x3.c and depthwise.c."""
    count = len(layer.rows)
    pixels = RVV_LANES // count if layer.fields["stride_x"] == 1 and 2 * count <= RVV_LANES else 1
    rows, channels = np.tile(layer.weights, (pixels, 1, 1)), np.tile(layer.channels, (pixels, 1))
    repeated = rvv_constants(replace(layer, weights=rows, channels=channels))
    made = _depthwise3x3_vectors(layer, "rvv", count, repeated)
    return made if isinstance(made, Call) else _depthwise_vectors(layer, "rvv", rvv_constants(layer))


def _depthwise3x3_vectors(layer: Layer, variant: str, row_channels: int, constants: tuple[Array, Array]) -> Call | str:
    """See include/tinynn/rows3x3.h. Scratch: three rows of the input with their padding."""
    refusal = (
        layouts.why_not_halved(layer.channels) or _why_not_3x3(layer, None) or layouts.why_not_tap_pairs(layer.rows)
    )
    if refusal is not None:
        return refusal
    fields = layer.fields
    scratch_bytes = 3 * _plane(fields)[1] * row_channels
    call = layer.call(f"depthwise3x3_{variant}", "depthwise", *constants, scratch_bytes)
    is_in_place = fields["batches"] == 1 and fields["output_width"] <= fields["input_width"] and fields["pad_top"] <= 2
    return replace(call, in_place=(0,) if is_in_place else ())


def _depthwise_vectors(layer: Layer, variant: str, constants: tuple[Array, Array]) -> Call | str:
    """See include/tinynn/taps.h. Scratch: where a pixel's taps lie, inside and at an edge; a pixel of padding."""
    if layer.fields["depth_multiplier"] > 1:
        return "several outputs for each channel"
    refusal = layouts.why_not_halved(layer.channels)
    if refusal is not None:
        return refusal
    scratch_bytes = 2 * WORD_BYTES * layer.rows.shape[1] + layer.fields["input_channels"]
    return layer.call(f"depthwise_{variant}", "depthwise", *constants, scratch_bytes)
