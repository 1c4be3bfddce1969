"""The fields that kernels want: arrays packed for them, or made from ref's fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tinyflow.backends.arrays import Constant
from tinyflow.backends.tinynn import layouts, lines
from tinyflow.backends.tinynn.calls import Field
from tinyflow.backends.tinynn.layer import Fields, Layer
from tinyflow.backends.tinynn.layouts import MVE_CHANNELS, MVE_STEP, RVV_LANES, Array
from tinyflow.backends.tinynn.linear import linear
from tinyflow.backends.tinynn.scratch import pairs_of_taps
from tinyflow.model.arithmetic import unary
from tinyflow.model.arithmetic.exponential import exponentials_of

Pack = Callable[[Layer], Mapping[str, Field]]
Arrays = Callable[[Layer], tuple[Array, Array]]


def packed(arrays: Arrays) -> Pack:
    """The fields of a struct with pointers to weights and records."""

    def pack(layer: Layer) -> Mapping[str, Field]:
        weights, channels = arrays(layer)
        constants = {"weights": Constant(weights), "channels": Constant(channels, struct="tinynn_channel")}
        return {**constants, **layer.fields}

    return pack


def packed_wide(arrays: Arrays) -> Pack:
    """The same for records of the struct tinynn_wide_channel."""

    def pack(layer: Layer) -> Mapping[str, Field]:
        weights, channels = arrays(layer)
        return {"weights": Constant(weights), "channels": Constant(channels), **layer.fields}

    return pack


def right_records(layer: Layer, multiple: int = 1) -> Array:
    """Records for right shifts, filled up."""
    return layouts.padded(layouts.right_records(layer.channels), multiple)


def tiled(channels: int) -> Pack:
    """Blocks of channels for tile.h and tiled_conv2d.h."""
    return packed(lambda layer: (layouts.tiles(layer.rows, channels), right_records(layer, channels)))


def rv32_conv2d_fields(layer: Layer) -> tuple[Array, Array]:
    """Pairs of channels as runs (rv32/conv2d_fields.c)."""
    return layouts.in_runs(layer.rows, 2, step=16), lines.line_records(layer, lines.RV32, 2)


def mve_arrays(layer: Layer) -> tuple[Array, Array]:
    """Blocks of channels and steps (mve/conv2d.c, mve/fully_connected.c)."""
    records = layouts.vector_records(layouts.padded(layer.channels, MVE_CHANNELS), MVE_CHANNELS)
    return layouts.dot_blocks(layer.rows, MVE_CHANNELS, MVE_STEP), records


def mve_conv2d3x3(layer: Layer) -> tuple[Array, Array]:
    """See src/mve/conv2d3x3.c."""
    height, width, channels = layer.weights.shape[1:]
    pairs = layer.weights.reshape(-1, 2, height, width, channels // MVE_STEP, MVE_STEP).transpose(0, 4, 2, 3, 1, 5)
    return np.ascontiguousarray(pairs), layer.channels.astype(np.int32)


def rvv_arrays(layer: Layer) -> tuple[Array, Array]:
    """Blocks of lanes, the last one smaller (rvv/conv2d.c, rvv/rescale.h)."""
    starts = range(0, len(layer.rows), RVV_LANES)
    weights = np.concatenate([layer.rows[start : start + RVV_LANES].T.ravel() for start in starts])
    return weights, layouts.vector_records(layer.channels, RVV_LANES, sign=-1)


def rvv_columns(layer: Layer) -> tuple[Array, Array]:
    """Blocks of three channels (rvv/conv2d_columns.c)."""
    return layouts.tiles(layer.rows, 3), layouts.padded(layouts.vector_records(layer.channels, 1, sign=-1), 3)


def dsp_conv2d(layer: Layer) -> tuple[Array, Array]:
    """Pairs of channels (dsp/conv2d.c)."""
    return layouts.pair_words(layer.rows, 1), right_records(layer, 2)


def with_records(array: Callable[[Layer], Array]) -> Pack:
    """The fields of a struct with a pointer to weights that have records among them."""
    return lambda layer: {"weights": Constant(array(layer)), **layer.fields}


def dsp_conv2d_lines(layer: Layer) -> tuple[Array, Array]:
    """The same of rows filled up to words, whose neighbours are pairs (dsp/lines.h)."""
    return dsp_conv2d(in_lines(layer))


def in_lines(layer: Layer) -> Layer:
    """The order of products in which matrix.h takes neighbours for pairs."""
    outputs, height, width, channels = layer.weights.shape
    rows = np.pad(layer.weights.reshape(outputs, height, -1), ((0, 0), (0, 0), (0, -width * channels % 2)))
    words = rows.reshape(outputs, -1)
    fours = np.pad(words, ((0, 0), (0, -words.shape[1] % 4))).reshape(outputs, -1, 4)[..., [0, 2, 1, 3]]
    return replace(layer, weights=fours.reshape(outputs, -1))


def dsp_conv2d_int16(layer: Layer) -> tuple[Array, Array]:
    """Pairs of channels, rows of the kernel filled up to groups of four (dsp/conv2d_int16.c)."""
    outputs, row = len(layer.rows), layer.weights[0, 0].size
    filled = np.pad(layer.weights.reshape(outputs, -1, row), ((0, 0), (0, 0), (0, -row % 4)))
    return layouts.byte_quads(filled.reshape(outputs, -1), 2), narrow_records(layer, 2)


def dsp_fully_connected_int16(layer: Layer) -> tuple[Array, Array]:
    """Blocks of four outputs (dsp/weighted_int16.c)."""
    return layouts.byte_quads(layer.rows, 4), narrow_records(layer, 4)


def narrow_records(layer: Layer, multiple: int = 1) -> Array:
    """Records of int16 layers whose sums have 32 bits, filled up with the last one: no kernel shifts by -1 bits."""
    records = layouts.narrow_records(layer.channels)
    return np.pad(records, ((0, -len(records) % multiple), (0, 0)), mode="edge")


def tiled_int16(channels: int) -> Pack:
    """Blocks of channels for tile_int16.h."""
    return packed(lambda layer: (layouts.tiles(layer.rows, channels), narrow_records(layer, channels)))


def dsp_fully_connected(layer: Layer) -> tuple[Array, Array]:
    """Two pairs of channels (dsp/fully_connected.c)."""
    return layouts.pair_words(layer.rows, 2), right_records(layer, 4)


def with_one_scale(pack: Pack, multiple: int, records: Callable[[Array], Array], sign: int = 1) -> Pack:
    """The same with biases, filled up to a multiple, and one record, which is what has one scale for all outputs."""

    def pack_one(layer: Layer) -> Mapping[str, Field]:
        biases = layouts.padded(layer.channels[:, :1], multiple).ravel().astype(np.int32)
        record = (records(layer.channels[:1]) * np.array([0, 1, sign], np.int32)).astype(np.int32)
        constants = {"channels": Constant(record, struct="tinynn_channel"), "biases": Constant(biases)}
        return {**pack(layer), **constants}

    return pack_one


def dsp_eights(layer: Layer) -> Mapping[str, Field]:
    """Eights of outputs behind their biases, one record (dsp/fully_connected_eights.c)."""
    bias = layer.channels[:, 0].reshape(-1, 4, 2)
    first = np.concatenate([256 * bias[..., 0].astype(np.int64) + bias[..., 1], bias[..., 1]], axis=1)
    weights = np.concatenate([first, layouts.block_words(layer.rows, 4)], axis=1).astype(np.int32)
    record = Constant(layouts.right_records(layer.channels[:1]), struct="tinynn_channel")
    return {"weights": Constant(weights), "channels": record, **layer.fields}


def taps_last(layer: Layer) -> tuple[Array, Array]:
    """Weights of DEPTHWISE_CONV_2D as the file has them, [taps, channels]."""
    return np.ascontiguousarray(np.moveaxis(layer.weights, 0, -1)), layer.channels


def planes(layer: Layer) -> tuple[Array, Array]:
    """The taps of each channel: src/dsp and src/c, depthwise*.c."""
    return layer.rows.ravel(), right_records(layer)


def armv6m_words(layer: Layer) -> tuple[Array, Array]:
    """Rows as they are (armv6m/conv2d.c)."""
    return layer.rows, lines.line_records(layer, lines.ARMV6M)


def mac16_rows(layer: Layer) -> Array:
    """Rows filled up to fours (src/mac16)."""
    return np.pad(layer.rows, ((0, 0), (0, -layer.rows.shape[1] % 4)))


def mac16_records(layer: Layer, of_biases: Array) -> Array:
    """The same records with biases as mac16.h wants them: 256 times what they are, values being 128 more."""
    biases = of_biases[:, 0].astype(np.int64) - 128 * layer.rows.astype(np.int64).sum(axis=1) << 8
    return np.column_stack([biases.astype(np.uint64).astype(np.uint32).view(np.int32), of_biases[:, 1:]])


def mac16_lines(layer: Layer) -> tuple[Array, Array]:
    """See src/mac16/conv2d.c."""
    return mac16_rows(layer), mac16_records(layer, lines.line_records(layer, lines.ARMV6M))


def mac16_right(layer: Layer) -> tuple[Array, Array]:
    """See src/mac16/conv2d_right.c."""
    return mac16_rows(layer), mac16_records(layer, right_records(layer))


def planes_of_lines(layer: Layer) -> tuple[Array, Array]:
    """The same, rescaled by lines (rv32/depthwise3x3.c)."""
    return layer.rows.ravel(), lines.line_records(layer, lines.RV32)


def planes_of_armv6m_lines(layer: Layer) -> tuple[Array, Array]:
    """And by those of 13 places (armv6m and mac16, depthwise3x3.c)."""
    return layer.rows.ravel(), lines.line_records(layer, lines.ARMV6M)


def planes_in_words(layer: Layer) -> tuple[Array, Array]:
    """The same; the last three taps are read as a word."""
    taps, records = planes(layer)
    return np.append(taps, np.int8(0)), records


def dsp_depthwise_row(layer: Layer) -> tuple[Array, Array]:
    """Two channels, each pair of taps as a0 b0 a1 b1 (dsp/depthwise_row.c)."""
    products = 2 * pairs_of_taps(layer.fields)
    rows = np.pad(layer.rows, ((0, 0), (0, products - layer.rows.shape[1])))
    return np.ascontiguousarray(rows.reshape(-1, 2, products).transpose(0, 2, 1)), right_records(layer)


def dsp_depthwise_pixel(layer: Layer) -> tuple[Array, Array]:
    """Four channels, each pair of taps as a0 b0 a1 b1 c0 d0 c1 d1 (dsp/depthwise_pixel.c)."""
    taps = layer.rows.shape[1]
    pairs = np.pad(layer.rows, ((0, 0), (0, taps % 2))).reshape(-1, 2, 2, (taps + 1) // 2, 2)
    return np.ascontiguousarray(pairs.transpose(0, 3, 1, 4, 2)), right_records(layer)


def mve_depthwise3x3(layer: Layer) -> tuple[Array, Array]:
    """See src/mve/depthwise3x3.c."""
    split = layouts.padded(layer.channels, 8).reshape(-1, 4, 2, 3).transpose(0, 2, 1, 3).reshape(-1, 3)
    return layouts.tiles(layer.rows, 8), layouts.vector_records(split, 8)


def neon_depthwise3x3(layer: Layer) -> tuple[Array, Array]:
    """See src/neon/depthwise3x3.c."""
    return layouts.tiles(layer.rows, 8), layouts.vector_records(layouts.padded(layer.channels, 8), 8)


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


def table_of(operator: str) -> Callable[[Layer], Mapping[str, Field]]:
    """An operator on one int8 value as the table of its results."""
    rescaling = {"requantise": unary.requantise, "requantise_uint8": unary.requantise_uint8}
    result = rescaling.get(operator) or unary.RESULTS[operator.upper()]
    return lambda layer: table_fields(result(layer.fields, unary.VALUES), layer.fields["elements"])


def table_fields(table: npt.NDArray[np.int64], elements: int) -> Mapping[str, Field]:
    """Any function of one int8 value, as the table of its results for -128 … 127."""
    return {"table": Constant(table.astype(np.int8), alignment=1), "elements": elements}


def linear_of(operator: str, shift: int, places: int) -> Pack:
    """ADD or SUB as a linear function: src/dsp/add_linear.c, src/c/add_linear.c."""

    def pack(layer: Layer) -> Mapping[str, Field]:
        found = linear(operator, layer.fields, shift, places)
        assert found is not None, "asked for without need"
        return {**found._asdict(), **{name: layer.fields[name] for name in ("elements", "lowest", "highest")}}

    return pack


def exponentials(layer: Layer) -> Mapping[str, Field]:
    """SOFTMAX with a table of the exponentials of differences 0 … -255: src/c/softmax_table.c."""
    sizes = {name: layer.fields[name] for name in ("rows", "columns")}
    scaling = (layer.fields[name] for name in ("multiplier", "left_shift", "least_difference"))
    table = exponentials_of(-np.arange(256, dtype=np.int64), *scaling)
    return {"exponentials": Constant(table.astype(np.int32)), **sizes}


_EIGHT = 8


def _filled_up(weights: Constant) -> Constant:
    """Rows of whole eights."""
    values = weights.values
    return Constant(np.pad(values, ((0, 0), (0, -values.shape[1] % _EIGHT))), weights.alignment)


def dsp_svdf(layer: Layer) -> Mapping[str, Field]:
    """Rows of whole eights; the state's zero point is in the biases (dsp/recurrent.c)."""
    fields = layer.fields
    times = fields["time"].values.astype(np.int64).sum(axis=1).reshape(fields["units"], fields["rank"]).sum(axis=1)
    bias = fields["bias"].values.reshape(-1).astype(np.int64) if "bias" in fields else 0
    folded = (bias - fields["state_zero_point"] * times).astype(np.int32)
    features = _filled_up(fields["features"])
    return {**fields, "features": features, "bias": Constant(folded), "pitch": features.values.shape[1]}


