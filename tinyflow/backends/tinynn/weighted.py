"""Kernels with weights: how these are packed, and the scratch that each counts on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinyflow.backends.tinynn import layouts
from tinyflow.backends.tinynn.calls import WORD_BYTES, Constant, Field
from tinyflow.backends.tinynn.layer import Fields, Layer
from tinyflow.backends.tinynn.layouts import MVE_CHANNELS, MVE_STEP, RVV_LANES, Array, rounded_up

Pack = Callable[[Layer], Mapping[str, Field]]
Arrays = Callable[[Layer], tuple[Array, Array]]


def packed(arrays: Arrays) -> Pack:
    """The fields of a struct with pointers to weights and records."""

    def pack(layer: Layer) -> Mapping[str, Field]:
        weights, channels = arrays(layer)
        constants = {"weights": Constant(weights), "channels": Constant(channels, struct="tinynn_channel")}
        return {**constants, **layer.fields}

    return pack


def tiled(channels: int) -> Pack:
    """Blocks of channels for tile.h and tiled_conv2d.h."""
    return packed(
        lambda layer: (
            layouts.tiles(layer.rows, channels),
            layouts.padded(layouts.right_records(layer.channels), channels),
        )
    )


def mve_arrays(layer: Layer) -> tuple[Array, Array]:
    """Blocks of channels and steps (mve/conv2d.c, mve/fully_connected.c)."""
    records = layouts.vector_records(layouts.padded(layer.channels, MVE_CHANNELS), MVE_CHANNELS)
    return layouts.dot_blocks(layer.rows, MVE_CHANNELS, MVE_STEP), records


def rvv_arrays(layer: Layer) -> tuple[Array, Array]:
    """Blocks of lanes, the last one smaller (rvv/conv2d.c, rvv/rescale.h)."""
    starts = range(0, len(layer.rows), RVV_LANES)
    weights = np.concatenate([layer.rows[start : start + RVV_LANES].T.ravel() for start in starts])
    return weights, layouts.vector_records(layer.channels, RVV_LANES, sign=-1)


@dataclass(frozen=True)
class Tile:
    """What a kernel for CONV_2D computes at once."""

    pixels: int
    channels: int
    patch: Callable[[Fields], int]
    """Bytes of one pixel's values under the window; 0 where they lie side by side in the input."""
    edges: Callable[[Fields], int] = lambda fields: 0
    """And of rows at the input's edge."""

    def patches(self, fields: Fields) -> int:
        """Bytes of all values under the windows of its pixels."""
        return self.pixels * self.patch(fields) + self.edges(fields)

    def scratch(self, fields: Fields) -> int:
        """Each pixel's values under the window; a place aside for outputs, where tiles reach over the last ones."""
        outputs, pixels = (
            fields["output_channels"],
            fields["batches"] * fields["output_height"] * fields["output_width"],
        )
        is_whole = outputs % self.channels == pixels % self.pixels == self.edges(fields) == 0
        return self.patches(fields) + (0 if is_whole else self.pixels * rounded_up(outputs, self.channels))


def _has_window(fields: Fields) -> bool:
    return (fields["kernel_height"], fields["kernel_width"]) != (1, 1)


def _row(fields: Fields) -> int:
    row: int = fields["kernel_width"] * fields["input_channels"]
    return row


def products_of(fields: Fields) -> int:
    """Products of one output of a CONV_2D."""
    return int(fields["kernel_height"] * _row(fields))


def _window(fields: Fields) -> int:
    return products_of(fields) if _has_window(fields) else 0


def dsp_row_products(fields: Fields) -> int:
    """Of one output, each row of the kernel filled up to groups of four."""
    return int(fields["kernel_height"] * rounded_up(_row(fields), 4))


def _whole_steps(fields: Fields) -> int:
    steps = rounded_up(products_of(fields), MVE_STEP)
    return steps if _has_window(fields) or steps != products_of(fields) else 0


TILES: Mapping[str, Tile] = {
    "ref": Tile(1, 1, products_of),
    "c": Tile(2, 2, _window),
    "rv32": Tile(4, 4, _window),
    "dsp": Tile(3, 2, lambda f: 2 * dsp_row_products(f), lambda f: 4 * _row(f) if _has_window(f) else 0),
    "mve": Tile(2, MVE_CHANNELS, _whole_steps),
    "rvv": Tile(2, 1, _window),
}


def dsp_conv2d(layer: Layer) -> tuple[Array, Array]:
    """Pairs of channels, rows of the kernel filled up to groups of four (dsp/conv2d.c)."""
    outputs, row_bytes = len(layer.rows), layer.weights[0, 0].size
    lines = layer.weights.reshape(outputs, -1, row_bytes)
    rows = np.pad(lines, ((0, 0), (0, 0), (0, -row_bytes % 4))).reshape(outputs, -1)
    return layouts.pair_words(rows, 1), layouts.padded(layouts.right_records(layer.channels), 2)


def dsp_fully_connected(layer: Layer) -> tuple[Array, Array]:
    """Two pairs of channels (dsp/fully_connected.c)."""
    return layouts.pair_words(layer.rows, 2), layouts.padded(layouts.right_records(layer.channels), 4)


def filled_up(multiple: int) -> Callable[[Fields], int]:
    """Scratch of FULLY_CONNECTED."""

    def scratch(fields: Fields) -> int:
        """Inputs filled up, where they are no whole steps."""
        return rounded_up(fields["inputs"], multiple) if fields["inputs"] % multiple else 0

    return scratch


