"""Style aotplus on Arm: convolutions with two multiply-accumulates in each SMLAL, in portable C.

Two pixels x0 and x1 make one number, x0 + x1 * 2**23. Its products with weights are added up in 64 bits:

    total = 2**22 + Σ (x0 + x1 * 2**23) * w = (2**22 + Σ x0 * w) + 2**23 * Σ x1 * w

As long as |Σ x0 * w| < 2**22, which depends on the weights alone, neither sum touches the other.

    for each chunk of output rows:
        pair its input pixels in scratch, padding included
        for each tile of some pairs of pixels:
            for each group of channels:
                for each product: pairs times channels multiply-accumulates, twice
                requantise the tile
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels.intrinsics import hidden
from tinyflow.backends.tvm.kernels.kernel import Array, Kernel, Machine, Weights
from tinyflow.backends.tvm.kernels.packing import by_channel
from tinyflow.backends.tvm.kernels.portable.plain import is_inside
from tinyflow.backends.tvm.kernels.rescaling import load_scale, packing, rescaled, scale_numbers
from tinyflow.backends.tvm.kernels.specs import ConvSpec, FeatureMap, Requantisation
from tinyflow.backends.tvm.kernels.walks import in_parts

Expr = Any

_FIELD_BITS = 23
_MIDDLE = 1 << (_FIELD_BITS - 1)
# the weights of a channel, without their signs, have to stay below this in all
MOST_NARROW = _MIDDLE // 128


@dataclass(frozen=True)
class Tile:
    """What is computed together."""

    pairs: int  # of pixels
    group: int  # channels
    unrolled: int = 1  # products in one round of the loop; more than one also hides their number from the compiler

    @property
    def pixels(self) -> int:
        """Pixels of a tile."""
        return 2 * self.pairs


# Measured on the layers of the MLPerf Tiny networks. Accumulators take two registers each; with more of them, or with
# loops that they unroll themselves, compilers spill. Clang alone does well with one channel, if few pixels are wasted.
_TILE = Tile(2, 2, 4)
_CLANG_TILE, _CLANG_TILE_OF_FEW = Tile(3, 1), Tile(1, 4)
_MOST_WASTE = 1.15


def _tile(spec: ConvSpec, machine: Machine) -> Tile:
    """The tile for a shape and a compiler, as far as it fits."""
    tile = _TILE
    if machine.is_llvm and _is_flat(spec):
        pixels = spec.output.height * spec.output.width
        padded = -(-pixels // _CLANG_TILE.pixels) * _CLANG_TILE.pixels
        tile = _CLANG_TILE if padded <= pixels * _MOST_WASTE else _CLANG_TILE_OF_FEW
    group = next(number for number in (tile.group, 2, 1) if spec.output.channels % number == 0)
    run = spec.kernel[1] * spec.input.channels
    return Tile(tile.pairs, group, tile.unrolled if run % tile.unrolled == 0 else 1)


def _is_flat(spec: ConvSpec) -> bool:
    """Whether pixels don't share input: then all of them are one row."""
    return spec.kernel == (1, 1) and not spec.padding


def _signed(field: Expr) -> Expr:
    """The lowest `_FIELD_BITS` bits as a signed number."""
    rest = T.int32(32 - _FIELD_BITS)
    return T.shift_right(T.shift_left(T.Cast("int32", field), rest), rest)


def _above(to: Requantisation) -> int:
    """What of 2**22 would stay within 32 bits when it is shifted up."""
    return _MIDDLE if to.up is not None and (_MIDDLE << to.up) % (1 << 32) else 0


def is_narrow(spec: ConvSpec, weights: Weights) -> bool:
    """Whether no sum of products can leave its field."""
    sums = np.abs(by_channel(spec, weights).astype(np.int64)).sum(axis=1)
    return bool((sums < MOST_NARROW).all())


@dataclass(frozen=True)
class Paired:
    """How the output is cut into parts, and where the pairs of one part's input lie. Parts may overlap."""

    parts: int
    rows: int  # output rows of a part
    columns: int  # output pixels of a row
    kernel_rows: int
    run: int  # products of a kernel row
    words: int  # of scratch
    first: Callable[[Expr], Expr]  # part → its first output pixel
    pair: Callable[..., None]  # a T.inline of (data, scratch, part)
    word: Callable[[Expr, Expr, int, Expr, Expr], Expr]  # row, tile, pair, kernel row, product → index in scratch


def conv(spec: ConvSpec, machine: Machine, scratch_bytes: int, wanted: Tile | None = None) -> Kernel | None:
    """CONV_2D, if the instruction set has SMLAL and no vectors, sums are narrow and rows are long enough."""
    if machine.isa != "thumb" or machine.vectors != "none" or not spec.is_narrow:
        return None
    tile = wanted or _tile(spec, machine)
    if (spec.output.height * spec.output.width if _is_flat(spec) else spec.output.width) < tile.pixels:
        return None
    return _conv(spec, tile, (_pair_pixels if _is_flat(spec) else _pair_rows)(spec, tile, scratch_bytes))


