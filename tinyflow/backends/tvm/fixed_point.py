"""Real scales as the fixed-point numbers of the TFLite kernels: computed once, in double, at build time.

It follows `QuantizeMultiplier` and `PreprocessSoftmaxScaling` of TFLite's quantization_util.cc, which the TFLM and
CMSIS-NN kernels share, so that no chip ever does this in soft double.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# the fixed-point exp of TFLite's softmax takes differences with this many integer bits
SOFTMAX_INTEGER_BITS = 5
# ADD scales both inputs up by this much before it adds them (`AddOp`'s left_shift for int8)
ADD_LEFT_SHIFT = 20


def quantise_multiplier(real: float) -> tuple[int, int]:
    """The (multiplier, shift) whose `multiplier / 2**31 * 2**shift` is nearest to `real`, a number ≥ 0.

    `multiplier` lies in [2**30, 2**31), or is 0 where `real` is too small to matter.
    """
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)  # std::round: no negative numbers come here
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def quantise_multipliers(reals: Sequence[float]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """`quantise_multiplier` for each channel: multipliers and shifts, [C] int32 each."""
    pairs = [quantise_multiplier(real) for real in reals]
    multipliers, shifts = zip(*pairs, strict=True)
    return np.array(multipliers, dtype=np.int32), np.array(shifts, dtype=np.int32)


def convolution_multipliers(input_scale: float, weight_scales: Sequence[float], output_scale: float) -> list[float]:
    """What turns accumulators of each output channel into output steps. Scales are exact float32 values."""
    return [input_scale * weight_scale / output_scale for weight_scale in weight_scales]


def dense_multiplier(input_scale: float, weight_scale: float, output_scale: float) -> float:
    """The same for a fully connected layer, where TFLite rounds the product of the scales to float32 first."""
    return float(np.float32(input_scale) * np.float32(weight_scale)) / output_scale


def add_multipliers(left_scale: float, right_scale: float, output_scale: float) -> tuple[float, float, float]:
    """ADD's factors of left input, right input and sum, which belong to inputs shifted left by ADD_LEFT_SHIFT."""
    twice_largest = 2 * max(left_scale, right_scale)
    return left_scale / twice_largest, right_scale / twice_largest, twice_largest / (2**ADD_LEFT_SHIFT * output_scale)


def softmax_scaling(input_scale: float, beta: float = 1.0) -> tuple[int, int, int]:
    """Softmax's (multiplier, left shift, least difference to the maximum that still counts)."""
    real = min(beta * input_scale * 2 ** (31 - SOFTMAX_INTEGER_BITS), 2.0**31 - 1)
    multiplier, shift = quantise_multiplier(real)
    radius = (2**SOFTMAX_INTEGER_BITS - 1) * 2.0 ** (31 - SOFTMAX_INTEGER_BITS) / 2.0**shift
    return multiplier, shift, -math.floor(radius)