def with_one_scale(pack: Pack, multiple: int, records: Callable[[Array], Array], sign: int = 1) -> Pack:
    """The same with biases, filled up to a multiple, and one record, which is what has one scale for all outputs."""

    def pack_one(layer: Layer) -> Mapping[str, Field]:
        biases = layouts.padded(layer.channels[:, :1], multiple).ravel().astype(np.int32)
        record = (records(layer.channels[:1]) * np.array([0, 1, sign], np.int32)).astype(np.int32)
        constants = {"channels": Constant(record, struct="tinynn_channel"), "biases": Constant(biases)}
        return {**pack(layer), **constants}

    return pack_one


def taps_last(layer: Layer) -> tuple[Array, Array]:
    """Weights of DEPTHWISE_CONV_2D as the file has them, [taps, channels]."""
    return np.ascontiguousarray(np.moveaxis(layer.weights, 0, -1)), layer.channels


def planes(layer: Layer) -> tuple[Array, Array]:
    """The taps of each channel: src/dsp and src/c, depthwise*.c."""
    return layer.rows.ravel(), layouts.right_records(layer.channels)


def planes_in_words(layer: Layer) -> tuple[Array, Array]:
    """The same; the last three taps are read as a word."""
    taps, records = planes(layer)
    return np.append(taps, np.int8(0)), records


def mve_depthwise3x3(layer: Layer) -> tuple[Array, Array]:
    """See src/mve/depthwise3x3.c."""
    split = layouts.padded(layer.channels, 8).reshape(-1, 4, 2, 3).transpose(0, 2, 1, 3).reshape(-1, 3)
    return layouts.tiles(layer.rows, 8), layouts.vector_records(split, 8)


def mve_depthwise(layer: Layer) -> tuple[Array, Array]:
    """See src/mve/depthwise.c."""
    # the last bits of a channel's number, then the first ones: 0, 4, 8, 12, 2, 6, … 15
    quarters = layouts.padded(layer.channels, 16).reshape(-1, 4, 2, 2, 3).transpose(0, 3, 2, 1, 4).reshape(-1, 3)
    return layouts.tiles(layer.rows, 16), layouts.vector_records(quarters, 16)


def rvv_repeats(fields: Fields) -> int:
    """Pixels that the 3x3 kernel has in a vector of lanes: taps and records are there as often."""
    count: int = fields["output_channels"]
    return RVV_LANES // count if fields["stride_x"] == 1 and 2 * count <= RVV_LANES else 1


def rvv_depthwise3x3(layer: Layer) -> tuple[Array, Array]:
    """See src/rvv/depthwise3x3.c."""
    pixels = rvv_repeats(layer.fields)
    rows, channels = np.tile(layer.weights, (pixels, 1, 1)), np.tile(layer.channels, (pixels, 1))
    return rvv_arrays(replace(layer, weights=rows, channels=channels))


def _plane(fields: Fields) -> tuple[int, int]:
    """Rows and columns of what the kernel sees of one channel, padding included."""
    height, width = (
        (fields[f"output_{size}"] - 1) * fields[f"stride_{axis}"]
        + (fields[f"kernel_{size}"] - 1) * fields[f"dilation_{axis}"]
        + 1
        for size, axis in (("height", "y"), ("width", "x"))
    )
    return height, width


def plane_elements(fields: Fields) -> int:
    """One channel with its padding."""
    rows, columns = _plane(fields)
    return rows * columns


def wide_plane(fields: Fields) -> int:
    """One channel with its padding, 16 bits for each value, even columns."""
    rows, columns = _plane(fields)
    return 2 * rows * rounded_up(columns, 2)


def plane_and_more(fields: Fields) -> int:
    """One channel with its padding, and what is read behind it."""
    return plane_elements(fields) + 3 * int(fields["stride_x"])


def wide_plane_and_more(fields: Fields) -> int:
    """One channel with its padding in 16 bits, what is read behind it, pairs of taps."""
    pairs: int = fields["kernel_height"] * (fields["kernel_width"] // 2 + 1)
    return wide_plane(fields) + 2 * (rounded_up(3 * fields["stride_x"], 2) + 2) + 2 * WORD_BYTES * pairs


def three_rows(multiple: int) -> Callable[[Fields], int]:
    """Scratch of rows3x3.h, for channels filled up."""

    def scratch(fields: Fields) -> int:
        """Three rows of the input with their padding."""
        return 3 * _plane(fields)[1] * rounded_up(fields["output_channels"], multiple)

    return scratch


def tap_places(fields: Fields) -> int:
    """Where a pixel's taps lie, inside and at an edge; a pixel of padding (taps.h)."""
    taps: int = fields["kernel_height"] * fields["kernel_width"]
    return 2 * WORD_BYTES * taps + int(fields["input_channels"])


def sums_of_pixel(fields: Fields) -> int:
    """The sums of one pixel."""
    return WORD_BYTES * int(fields["output_channels"])


def is_no_larger(fields: Fields) -> bool:
    """Whether a channel's output fits on its input."""
    pixels = [fields[f"{side}_height"] * fields[f"{side}_width"] for side in ("input", "output")]
    return bool(fields["batches"] == fields["depth_multiplier"] == 1 and pixels[1] <= pixels[0])


def is_no_wider(fields: Fields) -> bool:
    """Whether rows of output stay behind the three of the input that are kept."""
    return bool(fields["batches"] == 1 and fields["output_width"] <= fields["input_width"] and fields["pad_top"] <= 2)
