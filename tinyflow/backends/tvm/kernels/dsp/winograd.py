"""Style dsp: CONV_2D of 3x3 taps and stride 1 by Winograd's F(2x2, 3x3), the runtime tinynn's function.

Its numbers, weights and proof are those of `tinynn.winograd`; TIR says where the operands lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tvm.script import tirx as T

from tinyflow.backends.tinynn import choice, winograd
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.layouts import Channels
from tinyflow.backends.tvm.kernels.dsp.widening import BLOCK
from tinyflow.backends.tvm.kernels.intrinsics import GROUP, call
from tinyflow.backends.tvm.kernels.kernel import Array, Kernel, Weights
from tinyflow.backends.tvm.kernels.packing import as_words
from tinyflow.backends.tvm.kernels.specs import ConvSpec

HEADER = "tinynn/dsp/winograd_of.h"
# of tinynn_winograd_of, in its order
_SHAPES = tuple(f"{side}_{extent}" for side in ("input", "output") for extent in ("height", "width", "channels"))
_NUMBERS = (*_SHAPES, "pad_top", "pad_left", "input_zero_point", "output_zero_point", "lowest", "highest")
# Instructions, measured: of the direct kernel for four channels of a pixel, and for eight products of each of these
_DIRECT, _DIRECT_EIGHT = 90, 22


def offers(spec: ConvSpec, weights: Weights) -> list[Call]:
    """The calls that take fewer instructions than the direct kernel, the quickest first; each has its own scratch."""
    to, (stride_y, stride_x) = spec.requantisation, spec.stride
    if to.rounding != "double" or "NCHW" in (spec.input.layout, spec.output.layout):
        return []
    fields = {
        **{"batches": 1, "kernel_height": spec.kernel[0], "kernel_width": spec.kernel[1]},
        **{f"input_{name}": getattr(spec.input, name) for name in ("height", "width", "channels")},
        **{f"output_{name}": getattr(spec.output, name) for name in ("height", "width", "channels")},
        **{"stride_y": stride_y, "stride_x": stride_x, "dilation_y": 1, "dilation_x": 1},
        **{"pad_top": spec.padding.top, "pad_left": spec.padding.left},
        **{"input_zero_point": spec.input_zero_point, "output_zero_point": to.zero_point},
        **{"lowest": to.lowest, "highest": to.highest},
    }
    if not winograd.is_possible(fields):
        return []
    model = Channels(weights.bias, weights.multiplier, weights.shift)
    calls = choice.convolution("dsp", fields, weights.values, model).faster
    limit = winograd.WORTH_IT * _direct_instructions(spec)
    return [one for one in calls if winograd.instructions(_flat(one)) <= limit]


def _direct_instructions(spec: ConvSpec) -> int:
    output = spec.output
    groups = output.height * output.width * -(-output.channels // GROUP)
    return groups * (_DIRECT + spec.kernel[0] * -(-spec.kernel[1] * spec.input.channels // BLOCK) * _DIRECT_EIGHT)


def _flat(offer: Call) -> dict[str, Any]:
    """All fields of the struct and of the one in it."""
    return {**offer.fields, **offer.fields["conv2d"]}  # type: ignore[dict-item]


def conv(offer: Call) -> Kernel:
    """The kernel of an offer. Its constants are of that layer alone."""
    f = _flat(offer)
    numbers = [T.int32(f[name]) for name in (*_NUMBERS, "groups", "is_transformed")]
    constants = {"weights": as_words(f["weights"].values), "scale": f["channels"].values.astype(np.int32).ravel()}
    inputs = f["input_height"] * f["input_width"] * f["input_channels"]
    outputs = f["output_height"] * f["output_width"] * f["output_channels"]
    words, of_channels = constants["weights"].size, constants["scale"].size
    scratch_words = -(-offer.scratch_bytes // 4)

    @T.prim_func(s_tir=True)
    def conv2d(
        data: T.Buffer((inputs,), "int8"),
        weights: T.Buffer((words,), "int32"),
        scale: T.Buffer((of_channels,), "int32"),
        output: T.Buffer((outputs,), "int8"),
        scratch: T.Buffer((scratch_words,), "int32"),
    ):
        T.func_attr({"tirx.noalias": True})
        call(
            "tinynn_winograd_of", T.address_of(data[0]), T.address_of(weights[0]), T.address_of(scale[0]),
            T.address_of(output[0]), T.address_of(scratch[0]), *numbers,
        )  # fmt: skip

    def pack(given: Weights) -> Mapping[str, Array]:  # noqa: ARG001 (those that the offer was made for)
        return constants

    return Kernel.of(conv2d, pack, (HEADER,), {"data": offer.overlaps[0]})