def _at(spec: ConvSpec, pixel: Expr, k: Expr) -> Expr:
    """Where the value of a pixel and a channel lies in the input, in bytes."""
    if spec.input.layout == "NCHW":
        return k * (spec.input.height * spec.input.width) + pixel
    return pixel * spec.input.channels + k


def _paired(first: Expr, second: Expr) -> Expr:
    """Two pixels in one number."""
    return T.Cast("int32", first) + T.shift_left(T.Cast("int32", second), T.int32(_FIELD_BITS))


def _pair_pixels(spec: ConvSpec, tile: Tile, scratch_bytes: int) -> Paired:
    """A 1x1 convolution: all pixels are one row, parts are pieces of it; pairs as [tile, product, pair]."""
    down, right = spec.stride
    pixels, depth = spec.output.height * spec.output.width, spec.input.channels
    most = max(tile.pixels, scratch_bytes // (2 * depth))
    columns = max(tile.pixels, -(-pixels // -(-pixels // most)))
    tiles = -(-columns // tile.pixels)

    def first(part: Expr) -> Expr:
        return T.min(part * columns, pixels - columns)

    def place(pixel: Expr, k: Expr) -> Expr:
        if (down, right) == (1, 1):
            return _at(spec, pixel, k)
        row, column = T.truncdiv(pixel, spec.output.width), T.truncmod(pixel, spec.output.width)
        return _at(spec, row * (down * spec.input.width) + column * right, k)

    @T.inline
    def pair(data: Any, scratch: Any, part: Any):
        for t in range(hidden(tiles)):
            x: T.let = first(part) + T.min(t * tile.pixels, columns - tile.pixels)
            for h in range(tile.pairs):
                at: T.let = place(x + 2 * h, 0)
                after: T.let = place(x + 2 * h + 1, 0)
                for k in range(depth):
                    further = T.meta_var(_at(spec, 0, k))
                    scratch[(t * depth + k) * tile.pairs + h] = _paired(data[at + further], data[after + further])

    def word(_: Expr, t: Expr, h: int, __: Expr, k: Expr) -> Expr:
        return (t * depth + k) * tile.pairs + h

    return Paired(-(-pixels // columns), 1, columns, 1, depth, tiles * depth * tile.pairs, first, pair, word)


def _pair_rows(spec: ConvSpec, tile: Tile, scratch_bytes: int) -> Paired:
    """Parts are some output rows. Each value of a padded input row has a word, with the one a pixel further on."""
    (kernel_rows, kernel_columns), (down, right) = spec.kernel, spec.stride
    depth, height, columns = spec.input.channels, spec.output.height, spec.output.width
    input_columns = (columns - 2) * right + kernel_columns  # that are the first of a pair
    row_words = input_columns * depth
    most = max(1, (scratch_bytes // (4 * row_words) - kernel_rows) // down + 1)
    chunk = -(-height // -(-height // min(height, most)))
    rows = (chunk - 1) * down + kernel_rows
    zero = _paired(T.int32(spec.input_zero_point), T.int32(spec.input_zero_point))

    def first_row(part: Expr) -> Expr:
        return T.min(part * chunk, height - chunk)

    def read(data: Any, row: Expr, column: Expr, k: Expr) -> Expr:
        inside = is_inside(row, column, spec.input.height, spec.input.width)
        return T.if_then_else(inside, T.Cast("int32", data[_place(row, column, k)]), T.int32(spec.input_zero_point))

    def _place(row: Expr, column: Expr, k: Expr) -> Expr:
        return _at(spec, row * spec.input.width + column, k)

    @T.inline
    def pair(data: Any, scratch: Any, part: Any):
        for r in range(hidden(rows)):
            row: T.let = first_row(part) * down + r - spec.padding.top
            if (row < 0) | (row >= spec.input.height):
                for i in range(row_words):
                    scratch[r * row_words + i] = zero
            else:
                for x in range(hidden(input_columns)):
                    left: T.let = x - spec.padding.left
                    if (left >= 0) & (left + right < spec.input.width):
                        for k in range(depth):
                            at: T.let = _place(row, left, k)
                            after: T.let = _place(row, left + right, k)
                            scratch[r * row_words + x * depth + k] = _paired(data[at], data[after])
                    else:
                        for k in range(depth):
                            scratch[r * row_words + x * depth + k] = _paired(
                                read(data, row, left, k), read(data, row, left + right, k)
                            )

    def word(y: Expr, t: Expr, h: int, i: Expr, k: Expr) -> Expr:
        x = T.min(t * tile.pixels, columns - tile.pixels) + 2 * h
        return (y * down + i) * row_words + x * right * depth + k

    return Paired(
        -(-height // chunk), chunk, columns, kernel_rows, kernel_columns * depth, rows * row_words,
        lambda part: first_row(part) * columns, pair, word,
    )  # fmt: skip


@T.inline
def split(sums: Any, at: Any, step: Any, total: Any, numbers: Any, channel: Any, to: Any):
    """The two sums in a total, each with the first step of rescaling done.

    In the short form they are shifted up at once, and what lies above them goes, as does the 2**22 of the first.
    """
    low: T.let = T.Cast("uint32", total)
    high: T.let = T.Cast("uint32", T.shift_right(total, T.int64(_FIELD_BITS)))
    if to.up is None:
        sums[at] = _signed(low - T.uint32(_MIDDLE)) + numbers[channel, 0]
        sums[at + step] = T.Cast("int32", high) + numbers[channel, 0]
    else:
        up: T.let = T.uint32(to.up)
        sums[at] = numbers[channel, 0] + T.Cast("int32", T.shift_left(low - T.uint32(_above(to)), up))
        sums[at + step] = numbers[channel, 0] + T.Cast("int32", T.shift_left(high, up))


@T.inline
def _add_products(total: Any, scratch: Any, weights: Any, y: Any, t: Any, g: Any, trips: Any, paired: Any, tile: Any):
    """All products of tile `t` of row `y` with the channels of group `g`."""
    for i, ko in T.grid(paired.kernel_rows, trips):
        for ki in T.unroll(tile.unrolled):
            for c in T.unroll(tile.group):
                for h in T.unroll(tile.pairs):
                    k: T.let = ko * tile.unrolled + ki
                    total[h * tile.group + c] += T.Cast("int64", scratch[paired.word(y, t, h, i, k)]) * T.Cast(
                        "int64", weights[g, i, k, c]
                    )


# CONV_2D: out[y, x, c] = requantise(bias[c] + Σ in[y*s + i - pad, x*s + j - pad, k] * w[c, i, j, k])
# TFLite, kernels/internal/reference/integer_ops/conv.h


def _conv(spec: ConvSpec, tile: Tile, paired: Paired) -> Kernel:
    channels, to = spec.output.channels, spec.requantisation
    pixels = spec.output.height * spec.output.width
    numbers_each = scale_numbers(to)
    result = FeatureMap(1, pixels, channels, spec.output.layout)
    rounds = paired.run // tile.unrolled

    @T.prim_func(s_tir=True)
    def conv2d(
        data: T.Buffer((spec.input.elements,), "int8"),
        weights: T.Buffer((channels // tile.group, paired.kernel_rows, paired.run, tile.group), "int8"),
        scale: T.Buffer((channels, numbers_each), "int32"),
        output: T.Buffer(result.shape, "int8"),
        scratch: T.Buffer((paired.words,), "int32"),
    ):
        T.func_attr({"tirx.noalias": True})
        total = T.alloc_buffer((tile.pairs * tile.group,), "int64")
        sums = T.alloc_buffer((tile.pixels * tile.group,), "int32")
        numbers = T.alloc_buffer((tile.group, numbers_each), "int32")
        trips: T.let = hidden(rounds) if tile.unrolled > 1 else T.int32(rounds)
        for part in range(hidden(paired.parts)):
            paired.pair(data, scratch, part)
            for y, t in T.grid(hidden(paired.rows), hidden(-(-paired.columns // tile.pixels))):
                column: T.let = T.min(t * tile.pixels, paired.columns - tile.pixels)
                first: T.let = paired.first(part) + y * paired.columns + column
                for g in range(hidden(channels // tile.group)):
                    for n in T.unroll(tile.pairs * tile.group):
                        total[n] = T.int64(_MIDDLE)
                    _add_products(total, scratch, weights, y, t, g, trips, paired, tile)
                    load_scale(numbers, scale, g * tile.group, tile.group, to)
                    for h in T.unroll(tile.pairs):
                        for c in T.unroll(tile.group):
                            split(sums, (2 * h) * tile.group + c, tile.group, total[h * tile.group + c], numbers, c, to)
                    for p in T.unroll(tile.pixels):
                        for c in T.unroll(tile.group):
                            output[result.place(0, first + p, g * tile.group + c)] = rescaled(
                                sums[p * tile.group + c], numbers, c, to
                            )

    shape = (channels // tile.group, tile.group, -1)
    grouped = packing(spec, lambda values: values.reshape(shape).transpose(0, 2, 1))

    def pack(given: Weights) -> Mapping[str, Array]:
        if not is_narrow(spec, given):
            raise ValueError("sums of products may reach 2**22")
        return grouped(given)

    part = paired.rows * paired.columns
    walk = in_parts(spec, part, is_even=pixels % part == 0)
    return Kernel.of(conv2d, pack, ("tf_hidden.h",), walk)
