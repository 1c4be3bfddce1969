"""Exponentials and what is made of them, in gemmlowp's fixed point (fixedpoint.h).

A number Qm.n has m integer and n fraction bits. Constants are those of the functions named.
"""

from __future__ import annotations

import numpy as np

from tinyflow.model.fixed_point import (
    INT32_MAX,
    SOFTMAX_INTEGER_BITS,
    Integers,
    divide_by_power_of_two,
    doubling_high_mul,
    rescale,
)

# exp(-2**e) for e = -2 … 4, Q0.31 (exp_on_negative_values)
EXP_OF_MINUS_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
# exp(-1/8) and 1/3, Q0.31 (exp_on_interval_between_negative_one_quarter_and_0_excl)
EXP_OF_MINUS_EIGHTH, THIRD = 1895147668, 715827883
# 48/17 and -32/17, Q2.29 (one_over_one_plus_x_for_x_in_0_1)
C48_OVER_17, MINUS_C32_OVER_17 = 1515870810, -1010580540


def exp(x: Integers, integer_bits: int) -> Integers:
    """exp_on_negative_values: x ≤ 0 with so many integer bits, the result Q0.31."""
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    in_quarter = (x & (quarter - 1)) - quarter
    y = (in_quarter << integer_bits) + (1 << 28)
    y2 = doubling_high_mul(y, y)
    y3, y4 = doubling_high_mul(y2, y), doubling_high_mul(y2, y2)
    cubic = doubling_high_mul(divide_by_power_of_two(y4, 2) + y3, THIRD)
    tail = divide_by_power_of_two(cubic + y2, 1)
    result = EXP_OF_MINUS_EIGHTH + doubling_high_mul(y + tail, EXP_OF_MINUS_EIGHTH)
    remainder = in_quarter - x
    for e, factor in zip(range(-2, integer_bits), EXP_OF_MINUS_POWERS, strict=False):
        result = np.where(remainder >> (fraction_bits + e) & 1, doubling_high_mul(result, factor), result)
    return np.where(x == 0, INT32_MAX, result)


def two_over_one_plus(x: Integers) -> Integers:
    """2 / (1 + x), Q2.29, for x in [0, 1), Q0.31, by Newton's method."""
    half_denominator = (x + INT32_MAX + 1) // 2
    y = C48_OVER_17 + doubling_high_mul(half_denominator, MINUS_C32_OVER_17)
    for _ in range(3):
        y = y + (doubling_high_mul(y, (1 << 29) - doubling_high_mul(half_denominator, y)) << 2)
    return y


def softmax(rows: Integers, multiplier: int, left_shift: int, least_difference: int, bits: int = 8) -> Integers:
    """SOFTMAX of each row, int8 to integers of so many bits: TFLite's reference/softmax.h.

    Differences are Q5.26, sums Q12.19.
    """
    exponentials = exponentials_of(rows - rows.max(axis=-1, keepdims=True), multiplier, left_shift, least_difference)
    total = divide_by_power_of_two(exponentials, 12).sum(axis=-1, keepdims=True)
    headroom = 32 - np.array([int(value).bit_length() for value in total.flat]).reshape(total.shape)
    reciprocal = np.minimum(2 * two_over_one_plus((total << headroom) - 2**31), INT32_MAX)
    shares = divide_by_power_of_two(doubling_high_mul(exponentials, reciprocal), 12 - headroom + 31 - bits)
    # what doesn't count has the share 0
    least = -(1 << (bits - 1))
    clamped: Integers = np.clip(shares + least, least, -least - 1)
    return clamped


def exponentials_of(differences: Integers, multiplier: int, left_shift: int, least_difference: int) -> Integers:
    """Exp of the differences to a row's largest, Q0.31; 0 for those that don't count."""
    counts = differences >= least_difference
    scaled = rescale(np.where(counts, differences, 0), multiplier, left_shift)
    return np.where(counts, exp(scaled, SOFTMAX_INTEGER_BITS), 0)