def dsp_lstm(layer: Layer) -> Mapping[str, Field]:
    """Rows of whole eights (dsp/recurrent.c)."""
    fields: dict[str, Field] = dict(layer.fields)
    for name, pitch in (("input_weights", "input_pitch"), ("state_weights", "state_pitch")):
        rows = tuple(map(_filled_up, layer.fields[name]))
        fields |= {name: rows, pitch: rows[0].values.shape[1]}
    for part in ("input", "state"):
        factors = layer.fields[f"{part}_multipliers"]
        fields[f"{part}_multipliers"] = tuple(2 * factor - (1 << 32) for factor in factors)
    for part in ("keep", "update", "output"):
        factor, shift = layer.fields[f"{part}_multiplier"], layer.fields[f"{part}_shift"]
        fields |= {f"{part}_multiplier": 2 * factor - (1 << 32), f"{part}_shift": -shift}
    return fields


def groups_of_axes(fields: Fields) -> list[int]:
    """Sizes of axes, neighbours made one where MEAN reduces both or neither; the first is not reduced."""
    groups: list[tuple[int, int]] = [(0, 1)]
    for size, is_reduced in zip(fields["shape"], fields["reduced"], strict=True):
        if size > 1 and groups[-1][0] == is_reduced:
            groups[-1] = is_reduced, groups[-1][1] * size
        elif size > 1:
            groups.append((is_reduced, size))
    return [size for _, size in groups]


def middle_axis(layer: Layer) -> Mapping[str, Field]:
    """MEAN over the middle one of three axes."""
    sizes = groups_of_axes(layer.fields)
    shape = (1, 1, *sizes, *[1] * (3 - len(sizes)))
    return {**layer.fields, "shape": shape, "reduced": (0, 0, 0, 1, 0)}
