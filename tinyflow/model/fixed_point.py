"""TFLite's fixed-point arithmetic on arrays, bit for bit what the reference kernels of TFLM compute.

Real factors become `multiplier / 2**31 * 2**shift` in double, once, as `QuantizeMultiplier` of TFLite's
quantization_util.cc does; accumulators are then rescaled in integers, rounded twice (gemmlowp's fixedpoint.h, TFLite's
kernels/internal/common.h).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.graph import Quantisation

Integers = npt.NDArray[np.int64]

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
# ADD and SUB scale both int8 inputs up by this much before they add them (`left_shift` in TFLite's add.cc)
ADD_LEFT_SHIFT = 20
# and int16 inputs by this much
INT16_ADD_LEFT_SHIFT = 15
# what TFLM shifts left by is undefined above: its kernels compute `value * (1 << shift)`
LARGEST_SHIFT = 30
# the fixed-point exp of TFLite's softmax takes differences with this many integer bits
SOFTMAX_INTEGER_BITS = 5
# and those of LOGISTIC and TANH with this many
SIGMOID_INTEGER_BITS = 4


class OutOfRange(ValueError):
    """Scales that TFLite's integer kernels can't compute with; `hint` says what to do."""

    def __init__(self, what: str, hint: str = "quantise again with representative samples") -> None:
        super().__init__(what)
        self.hint = hint


def quantise_multipliers(reals: npt.NDArray[np.float64]) -> tuple[Integers, Integers]:
    """The (multipliers, shifts) nearest to finite numbers ≥ 0; each multiplier is 0 or in [2**30, 2**31)."""
    fractions, exponents = np.frexp(reals)
    multipliers = np.floor(fractions * 2**31 + 0.5).astype(np.int64)  # std::round: no negative numbers come here
    shifts = exponents.astype(np.int64)
    is_above = multipliers == 2**31
    multipliers, shifts = np.where(is_above, 2**30, multipliers), shifts + is_above
    is_zero = (shifts < -31) | (multipliers == 0)
    return np.where(is_zero, 0, multipliers), np.where(is_zero, 0, shifts)


def quantise_multiplier(real: float) -> tuple[int, int]:
    """The (multiplier, shift) nearest to one number."""
    (multiplier,), (shift,) = quantise_multipliers(np.array([real], np.float64))
    return int(multiplier), int(shift)


def rescaling_factor(real: float) -> tuple[int, int]:
    """The (multiplier, shift) of what a kernel rescales by. ValueError for one that it can't shift by."""
    factor = Rescaling.of([real])
    return int(factor.multipliers[0]), int(factor.shifts[0])


@dataclass(frozen=True)
class Rescaling:
    """Factors of all channels (or one for all) as fixed-point numbers, [C] int64 each."""

    multipliers: Integers
    shifts: Integers

    @staticmethod
    def of(reals: Sequence[float]) -> Rescaling:
        """Quantise real factors. ValueError for one that no kernel can shift by."""
        factors = np.asarray(reals, np.float64)
        is_number = np.isfinite(factors) & (factors >= 0)
        multipliers, shifts = quantise_multipliers(np.where(is_number, factors, 0))
        for real in factors[~is_number | (shifts > LARGEST_SHIFT)]:
            raise OutOfRange(f"a factor of {real:g} between scales is not supported: they are too far apart")
        return Rescaling(multipliers, shifts)

    def is_exact(self, low: Integers, high: Integers) -> npt.NDArray[np.bool_]:
        """For each channel whether nothing between these bounds, [..., C], leaves int32 on the way."""
        left = np.maximum(self.shifts, 0)
        fits = (low >= INT32_MIN >> left) & (high <= INT32_MAX >> left)
        every: npt.NDArray[np.bool_] = np.logical_and.reduce(fits.reshape(-1, fits.shape[-1]))
        return every

    def apply(self, values: Integers) -> Integers:
        """MultiplyByQuantizedMultiplier with double rounding, on [..., C]; monotone in each value where `is_exact`."""
        return rescale(values, self.multipliers, self.shifts)


