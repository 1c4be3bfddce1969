"""Styles aot and aotplus for activations with channels outermost: each channel is a plane of rows of pixels.

    for each chunk of output rows:
        copy the rows of all input planes that it reads into scratch, with the padding around them (where there is any)
        for each tile of pixels and each group of channels:
            for each product: load pixels + channels bytes for pixels times channels multiply-accumulates
            requantise the tile

A depthwise convolution does that plane by plane. Tiles, constants and requantisation are those of `tiled`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels.chunks import Source, convolution_source, flat_source
from tinyflow.backends.tvm.kernels.intrinsics import call, hidden
from tinyflow.backends.tvm.kernels.kernel import Kernel, Machine
from tinyflow.backends.tvm.kernels.portable import tiled
from tinyflow.backends.tvm.kernels.portable.tiled import HEADERS, Tile
from tinyflow.backends.tvm.kernels.rescaling import load_scale, packing, put_tile, scale_numbers
from tinyflow.backends.tvm.kernels.specs import ConvSpec, DepthwiseSpec, FeatureMap, Spec

Expr = Any
# pixels that share the filter of a channel in registers
_DEPTHWISE_PIXELS = 4
# pixels of a tile where the compiler spills and products come in three loops
_FEW_PIXELS = 2
# a window of more columns is a loop
_UNROLLED_COLUMNS = 5


def is_planar(spec: Spec) -> bool:
    """Whether a layer reads channels that lie outermost."""
    return isinstance(spec, (ConvSpec, DepthwiseSpec)) and spec.input.layout == "NCHW"


@T.inline
def _fill(scratch: Any, source: Source, planes: int) -> None:
    """Write the padding's value everywhere; rows are copied over it."""
    if source.padding is not None:
        size = T.meta_var(planes * source.chunk_rows * source.row_bytes)
        call("memset", T.address_of(scratch[0, 0, 0]), source.padding.value, size)


@T.inline
def _expand(data: Any, scratch: Any, plane: Expr, first: Expr, source: Source, planes: int) -> None:
    """Copy rows of so many planes, from plane `plane` and row `first` of the padded input on."""
    if source.padding is not None:
        for k, r in T.grid(planes, source.chunk_rows):
            row: T.let = first + r - source.padding.top
            place = T.meta_var(T.address_of(scratch[k, r, source.padding.left_bytes]))
            if (row >= 0) & (row < source.input_rows):
                call("memcpy", place, T.address_of(data[plane + k, row, 0]), source.padding.inside_bytes)
            else:
                call("memset", place, source.padding.value, source.padding.inside_bytes)


def _tile(spec: ConvSpec, machine: Machine, width: int) -> Tile:
    most_pixels, most_channels = tiled.tile_of(machine)
    is_hidden = tiled.is_spiller(machine)
    pixels = min(_FEW_PIXELS if is_hidden and spec.kernel != (1, 1) else most_pixels, width)
    group = next(number for number in range(most_channels, 0, -1) if spec.output.channels % number == 0)
    return Tile(pixels, group, is_hidden)


@T.inline
def _add_products(total: Any, read: Any, weights: Any, y: Any, x: Any, g: Any, spec: Any, tile: Any) -> None:
    """All products of a tile, from source row `y` and output column `x` on, with the channels of group `g`."""
    rows, columns = T.meta_var(spec.kernel)
    each = T.meta_var(T.unroll if columns <= _UNROLLED_COLUMNS and not tile.is_hidden else T.serial)
    for k, i in T.grid(hidden(spec.input.channels), hidden(rows) if tile.is_hidden else rows):
        for j in each(hidden(columns) if tile.is_hidden else columns):
            for p in T.unroll(tile.pixels):
                for c in T.unroll(tile.group):
                    total[p * tile.group + c] += T.Cast("int32", read[k, y + i, (x + p) * spec.stride[1] + j]) * T.Cast(
                        "int32", weights[g, k, i, j, c]
                    )


# CONV_2D: out[c, y, x] = requantise(bias[c] + Σ in[k, y*s + i - pad, x*s + j - pad] * w[c, k, i, j])
# TFLite, kernels/internal/reference/integer_ops/conv.h


