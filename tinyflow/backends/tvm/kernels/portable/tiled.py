"""Styles aot and aotplus: portable C with several outputs in registers at once, packed weights, short requantisation.

    for each chunk of output rows:
        copy the input rows that it reads into scratch, with the padding around them (where there is any)
        for each tile of pixels and each group of channels:
            for each product: load pixels + channels bytes for pixels times channels multiply-accumulates
            requantise the tile

So no product asks whether it lies in the padding, and scratch is a few rows. How many accumulators fit into registers
depends on the instruction set and on how the compiler spills. The last tile of a row may overlap the one before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels.chunks import Source, convolution_source, expand, fill, flat_source, walk_of
from tinyflow.backends.tvm.kernels.intrinsics import hidden
from tinyflow.backends.tvm.kernels.kernel import Kernel, Machine
from tinyflow.backends.tvm.kernels.rescaling import load_scale, packing, put_tile, scale_numbers
from tinyflow.backends.tvm.kernels.specs import (
    ConvSpec,
    DenseSpec,
    DepthwiseSpec,
    FeatureMap,
)

# pixels and channels of a tile, measured on the layers of the MLPerf Tiny networks: clang spills above 2 by 2 on Arm
_OTHERS = ("thumb", "xtensa", "arm", "aarch64", "x86_64", "host")
_TILES: Mapping[str, tuple[int, int]] = {**dict.fromkeys(_OTHERS, (2, 4)), "riscv": (3, 4)}
_LLVM_TILES: Mapping[str, tuple[int, int]] = {**_TILES, "thumb": (2, 2)}
HEADERS = ("string.h", "tf_hidden.h")
# so few products clang would unroll to the end on RISC-V, and spill
_SHORT_RUN = 32
# pixels that share the filter of a channel in registers
DEPTHWISE_PIXELS = 3
# a filter with more weights stays in memory
UNROLLED_WEIGHTS = 16


def tile_of(machine: Machine) -> tuple[int, int]:
    """Pixels and channels of a tile."""
    return (_LLVM_TILES if machine.is_llvm else _TILES)[machine.isa]


def is_spiller(machine: Machine) -> bool:
    """Whether the compiler unrolls loops whose length it sees until its registers don't suffice."""
    return machine.isa == "riscv" and machine.is_llvm


@dataclass(frozen=True)
class Tile:
    """What dot products are computed together, and whether the compiler may see how many products each has."""

    pixels: int
    group: int  # channels, as far as they divide all
    is_hidden: bool


def _default_tile(machine: Machine, products: int) -> Tile:
    return Tile(*tile_of(machine), is_spiller(machine) and products <= _SHORT_RUN)


def conv(spec: ConvSpec, machine: Machine, scratch_bytes: int, tile: Tile | None = None) -> Kernel:
    """CONV_2D. Without padding and stride a 1x1 one is a single row of pixels."""
    run_bytes, source = (
        spec.kernel[1] * spec.input.channels,
        flat_source(spec) or convolution_source(spec, scratch_bytes),
    )
    tile = tile or _default_tile(machine, source.rows * run_bytes)
    return _products(spec, source, run_bytes, spec.output.channels, tile)


def dense(spec: DenseSpec, machine: Machine, tile: Tile | None = None) -> Kernel:
    """FULLY_CONNECTED: one pixel."""
    tile = tile or _default_tile(machine, spec.inputs)
    return _products(spec, Source(1, 1, 1, 1, 0, spec.inputs, 1, 1), spec.inputs, spec.outputs, tile)