def rescale(values: Integers, multipliers: Integers | int, shifts: Integers | int) -> Integers:
    """MultiplyByQuantizedMultiplier, rounded twice."""
    shifted = values << np.maximum(shifts, 0)
    shifted = ((shifted + 2**31) & (2**32 - 1)) - 2**31  # modulo 2**32, as TFLM's machines shift
    return divide_by_power_of_two(doubling_high_mul(shifted, multipliers), np.maximum(-np.asarray(shifts), 0))


def doubling_high_mul(a: Integers, b: Integers | int) -> Integers:
    """SaturatingRoundingDoublingHighMul without its saturation, of two INT32_MIN: one is a multiplier, or below 1.

    gemmlowp nudges negative products by 1 - 2**30 and divides towards zero, which is the same floor.
    """
    product: Integers = (a * b + (1 << 30)) >> 31
    return product


def divide_by_power_of_two(values: Integers, exponents: Integers | int) -> Integers:
    """RoundingDivideByPOT: to the nearest, halves away from zero."""
    half = (np.int64(1) << exponents) >> 1
    away: Integers = np.sign(values) * ((np.abs(values) + half) >> exponents)
    return away


def limits_of(dtype: str) -> tuple[int, int]:
    """Least and largest number of a signed integer type."""
    half = 1 << (ELEMENT_TYPES[dtype].bits - 1)
    return -half, half - 1


def inverse_square_root(x: int) -> tuple[int, int]:
    """1 / sqrt(x) as a (multiplier, shift), of x ≥ 0; GetInvSqrtQuantizedMultiplierExp of TFLite's common.h.

    0 counts as 1. Five steps of Newton's method from 1, in Q3.28.
    """
    if x <= 1:
        return INT32_MAX, 0
    shift = 11
    while x >= 1 << 29:
        x, shift = x // 4, shift + 1
    while x < 1 << 27:
        x, shift = x * 4, shift - 1
    half = ((x >> 1) + 1) >> 1

    def high(a: int, b: int) -> int:
        return (a * b + (1 << 30)) >> 31

    def saturated(a: int) -> int:
        return min(max(a, INT32_MIN), INT32_MAX)

    y = 1 << 28
    for _ in range(5):
        cube = saturated(high(high(y, y), y) << 6)
        y = saturated((high(3 << 27, y) - high(half, cube)) << 3)
    y = high(y, 1518500250)  # sqrt(1/2), Q0.31
    return (y << -shift, 0) if shift < 0 else (y, -shift)


# what fused activations let through, in real numbers
ACTIVATION_BOUNDS = {"NONE": (None, None), "RELU": (0.0, None), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}


def activation_range(activation: str, output: Quantisation, dtype: str = "int8") -> tuple[int, int]:
    """Least and largest value of a type behind a fused activation (CalculateActivationRangeQuantized).

    ValueError for an activation that TFLite's integer kernels don't have, or whose bounds are not 32-bit steps.
    """
    if activation not in ACTIVATION_BOUNDS:
        raise OutOfRange(f"activation {activation} has no integer kernel", f"there are {', '.join(ACTIVATION_BOUNDS)}")
    low, high = ACTIVATION_BOUNDS[activation]
    least, most = limits_of(dtype)
    return (
        least if low is None else max(least, quantised_bound(low, output.scale, output.zero_point)),
        most if high is None else min(most, quantised_bound(high, output.scale, output.zero_point)),
    )


def quantised_bound(real: float, scale: float, zero_point: int) -> int:
    """A real bound in steps of an output. ValueError where it is not a 32-bit number of steps."""
    with np.errstate(over="ignore"):
        quotient = float(np.float32(real) / np.float32(scale))
    if not abs(quotient) < 2**31:  # TFLM refuses it in Quantize of kernel_util.cc
        raise OutOfRange(f"a scale of {scale:g} is too small for the activation's bound {real:g}")
    return zero_point + math.floor(abs(quotient) + 0.5) * (-1 if quotient < 0 else 1)


def convolution_factors(input_scale: float, weight_scales: Sequence[float], output_scale: float) -> list[float]:
    """What turns accumulators of each output channel into output steps. Scales are exact float32 values."""
    return [input_scale * weight_scale / output_scale for weight_scale in weight_scales]


