"""Style dsp: 3x3 depthwise convolutions.

for each chunk of output rows:
    for each group of four channels:
        split its input into four planes of int16, one for each channel, padding included
        for each channel: filter its plane, two outputs at a time
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels import requantise
from tinyflow.backends.tvm.kernels.intrinsics import GROUP, HEADER, call, hidden
from tinyflow.backends.tvm.kernels.kernel import Array, Kernel, Weights
from tinyflow.backends.tvm.kernels.packing import as_words
from tinyflow.backends.tvm.kernels.specs import DepthwiseSpec
from tinyflow.backends.tvm.kernels.walks import in_parts

# A row of a plane takes as many bytes as one of the routines steps over.
_ROW_BYTES = (32, 64, 128, 256)
_FILTER_WORDS = 3  # one for each row


@dataclass(frozen=True)
class Planes:
    """In what portions a depthwise convolution is done, and how its four planes lie in scratch."""

    columns: int  # of input, padding included
    row_words: int
    chunk: int  # output rows at a time
    rows: int  # input rows of a chunk

    @property
    def words(self) -> int:
        """Of one plane."""
        return self.rows * self.row_words


def _is_supported(spec: DepthwiseSpec) -> bool:
    """3x3, stride 1 or 2 in both directions, groups of four channels, rows that aren't too long, no clamp."""
    to = spec.requantisation
    return (
        spec.kernel == (3, 3)
        and spec.stride in ((1, 1), (2, 2))
        and spec.input.channels == spec.output.channels
        and spec.input.channels % GROUP == 0
        and _columns(spec) + 2 <= _ROW_BYTES[-1] // 2
        and (to.lowest, to.highest) == (-128, 127)
    )


def _columns(spec: DepthwiseSpec) -> int:
    return (spec.output.width - 1) * spec.stride[1] + 3


def planes(spec: DepthwiseSpec, scratch_bytes: int) -> Planes:
    """The tiling of a layer. The last filter of a row reads two values further than it needs."""
    columns, stride, height = _columns(spec), spec.stride[0], spec.output.height
    row_bytes = next(size for size in _ROW_BYTES if columns + 2 <= size // 2)
    rows = max(3, scratch_bytes // (GROUP * row_bytes))
    most = min(height, (rows - 3) // stride + 1)
    chunk = -(-height // -(-height // most))
    return Planes(columns, row_bytes // 4, chunk, (chunk - 1) * stride + 3)


# DEPTHWISE_CONV_2D: out[y, x, c] = requantise(bias[c] + Σ in[y*s + i - pad, x*s + j - pad, c] * w[i, j, c])
# TFLite, kernels/internal/reference/integer_ops/depthwise_conv.h


def depthwise(spec: DepthwiseSpec, scratch_bytes: int) -> Kernel | None:
    """DEPTHWISE_CONV_2D of the shapes that `_is_supported` names."""
    if not _is_supported(spec):
        return None
    to, channels, stride = spec.requantisation, spec.input.channels, spec.stride[0]
    width, height = spec.output.width, spec.output.height
    plane = planes(spec, scratch_bytes)
    row_words, plane_words = plane.row_words, plane.words
    left, inside = spec.padding.left, min(spec.input.width, plane.columns - spec.padding.left)
    variant = "long" if to.up is None else f"up{to.up}"
    routine = f"tf_filter_stride{stride}_{row_words * 4}_{variant}"
    zero = to.zero_point << requantise.FRACTION_BITS
    pair_bytes = width // 2 * 4 * stride
    constants = requantise.constants_per_channel(to)

    @T.prim_func(s_tir=True)
    def depthwise2d(
        data: T.Buffer((spec.input.elements,), "int8"),
        weights: T.Buffer((channels, _FILTER_WORDS), "int32"),
        scale: T.Buffer((channels, constants), "int32"),
        output: T.Buffer(spec.output.shape, "int8"),
        scratch: T.Buffer((GROUP * plane_words,), "int32"),
    ):
        T.func_attr({"tirx.noalias": True})
        for part in range(hidden(-(-height // plane.chunk))):
            first: T.let = part * plane.chunk
            count: T.let = T.min(plane.chunk, height - first)
            call("tf_fill", T.address_of(scratch[0]), spec.input_zero_point, GROUP * plane_words)
            for g in range(hidden(channels // GROUP)):
                for r in range((count - 1) * stride + 3):
                    row: T.let = first * stride + r - spec.padding.top
                    if (row >= 0) & (row < spec.input.height):
                        source: T.let = row * (spec.input.width * channels) + g * GROUP
                        target: T.let = T.address_of(scratch[r * row_words])
                        call("tf_split", target, left, T.address_of(data[source]), inside, channels, plane_words)
                for c in range(hidden(GROUP)):
                    channel: T.let = g * GROUP + c
                    call(
                        routine, T.address_of(output[first, 0, channel]), T.address_of(scratch[c * plane_words]),
                        T.address_of(weights[channel, 0]), T.address_of(scale[channel, 0]), T.int32(zero), channels,
                        pair_bytes, width % 2, count, 4 * row_words * stride - pair_bytes,
                    )  # fmt: skip

    walk = in_parts(spec, plane.chunk * width)
    return Kernel.of(depthwise2d, lambda given: _pack(given, spec), (HEADER,), walk)


def _pack(given: Weights, spec: DepthwiseSpec) -> Mapping[str, Array]:
    """Each row of a filter as the word of bytes that widens to its pairs [0, 1] and [1, 2]."""
    values, scale = requantise.pack(spec, given)
    words = values.reshape(-1, 3, 3)[:, :, [0, 1, 1, 2]]
    return {"weights": as_words(words), "scale": scale.ravel()}
