"""Style smlad: convolutions and dense layers by SMLAD as an intrinsic of LLVM, which plans the registers itself.

    for each chunk of output rows:
        widen its input to int16 pairs in scratch, padding included
        for each group of output channels:
            widen the group's weights to pairs in scratch
            for each tile of pixels: pixels times channels accumulators, two products an instruction

The layout of pairs is that of style dsp: four values lie in two pairs in the order of SXTB16, [0, 2] and [1, 3].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels.dsp.widening import PART_PIXELS, Tiling, widening
from tinyflow.backends.tvm.kernels.intrinsics import HEADER, call, hidden, value
from tinyflow.backends.tvm.kernels.kernel import Kernel
from tinyflow.backends.tvm.kernels.packing import as_words
from tinyflow.backends.tvm.kernels.rescaling import add_offset, load_scale, packing, rescaled, scale_numbers
from tinyflow.backends.tvm.kernels.specs import ConvSpec, DenseSpec

Expr = Any


@dataclass(frozen=True)
class Tile:
    """What is computed together: accumulators are pixels times channels."""

    pixels: int
    group: int


# More accumulators than these, pixels times channels, spill, of fourteen registers.
_PIXELS, _GROUP = 2, 4


def _smlad(x: Expr, w: Expr, total: Expr) -> Expr:
    """The accumulator and both products of two pairs."""
    return T.call_llvm_pure_intrin("int32", "llvm.arm.smlad", x, w, total)


# CONV_2D: out[y, x, c] = requantise(bias[c] + Σ in[y*s + i - pad, x*s + j - pad, k] * w[c, i, j, k])
# TFLite, kernels/internal/reference/integer_ops/conv.h


def conv(
    spec: ConvSpec, scratch_bytes: int, pixels: int = _PIXELS, group: int = _GROUP, part: int = PART_PIXELS
) -> Kernel | None:
    """CONV_2D of a multiple of four input channels, if there is scratch for the pairs of the weights."""
    if spec.input.channels % 4:
        return None
    tiling, expand = widening(spec, scratch_bytes, part)
    if tiling.is_narrow:
        return None
    to, channels = spec.requantisation, spec.output.channels
    tile = _tile(tiling, Tile(pixels, group), channels)
    groups, steps, segments = channels // tile.group, tiling.length // 4, tiling.segments
    at = group_words = segments * steps * tile.group * 2
    scratch_words = at + tiling.input_words
    numbers_each = scale_numbers(to)

    @T.prim_func(s_tir=True)
    def conv2d(
        data: T.Buffer((spec.input.elements,), "int8"),
        weights: T.Buffer((groups, group_words // 2), "int32"),
        scale: T.Buffer((channels, numbers_each), "int32"),
        output: T.Buffer((spec.output.elements,), "int8"),
        scratch: T.Buffer((scratch_words,), "int32"),
    ):
        T.func_attr({"tirx.noalias": True})
        total = T.alloc_buffer((tile.pixels * tile.group,), "int32")
        pair = T.alloc_buffer((tile.pixels * 2,), "int32")
        numbers = T.alloc_buffer((tile.group, numbers_each), "int32")
        for part, side in T.grid(hidden(tiling.row_parts), hidden(tiling.column_parts)):
            first: T.let = part * tiling.rows
            count: T.let = T.int32(0) + tiling.rows_from(first)
            left = T.meta_var(tiling.first_column(side))
            expand(data, scratch, at, first, count, left)
            for g in range(hidden(groups)):
                call("tf_widen", T.address_of(scratch[0]), T.address_of(weights[g, 0]), group_words // 2)
                load_scale(numbers, scale, g * tile.group, tile.group, to)
                for y in range(1 if tiling.run > 1 else count):
                    pixels: T.let = (count if tiling.run > 1 else 1) * tiling.columns
                    place: T.let = ((first + y) * tiling.width + left) * channels + g * tile.group
                    for t in range(T.truncdiv(pixels + tile.pixels - 1, tile.pixels)):
                        p0: T.let = T.min(t * tile.pixels, pixels - tile.pixels)
                        x: T.let = at + y * tiling.row_words + p0 * tiling.column_words
                        for n in T.unroll(tile.pixels * tile.group):
                            total[n] = 0
                        _add_products(total, pair, scratch, x, tiling, tile)
                        for p in T.unroll(tile.pixels):
                            for c in T.unroll(tile.group):
                                add_offset(total, p * tile.group + c, numbers, c, to)
                                output[place + (p0 + p) * channels + c] = rescaled(
                                    total[p * tile.group + c], numbers, c, to
                                )

    shape = (groups, tile.group, segments, steps, 4)
    packed = packing(spec, lambda values: as_words(values.reshape(shape).transpose(0, 2, 3, 1, 4)))
    return Kernel.of(conv2d, packed, (HEADER,), tiling.walk(spec))


def _tile(tiling: Tiling, wanted: Tile, channels: int) -> Tile:
    """The wanted tile as far as parts have so many pixels, and channels divide by it."""
    fewest = ((tiling.height % tiling.rows or tiling.rows) if tiling.run > 1 else 1) * tiling.columns
    return Tile(min(wanted.pixels, fewest), next(n for n in range(wanted.group, 0, -1) if channels % n == 0))


@T.inline
def _add_products(total: Any, pair: Any, scratch: Any, x: Any, tiling: Any, tile: Any):
    """All products of a tile; its first pixel's pairs lie at `x`, the weights' at 0; `pair` is room for its pixels'."""
    for s, k in T.grid(tiling.segments, tiling.length // 4):
        for p in T.unroll(tile.pixels):
            for h in T.unroll(2):
                pair[p * 2 + h] = scratch[x + s * tiling.segment_words + p * tiling.column_words + 2 * k + h]
        for c in T.unroll(tile.group):
            for h in T.unroll(2):
                w: T.let = scratch[((s * (tiling.length // 4) + k) * tile.group + c) * 2 + h]
                for p in T.unroll(tile.pixels):
                    total[p * tile.group + c] = _smlad(pair[p * 2 + h], w, total[p * tile.group + c])


# FULLY_CONNECTED: out[c] = requantise(bias[c] + Σ in[k] * w[c, k])
# TFLite, kernels/internal/reference/integer_ops/fully_connected.h


def dense(spec: DenseSpec, group: int = _GROUP, unrolled: int = 2) -> Kernel | None:
    """FULLY_CONNECTED of a multiple of four inputs; weights are widened in registers, for each is used once.

    The compiler doesn't see how many inputs there are: it would unroll until it spills.
    """
    if spec.inputs % 4:
        return None
    to, steps = spec.requantisation, spec.inputs // 4
    group = next(number for number in range(group, 0, -1) if spec.outputs % number == 0)
    groups, numbers_each = spec.outputs // group, scale_numbers(to)
    unrolled = next(number for number in range(unrolled, 0, -1) if steps % number == 0)

    @T.prim_func(s_tir=True)
    def fully_connected(
        data: T.Buffer((spec.inputs,), "int8"),
        weights: T.Buffer((groups, steps, group), "int32"),
        scale: T.Buffer((spec.outputs, numbers_each), "int32"),
        output: T.Buffer((spec.outputs,), "int8"),
        scratch: T.Buffer((2 * steps,), "int32"),
    ):
        T.func_attr({"tirx.noalias": True})
        total = T.alloc_buffer((group,), "int32")
        numbers = T.alloc_buffer((group, numbers_each), "int32")
        call("tf_widen", T.address_of(scratch[0]), T.address_of(data[0]), steps)
        for g in range(hidden(groups)):
            for c in T.unroll(group):
                total[c] = 0
            for ko in range(hidden(steps // unrolled)):
                for ki in T.unroll(unrolled):
                    for c in T.unroll(group):
                        k: T.let = ko * unrolled + ki
                        word: T.let = weights[g, k, c]
                        total[c] = _smlad(scratch[2 * k], value("tf_even", word), total[c])
                        total[c] = _smlad(scratch[2 * k + 1], value("tf_odd", word), total[c])
            load_scale(numbers, scale, g * group, group, to)
            for c in T.unroll(group):
                add_offset(total, c, numbers, c, to)
                output[g * group + c] = rescaled(total[c], numbers, c, to)

    shape = (groups, group, steps, 4)
    packed = packing(spec, lambda values: as_words(values.reshape(shape).transpose(0, 2, 1, 3)))
    return Kernel.of(fully_connected, packed, (HEADER,))