def _products(spec: ConvSpec | DenseSpec, source: Source, run_bytes: int, channels: int, wanted: Tile) -> Kernel:
    """Dot products of runs of bytes with packed weights, [group, row, byte, channel of the group]."""
    to = spec.requantisation
    pixels = min(wanted.pixels, source.width)
    group = next(number for number in range(wanted.group, 0, -1) if channels % number == 0)
    result = FeatureMap(
        source.height, source.width, channels, spec.output.layout if isinstance(spec, ConvSpec) else "NHWC"
    )

    @T.prim_func(s_tir=True)
    def products(
        data: T.Buffer(source.input_shape, "int8"),
        weights: T.Buffer((channels // group, source.rows, run_bytes, group), "int8"),
        scale: T.Buffer((channels, scale_numbers(to)), "int32"),
        output: T.Buffer(result.shape, "int8"),
        scratch: T.Buffer(source.scratch_shape, "int8"),
    ):
        T.func_attr({"tirx.noalias": True})
        total = T.alloc_buffer((pixels * group,), "int32")
        numbers = T.alloc_buffer((group, scale_numbers(to)), "int32")
        read = T.meta_var(data if source.padding is None else scratch)
        fill(scratch, source)
        for part in range(-(-source.height // source.chunk)):
            first: T.let = part * source.chunk
            expand(data, scratch, first * source.down, source)
            for y, tile in T.grid(T.min(source.chunk, source.height - first), -(-source.width // pixels)):
                x: T.let = T.min(tile * pixels, source.width - pixels)
                for g in range(channels // group):
                    for p, c in T.grid(pixels, group):
                        total[p * group + c] = 0
                    for i, k in T.grid(source.rows, hidden(run_bytes) if wanted.is_hidden else run_bytes):
                        for p in T.unroll(pixels):
                            for c in T.unroll(group):
                                total[p * group + c] += T.Cast(
                                    "int32", read[y * source.down + i, (x + p) * source.step_bytes + k]
                                ) * T.Cast("int32", weights[g, i, k, c])
                    load_scale(numbers, scale, g * group, group, to)
                    put_tile(output, (first + y, x, g * group), total, numbers, (pixels, group), result, to)

    grouped = packing(spec, lambda values: values.reshape(channels // group, group, -1).transpose(0, 2, 1))
    return Kernel.of(products, grouped, HEADERS, walk_of(spec, source, pixels) if isinstance(spec, ConvSpec) else {})


def depthwise(spec: DepthwiseSpec, scratch_bytes: int, pixels: int = DEPTHWISE_PIXELS) -> Kernel:
    """DEPTHWISE_CONV_2D, channel by channel: a filter is loaded once for a chunk."""
    to, channels, source = spec.requantisation, spec.output.channels, convolution_source(spec, scratch_bytes)
    rows, columns = spec.kernel
    multiple, right = channels // spec.input.channels, spec.stride[1]
    pixels = min(pixels, source.width)
    each = T.unroll if rows * columns <= UNROLLED_WEIGHTS else T.serial

    @T.prim_func(s_tir=True)
    def depthwise2d(
        data: T.Buffer(source.input_shape, "int8"),
        weights: T.Buffer((channels, rows, columns), "int8"),
        scale: T.Buffer((channels, scale_numbers(to)), "int32"),
        output: T.Buffer(spec.output.shape, "int8"),
        scratch: T.Buffer(source.scratch_shape, "int8"),
    ):
        T.func_attr({"tirx.noalias": True})
        total = T.alloc_buffer((pixels,), "int32")
        filter_of = T.alloc_buffer((rows, columns), "int32")
        numbers = T.alloc_buffer((1, scale_numbers(to)), "int32")
        read = T.meta_var(data if source.padding is None else scratch)
        fill(scratch, source)
        for part in range(-(-source.height // source.chunk)):
            first: T.let = part * source.chunk
            expand(data, scratch, first * source.down, source)
            for c in range(channels):
                for i in each(rows):
                    for j in each(columns):
                        filter_of[i, j] = T.Cast("int32", weights[c, i, j])
                load_scale(numbers, scale, c, 1, to)
                for y, tile in T.grid(T.min(source.chunk, source.height - first), -(-source.width // pixels)):
                    x: T.let = T.min(tile * pixels, source.width - pixels)
                    for p in T.unroll(pixels):
                        total[p] = 0
                    for i in each(rows):
                        for j in each(columns):
                            for p in T.unroll(pixels):
                                at: T.let = ((x + p) * right + j) * spec.input.channels + c // multiple
                                total[p] += T.Cast("int32", read[y * source.down + i, at]) * filter_of[i, j]
                    put_tile(output, (first + y, x, c), total, numbers, (pixels, 1), spec.output, to)

    # without padding a channel after the other goes through it all
    return Kernel.of(depthwise2d, packing(spec), HEADERS, walk_of(spec, source, spec.output.elements))
