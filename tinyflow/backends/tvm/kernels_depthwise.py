"""Style dsp: 3x3 depthwise convolutions.

for each group of four channels:
    for each chunk of output rows:
        split its input into four planes of int16, one for each channel, padding included
        for each channel and row: filter the plane's row, two outputs at a time
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tvm.script import tirx as T

from tinyflow.backends.tvm import requantise
from tinyflow.backends.tvm.intrinsics import HEADER, call, hidden
from tinyflow.backends.tvm.kernel import Array, Kernel, Parameter, Weights
from tinyflow.backends.tvm.kernels_plain import feature_map, vector
from tinyflow.backends.tvm.specs import DepthwiseSpec

_GROUP = 4
_SCRATCH_BYTES = 4096
_FILTER_WORDS = 6


def is_supported(spec: DepthwiseSpec) -> bool:
    """3x3, stride 1 or 2 in both directions, groups of four channels."""
    return (
        spec.kernel == (3, 3)
        and spec.stride in ((1, 1), (2, 2))
        and spec.input.channels == spec.output.channels
        and spec.input.channels % _GROUP == 0
        and spec.requantisation.up is not None
    )


def depthwise(spec: DepthwiseSpec) -> Kernel:
    channels, zero_point = spec.input.channels, spec.input_zero_point
    stride = spec.stride[0]
    width = (spec.output.width - 1) * stride + 3
    row_words = -(-width // 2) + 1
    height = spec.output.height
    row_bytes = _GROUP * row_words * 4
    most = max(1, min(height, (_SCRATCH_BYTES // row_bytes - 3) // stride + 1))
    chunk = -(-height // -(-height // most))
    rows = (chunk - 1) * stride + 3
    plane_words = rows * row_words
    left, inside = spec.padding.left, min(spec.input.width, width - spec.padding.left)
    to = spec.requantisation
    zero = to.zero_point << requantise.FRACTION_BITS
    name = "tf_filter3" if stride == 1 else "tf_filter3_skip"
    groups = channels // _GROUP

    @T.prim_func(s_tir=True)
    def depthwise2d(
        data: T.Buffer((spec.input.elements,), "int8"),
        weights: T.Buffer((channels, _FILTER_WORDS), "int32"),
        scale: T.Buffer((channels, 2), "int32"),
        output: T.Buffer(spec.output.shape, "int8"),
        scratch: T.Buffer((_GROUP * plane_words,), "int32"),
    ):
        T.func_attr({"tirx.noalias": True})
        all_groups: T.let = hidden(groups)
        chunks: T.let = hidden(-(-height // chunk))
        for part in range(chunks):
            first: T.let = part * chunk
            count: T.let = T.min(chunk, height - first)
            call("tf_fill", T.address_of(scratch[0]), zero_point, _GROUP * plane_words)
            for g in range(all_groups):
                for r in range((count - 1) * stride + 3):
                    row: T.let = first * stride + r - spec.padding.top
                    if (row >= 0) & (row < spec.input.height):
                        call(
                            "tf_split",
                            T.address_of(scratch[r * row_words]),
                            left,
                            T.address_of(data[row * (spec.input.width * channels) + g * _GROUP]),
                            inside,
                            channels,
                            plane_words,
                        )
                for c in range(hidden(_GROUP)):
                    for y in range(count):
                        call(
                            name,
                            T.address_of(output[first + y, 0, g * _GROUP + c]),
                            T.address_of(scratch[c * plane_words + y * (stride * row_words)]),
                            T.address_of(weights[g * _GROUP + c, 0]),
                            T.address_of(scale[g * _GROUP + c, 0]),
                            T.int32(zero),
                            to.up,
                            spec.output.width,
                            channels,
                            row_words,
                        )

    return Kernel(
        depthwise2d,
        (
            feature_map("data", "input", spec.input),
            Parameter("weights", "constant", "int32", channels * _FILTER_WORDS, 4),
            Parameter("scale", "constant", "int32", channels * 2, 8),
            feature_map("output", "output", spec.output),
            Parameter("scratch", "scratch", "int32", _GROUP * plane_words, 8),
        ),
        lambda given: pack(given, spec),
        (HEADER,),
    )


def pack(given: Weights, spec: DepthwiseSpec) -> Mapping[str, Array]:
    values, scale = requantise.pack(spec, given)
    rows = values.reshape(-1, 3, 3).astype(np.int16)
    pairs = np.stack([rows[:, :, 0:2], rows[:, :, 1:3]], axis=2)
    return {"weights": np.ascontiguousarray(pairs).view(np.int32).ravel(), "scale": scale.ravel()}