def conv(spec: ConvSpec, machine: Machine, scratch_bytes: int, tile: Tile | None = None) -> Kernel:
    """CONV_2D. Without padding and stride a 1x1 one is a single row of pixels."""
    to, channels, depth = spec.requantisation, spec.output.channels, spec.input.channels
    source = flat_source(spec) or convolution_source(spec, scratch_bytes // depth)
    result = FeatureMap(source.height, source.width, channels, spec.output.layout)
    (rows, columns), together = spec.kernel, tile or _tile(spec, machine, result.width)
    together = replace(together, pixels=min(together.pixels, result.width))
    pixels, group = together.pixels, together.group

    @T.prim_func(s_tir=True)
    def planes(
        data: T.Buffer((depth, *source.input_shape), "int8"),
        weights: T.Buffer((channels // group, depth, rows, columns, group), "int8"),
        scale: T.Buffer((channels, scale_numbers(to)), "int32"),
        output: T.Buffer(result.shape, "int8"),
        scratch: T.Buffer((depth, *source.scratch_shape), "int8"),
    ):
        T.func_attr({"tirx.noalias": True})
        total = T.alloc_buffer((pixels * group,), "int32")
        numbers = T.alloc_buffer((group, scale_numbers(to)), "int32")
        read = T.meta_var(data if source.padding is None else scratch)
        _fill(scratch, source, depth)
        for part in range(-(-source.height // source.chunk)):
            first: T.let = part * source.chunk
            _expand(data, scratch, 0, first * source.down, source, depth)
            for y, tile in T.grid(T.min(source.chunk, source.height - first), -(-result.width // pixels)):
                x: T.let = T.min(tile * pixels, result.width - pixels)
                for g in range(channels // group):
                    for p, c in T.grid(pixels, group):
                        total[p * group + c] = 0
                    _add_products(total, read, weights, y * source.down, x, g, spec, together)
                    load_scale(numbers, scale, g * group, group, to)
                    put_tile(output, (first + y, x, g * group), total, numbers, (pixels, group), result, to)

    shape = (channels // group, group, rows, columns, depth)
    return Kernel.of(planes, packing(spec, lambda values: values.reshape(shape).transpose(0, 4, 2, 3, 1)), HEADERS)


# DEPTHWISE_CONV_2D: out[c, y, x] = requantise(bias[c] + Σ in[c / multiple, y*s + i - pad, x*s + j - pad] * w[c, i, j])
# TFLite, kernels/internal/reference/integer_ops/depthwise_conv.h


def depthwise(spec: DepthwiseSpec, scratch_bytes: int, pixels: int = _DEPTHWISE_PIXELS) -> Kernel:
    """DEPTHWISE_CONV_2D, plane by plane."""
    to, result, source = spec.requantisation, spec.output, convolution_source(spec, scratch_bytes)
    (rows, columns), right, channels = spec.kernel, spec.stride[1], spec.output.channels
    multiple = channels // spec.input.channels
    pixels = min(pixels, result.width)
    each = T.unroll if rows * columns <= tiled.UNROLLED_WEIGHTS else T.serial

    @T.prim_func(s_tir=True)
    def depthwise_planes(
        data: T.Buffer((spec.input.channels, *source.input_shape), "int8"),
        weights: T.Buffer((channels, rows, columns), "int8"),
        scale: T.Buffer((channels, scale_numbers(to)), "int32"),
        output: T.Buffer(result.shape, "int8"),
        scratch: T.Buffer((1, *source.scratch_shape), "int8"),
    ):
        T.func_attr({"tirx.noalias": True})
        total = T.alloc_buffer((pixels,), "int32")
        filter_of = T.alloc_buffer((rows, columns), "int32")
        numbers = T.alloc_buffer((1, scale_numbers(to)), "int32")
        read = T.meta_var(data if source.padding is None else scratch)
        _fill(scratch, source, 1)
        for c, part in T.grid(channels, -(-source.height // source.chunk)):
            first: T.let = part * source.chunk
            plane: T.let = T.int32(0) if source.padding is not None else c // multiple
            _expand(data, scratch, c // multiple, first * source.down, source, 1)
            for i in each(rows):
                for j in each(columns):
                    filter_of[i, j] = T.Cast("int32", weights[c, i, j])
            load_scale(numbers, scale, c, 1, to)
            for y, tile in T.grid(T.min(source.chunk, source.height - first), -(-result.width // pixels)):
                x: T.let = T.min(tile * pixels, result.width - pixels)
                for p in T.unroll(pixels):
                    total[p] = 0
                for i in each(rows):
                    for j in each(columns):
                        for p in T.unroll(pixels):
                            total[p] += (
                                T.Cast("int32", read[plane, y * source.down + i, (x + p) * right + j]) * filter_of[i, j]
                            )
                put_tile(output, (first + y, x, c), total, numbers, (pixels, 1), result, to)

    return Kernel.of(depthwise_planes, packing(spec), HEADERS)
