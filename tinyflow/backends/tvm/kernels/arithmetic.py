"""TFLite's fixed-point arithmetic as TIR expressions, each bit for bit what the reference kernels compute.

Sources: gemmlowp's fixedpoint.h and TFLite's kernels/internal/common.h. All operands are int32 unless said otherwise.
"""

from __future__ import annotations

from typing import Any

from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels.specs import Requantisation

Expr = Any  # tvm.tirx.PrimExpr; TVM ships no types


def doubling_high_mul(a: Expr, b: Expr) -> Expr:
    """SaturatingRoundingDoublingHighMul: (a*b + 2**30) >> 31.

    gemmlowp nudges negative products by 1 - 2**30 and divides towards zero, which is the same floor. The one case that
    saturates, both operands INT32_MIN, can't occur: one of them is a multiplier ≥ 0 or a value between -1 and 1.
    """
    product = T.Cast("int64", a) * T.Cast("int64", b)
    return T.Cast("int32", T.shift_right(product + T.int64(1 << 30), T.int64(31)))


def divide_by_power_of_two(x: Expr, exponent: Expr) -> Expr:
    """RoundingDivideByPOT: x / 2**exponent, rounded to nearest, halves away from zero; |x| + 2**(exponent-1) < 2**31.

    That is (x + half) >> exponent, with one less for x < 0; where exponent and so half are 0, nothing is subtracted.
    """
    half = T.shift_right(T.shift_left(T.int32(1), exponent), T.int32(1))
    return T.shift_right(x + half + T.max(T.shift_right(x, T.int32(31)), -half), exponent)


def multiply_by_quantised_multiplier(x: Expr, multiplier: Expr, shift: Expr, rounding: str) -> Expr:
    """MultiplyByQuantizedMultiplier: x * multiplier / 2**31 * 2**shift, rounded twice (`double`) or once (`single`)."""
    if rounding == "single":
        total = T.Cast("int64", T.int32(31) - shift)
        product = T.Cast("int64", x) * T.Cast("int64", multiplier)
        half = T.shift_left(T.int64(1), total - T.int64(1))
        return T.Cast("int32", T.shift_right(product + half, total))
    left = T.max(shift, T.int32(0))
    right = T.max(T.int32(0) - shift, T.int32(0))
    return divide_by_power_of_two(doubling_high_mul(T.shift_left(x, left), multiplier), right)


def clamp(x: Expr, lowest: int, highest: int) -> Expr:
    """Put x between two bounds, as int8."""
    return T.Cast("int8", T.max(T.min(x, T.int32(highest)), T.int32(lowest)))


def requantise(accumulator: Expr, multiplier: Expr, shift: Expr, to: Requantisation) -> Expr:
    """From an accumulator to an output: rescaled, moved to the zero point, clamped to the activation."""
    scaled = multiply_by_quantised_multiplier(accumulator, multiplier, shift, to.rounding)
    return clamp(scaled + T.int32(to.zero_point), to.lowest, to.highest)
