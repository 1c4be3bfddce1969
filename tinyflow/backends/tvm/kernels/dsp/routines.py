"""Style dsp: convolutions and dense layers by SMLAD, through tf_dsp.h.

    for each chunk of output rows:
        widen its input to int16 pairs in scratch, padding included
        for each group of four output channels:
            widen the group's weights to pairs in scratch
            for each run of pixels: dot products and outputs, in one routine

TIR owns the loops, the addresses and the layouts; tf_dsp.h owns what needs registers by name.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels import requantise
from tinyflow.backends.tvm.kernels.dsp.widening import PART_PIXELS, Tiling, product_order, widening
from tinyflow.backends.tvm.kernels.intrinsics import GROUP, HEADER, Routine, call, hidden, unspill
from tinyflow.backends.tvm.kernels.kernel import Array, Kernel, Weights
from tinyflow.backends.tvm.kernels.packing import as_words
from tinyflow.backends.tvm.kernels.specs import ConvSpec, DenseSpec

# bytes between neighbouring pixels for which there is a routine of two at once
_DISTANCES = (16, 32, 48, 64, 80, 96, 128, 192, 256, 384, 512)

# CONV_2D: out[y, x, c] = requantise(bias[c] + Σ in[y*s + i - pad, x*s + j - pad, k] * w[c, i, j, k])
# TFLite, kernels/internal/reference/integer_ops/conv.h


def conv(spec: ConvSpec, scratch_bytes: int, part: int = PART_PIXELS, grouped: int | None = None) -> Kernel | None:
    """CONV_2D of any shape, by one pixel at a time.

    With `grouped` by two where a routine knows how far apart they are; 1: with loads one behind the other.
    """
    tiling, expand = widening(spec, scratch_bytes, part, () if grouped is None else _DISTANCES)
    distance, loads = 4 * tiling.column_words, "grouped" if grouped else "spread"
    if grouped is not None and (tiling.is_narrow or distance not in _DISTANCES or tiling.run * tiling.columns < 2):
        return None
    channels, groups = spec.output.channels, -(-spec.output.channels // GROUP)
    routine = Routine(_routine_name(tiling), spec.requantisation, channels)
    steps = (tiling.segments, tiling.segment_step, tiling.pixel_step)
    shape = (tiling.blocks,) if tiling.is_flat else (tiling.blocks, *steps)
    at, end = tiling.weight_words, tiling.weight_words + tiling.part_words
    run = tiling.run
    paired = Routine(f"tf_conv8_{loads}_{distance}", spec.requantisation, channels)
    paired_shape = (tiling.blocks, tiling.segments, tiling.segment_step, tiling.pixel_step + distance)
    scratch_words = end + routine.spill_words(run * tiling.columns)

    @T.prim_func(s_tir=True)
    def conv2d(
        data: T.Buffer((spec.input.elements,), "int8"),
        weights: T.Buffer((groups, tiling.group_words), "int32"),
        scale: T.Buffer((groups * GROUP, routine.constants), "int32"),
        output: T.Buffer((spec.output.elements,), "int8"),
        scratch: T.Buffer((scratch_words,), "int32"),
    ):
        T.func_attr({"tirx.noalias": True})
        for part, side in T.grid(hidden(tiling.row_parts), hidden(tiling.column_parts)):
            first: T.let = part * tiling.rows
            count: T.let = T.int32(0) + tiling.rows_from(first)
            left = T.meta_var(tiling.first_column(side))
            expand(data, scratch, at, first, count, left)
            for g in range(hidden(groups)):
                pairs = T.meta_var(T.address_of(weights[g, 0] if tiling.is_narrow else scratch[0]))
                if not tiling.is_narrow:
                    call("tf_widen", pairs, T.address_of(weights[g, 0]), tiling.group_words)
                for y in range(1 if run > 1 else count):
                    place: T.let = ((first + y) * tiling.width + left) * channels + g * GROUP
                    pixels: T.let = (count if run > 1 else 1) * tiling.columns
                    row: T.let = at + y * tiling.row_words
                    x: T.let = T.address_of(scratch[row])
                    spill: T.let = T.address_of(scratch[end])
                    if grouped is not None:
                        even: T.let = T.bitwise_and(pixels, T.int32(-2))
                        if even > 0:
                            paired.emit(output, place, scale, g * GROUP, even, spill, x, pairs, *paired_shape)
                        if even < pixels:
                            last: T.let = T.address_of(scratch[row + even * tiling.column_words])
                            behind: T.let = T.address_of(scratch[end + (0 if routine.is_direct else even)])
                            alone: T.let = place + even * channels
                            routine.emit(output, alone, scale, g * GROUP, 1, behind, last, pairs, *shape)
                    else:
                        routine.emit(output, place, scale, g * GROUP, pixels, spill, x, pairs, *shape)
                    unspill(routine, output, place, g * GROUP, pixels, scratch, end)

    order = product_order(spec) if spec.input.channels % 4 else None

    def pack(given: Weights) -> Mapping[str, Array]:
        return _pack(given, spec, tiling.segments, tiling.padded_length, 2, order)

    return Kernel.of(conv2d, pack, (HEADER,), tiling.walk(spec))


def _routine_name(tiling: Tiling) -> str:
    return f"tf_conv4{'_narrow' if tiling.is_narrow else ''}{'_flat' if tiling.is_flat else ''}"


# FULLY_CONNECTED: out[c] = requantise(bias[c] + Σ in[k] * w[c, k])
# TFLite, kernels/internal/reference/integer_ops/fully_connected.h


def dense(spec: DenseSpec) -> Kernel | None:
    """FULLY_CONNECTED of a multiple of four inputs; weights are widened in registers, for each is used once."""
    if spec.inputs % 4:
        return None
    inputs, steps = spec.inputs, spec.inputs // 4
    groups = -(-spec.outputs // GROUP)
    routine = Routine("tf_dense4", spec.requantisation, spec.outputs)
    pairs = inputs // 2

    @T.prim_func(s_tir=True)
    def fully_connected(
        data: T.Buffer((inputs,), "int8"),
        weights: T.Buffer((groups, inputs), "int32"),
        scale: T.Buffer((groups * GROUP, routine.constants), "int32"),
        output: T.Buffer((spec.outputs,), "int8"),
        scratch: T.Buffer((pairs + routine.spill_words(1),), "int32"),
    ):
        T.func_attr({"tirx.noalias": True})
        call("tf_widen", T.address_of(scratch[0]), T.address_of(data[0]), steps)
        for g in range(hidden(groups)):
            routine.emit(
                output, g * GROUP, scale, g * GROUP, 1, T.address_of(scratch[pairs]),
                T.address_of(scratch[0]), T.address_of(weights[g, 0]), steps,
            )  # fmt: skip
            unspill(routine, output, g * GROUP, g * GROUP, 1, scratch, pairs)

    return Kernel.of(fully_connected, lambda given: _pack(given, spec, 1, inputs, 1, None), (HEADER,))


def _pack(
    given: Weights, spec: ConvSpec | DenseSpec, segments: int, length: int, words: int, order: list[int] | None
) -> Mapping[str, Array]:
    """Weights as [group, segment, step, channel of the group, `words` words of four products], filled up with zeros."""
    values, scale = requantise.pack(spec, given)
    if order is not None:
        values = np.pad(values, ((0, 0), (0, 1)))[:, order]
    values = values.reshape(len(values), segments, -1)
    missing = -len(values) % GROUP
    filled = np.pad(values, ((0, missing), (0, 0), (0, length - values.shape[2])))
    grouped = filled.reshape(-1, GROUP, segments, length // (4 * words), 4 * words).transpose(0, 2, 3, 1, 4)
    return {"weights": as_words(grouped), "scale": np.pad(scale, ((0, missing), (0, 0))).ravel()}
