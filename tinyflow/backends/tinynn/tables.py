"""Operators on one int8 value as tables of all 256 results: what the kernels in src/ref compute, at build time.

Fixed point as in gemmlowp's fixedpoint.h; Qm.n is a number of m integer and n fraction bits. Each function takes the
fields of the operator's C struct.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from tinyflow.model.fixed_point import INT32_MAX, Integers, Rescaling, divide_by_power_of_two

Fields = Mapping[str, int]

VALUES: Integers = np.arange(-128, 128, dtype=np.int64)
# exp(-2**e) for e = -2 … 4, Q0.31
_EXP_OF_MINUS_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
_EXP_OF_MINUS_EIGHTH = 1895147668
_THIRD = 715827883
# 48/17 and -32/17 in Q2.29
_48_OVER_17, _MINUS_32_OVER_17 = 1515870810, -1010580540


def _rescaled(values: Integers, multiplier: int, shift: int) -> Integers:
    return Rescaling(np.array([multiplier], np.int64), np.array([shift], np.int64)).apply(values[:, None])[:, 0]


def _high(a: Integers, b: Integers | int) -> Integers:
    """SaturatingRoundingDoublingHighMul without the saturation, which no table reaches."""
    product: Integers = (a * b + (1 << 30)) >> 31
    return product


def _divided(values: Integers, exponent: int) -> Integers:
    return divide_by_power_of_two(values, np.full_like(values, exponent))


def _exp(x: Integers, integer_bits: int) -> Integers:
    """exp_on_negative_values: x ≤ 0 with so many integer bits, the result Q0.31."""
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    in_quarter = (x & (quarter - 1)) - quarter
    y = (in_quarter << integer_bits) + (1 << 28)
    y2 = _high(y, y)
    y3, y4 = _high(y2, y), _high(y2, y2)
    tail = _divided(_high(_divided(y4, 2) + y3, _THIRD) + y2, 1)
    result = _EXP_OF_MINUS_EIGHTH + _high(y + tail, _EXP_OF_MINUS_EIGHTH)
    remainder = in_quarter - x
    for e, factor in zip(range(-2, integer_bits), _EXP_OF_MINUS_POWERS, strict=False):
        result = np.where(remainder >> (fraction_bits + e) & 1, _high(result, factor), result)
    return np.where(x == 0, INT32_MAX, result)


def _two_over_one_plus(x: Integers) -> Integers:
    """2 / (1 + x) in Q2.29 for x in [0, 1), Q0.31, by Newton's method."""
    half_denominator = (x + INT32_MAX + 1) // 2
    y = _48_OVER_17 + _high(half_denominator, _MINUS_32_OVER_17)
    for _ in range(3):
        y = y + (_high(y, (1 << 29) - _high(half_denominator, y)) << 2)
    return y


def _sigmoid_input(fields: Fields) -> tuple[Integers, Integers]:
    """Centred values, and as Q4.27; the latter holds below the radius only."""
    centred = VALUES - fields["input_zero_point"]
    radius = fields["input_range_radius"]
    inside = np.clip(centred, -radius, radius)
    return centred, np.clip(_rescaled(inside, fields["multiplier"], fields["left_shift"]), -INT32_MAX, INT32_MAX)


def _saturated(fields: Fields, centred: Integers, inside: Integers) -> Integers:
    radius = fields["input_range_radius"]
    return np.where(centred <= -radius, -128, np.where(centred >= radius, 127, inside))


def logistic(fields: Fields) -> Integers:
    """See src/ref/logistic.c."""
    centred, x = _sigmoid_input(fields)
    positive = np.minimum(2 * _two_over_one_plus(_exp(-np.abs(x), 4)), INT32_MAX)
    share = np.where(x == 0, 1 << 30, np.where(x > 0, positive, INT32_MAX - positive))
    return _saturated(fields, centred, np.minimum(_divided(share, 23), 255) - 128)


def tanh(fields: Fields) -> Integers:
    """See src/ref/tanh.c."""
    centred, x = _sigmoid_input(fields)
    quotient = 4 * (_two_over_one_plus(_exp(-np.abs(x), 5)) - (1 << 29))
    magnitude = np.where(x == 0, 0, np.clip(quotient, -INT32_MAX - 1, INT32_MAX))
    return _saturated(fields, centred, np.clip(_divided(np.sign(x) * magnitude, 24), -128, 127))