def dense_factor(input_scale: float, weight_scale: float, output_scale: float) -> float:
    """The same for a fully connected layer with one weight scale: the scales' product is rounded to float32 first."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.float32(input_scale) * np.float32(weight_scale)) / output_scale


def add_factors(
    left_scale: float, right_scale: float, output_scale: float, left_shift: int = ADD_LEFT_SHIFT
) -> tuple[float, float, float]:
    """ADD's factors of left input, right input and sum, which belong to inputs shifted left by `left_shift`.

    ValueError where that of the sum isn't below 1.
    """
    twice_largest = 2 * max(left_scale, right_scale)
    of_sum = twice_largest / (2**left_shift * output_scale)
    if quantise_multiplier(min(of_sum, 2.0))[1] > 0:  # TFLM ends the program in QuantizeMultiplierSmallerThanOneExp
        raise OutOfRange(f"an output scale of {output_scale:g} is too small for the inputs' {twice_largest / 2:g}")
    return left_scale / twice_largest, right_scale / twice_largest, of_sum


def softmax_scaling(input_scale: float, beta: float = 1.0) -> tuple[int, int, int]:
    """Softmax's multiplier, left shift and least difference that still counts, as PreprocessSoftmaxScaling has them.

    ValueError for a beta that is negative or no number.
    """
    if not 0 <= beta < math.inf:
        raise OutOfRange(f"a softmax with beta {beta:g} is not supported")
    real = min(beta * input_scale * 2 ** (31 - SOFTMAX_INTEGER_BITS), 2.0**31 - 1)
    multiplier, shift = quantise_multiplier(real)
    radius = (2**SOFTMAX_INTEGER_BITS - 1) * 2.0 ** (31 - SOFTMAX_INTEGER_BITS) / 2.0**shift
    return multiplier, shift, -min(math.floor(radius), 2**15)  # differences have 9 bits


def log_softmax_scaling(input_scale: float) -> dict[str, int]:
    """As in struct tinynn_log_softmax: PreprocessLogSoftmaxScalingExp. ValueError for scales that TFLM refuses."""
    multiplier, shift, least = softmax_scaling(input_scale)
    if multiplier == 0 or not 0 <= shift <= LARGEST_SHIFT:
        raise OutOfRange(f"an input scale of {input_scale:g} is not supported")
    reverse = quantise_multiplier(2 ** (31 - shift) / multiplier)
    if reverse[1] > 0:  # TFLM ends the program in QuantizeMultiplierSmallerThanOneExp
        raise OutOfRange(f"an input scale of {input_scale:g} is not supported")
    return {
        "multiplier": multiplier,
        "left_shift": shift,
        "reverse_multiplier": reverse[0],
        "reverse_shift": reverse[1],
        "least_difference": least,
    }


def softmax_int16_scaling(input_scale: float, beta: float = 1.0) -> tuple[int, int]:
    """Multiplier and shift that bring differences of 10 and 65535 steps together: softmax_common.cc of TFLM.

    ValueError for a beta that is negative or no number, and for factors that no kernel shifts by.
    """
    if not 0 <= beta < math.inf:
        raise OutOfRange(f"a softmax with beta {beta:g} is not supported")
    return rescaling_factor(input_scale * beta / (10.0 / 65535.0))


def sigmoid_scaling(input_scale: float) -> tuple[int, int, int]:
    """Multiplier and left shift of LOGISTIC and TANH, and where they begin to be saturated (CalculateInputRadius).

    ValueError for a scale that makes TFLM shift by a negative number, or by 63 and more.
    """
    multiplier, shift = quantise_multiplier(input_scale * 2 ** (31 - SIGMOID_INTEGER_BITS))
    if multiplier == 0 or not 0 <= shift < 63:
        raise OutOfRange(f"an input scale of {input_scale:g} is not supported")
    radius = ((2**SIGMOID_INTEGER_BITS - 1) << (31 - SIGMOID_INTEGER_BITS)) >> shift
    # everything is saturated where nothing is below the radius: what the shift is doesn't matter
    return multiplier, min(shift, LARGEST_SHIFT), radius