def requantise(fields: Fields) -> Integers:
    """See src/ref/requantise.c."""
    scaled = _rescaled(VALUES - fields["input_zero_point"], fields["multiplier"], fields["shift"])
    clamped: Integers = np.clip(scaled + fields["output_zero_point"], fields["lowest"], fields["highest"])
    return clamped


def leaky_relu(fields: Fields) -> Integers:
    """See src/ref/leaky_relu.c."""
    centred = VALUES - fields["input_zero_point"]
    above = _rescaled(centred, fields["identity_multiplier"], fields["identity_shift"])
    below = _rescaled(centred, fields["alpha_multiplier"], fields["alpha_shift"])
    clamped: Integers = np.clip(np.where(centred >= 0, above, below) + fields["output_zero_point"], -128, 127)
    return clamped


def _divided16(values: Integers, exponent: int) -> Integers:
    """RoundingDivideByPOT on int16; what gemmlowp gives above 15 places, too."""
    mask = (1 << exponent) - 1 if exponent < 16 else -1
    rest = (values & mask) > (mask >> 1) + (values < 0)
    divided: Integers = (values >> exponent) + rest
    return divided


def hard_swish(fields: Fields) -> Integers:
    """See src/ref/hard_swish.c."""

    def high16(x: Integers, y: int) -> Integers:
        high: Integers = np.clip((x * y + (1 << 14)) >> 15, -(2**15), 2**15 - 1)
        return high

    wide = (VALUES - fields["input_zero_point"]) * 128
    shift = fields["reluish_shift"]
    gate = np.clip(wide << max(shift - 1, 0), -(2**15), 2**15 - 1)
    gate = high16(gate, fields["reluish_multiplier"])
    gate = np.clip(gate << 1, -(2**15), 2**15 - 1) if shift > 0 else _divided16(gate, -shift)
    product = ((gate + (1 << 15)) >> 1) * high16(wide, fields["output_multiplier"])
    towards_zero = np.sign(product) * (np.abs(product) >> 15)
    result = _divided16(np.clip(towards_zero, -(2**15), 2**15 - 1), -fields["output_shift"])
    return np.clip(result + fields["output_zero_point"], -128, 127)


def exponentials(fields: Fields) -> npt.NDArray[np.int64]:
    """What src/c/softmax_table.c reads: exp of the differences 0 … -255 to a row's largest, Q0.31."""
    differences = -np.arange(256, dtype=np.int64)
    counts = differences >= fields["least_difference"]
    scaled = _rescaled(np.where(counts, differences, 0), fields["multiplier"], fields["left_shift"])
    return np.where(counts, _exp(scaled, 5), 0)


def _term(fields: Fields, side: str, values: Integers) -> Integers:
    shifted = (values - fields[f"{side}_zero_point"]) << fields["left_shift"]
    return _rescaled(shifted, fields[f"{side}_multiplier"], fields[f"{side}_multiplier_shift"])


def _output(fields: Fields, values: Integers) -> Integers:
    scaled = _rescaled(values, fields["output_multiplier"], fields["output_multiplier_shift"])
    return np.clip(scaled + fields["output_zero_point"], fields["lowest"], fields["highest"])


def add(fields: Fields, left: Integers, right: Integers) -> Integers:
    """See src/ref/add.c."""
    return _output(fields, _term(fields, "left", left) + _term(fields, "right", right))


def sub(fields: Fields, left: Integers, right: Integers) -> Integers:
    """See src/ref/add.c."""
    return _output(fields, _term(fields, "left", left) - _term(fields, "right", right))


def mul(fields: Fields, left: Integers, right: Integers) -> Integers:
    """See src/ref/mul.c."""
    return _output(fields, (left - fields["left_zero_point"]) * (right - fields["right_zero_point"]))


def minimum(fields: Fields, left: Integers, right: Integers) -> Integers:  # noqa: ARG001
    """See src/ref/minmax.c."""
    return np.minimum(left, right)


def maximum(fields: Fields, left: Integers, right: Integers) -> Integers:  # noqa: ARG001
    """See src/ref/minmax.c."""
    return np.maximum(left, right)


# operators of two inputs, where one of them is a number
BINARY_TABLES: Mapping[str, Callable[[Fields, Integers, Integers], Integers]] = {
    "add": add,
    "sub": sub,
    "mul": mul,
    "minimum": minimum,
    "maximum": maximum,
}
TABLES: Mapping[str, Callable[[Fields], npt.NDArray[np.int64]]] = {
    "logistic": logistic,
    "tanh": tanh,
    "requantise": requantise,
    "leaky_relu": leaky_relu,
    "hard_swish": hard_swish,
}
