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


def tabled_sigmoid(x: Expr, table: Expr, *, is_tanh: bool) -> Expr:
    """Logistic and Tanh of TFLite's reference/integer_ops, by a table of 16 bits between whose entries they go.

    Of the sigmoid, x counts 1 / (3 * 4096), results are Q0.15; a hyperbolic tangent is twice the sigmoid of 2 * x, less
    1. `table` gives an entry, whose sign doesn't count.
    """
    places = 8 if is_tanh else 9  # an entry stands for 2**places
    beyond = 0xFFFF << 8 if is_tanh else 0x7FFF << 10
    # what is halfway, what is taken off of the sigmoid, and the bits that are left
    whole, middle, kept = (0, 1 << 23, 8) if is_tanh else (1 << 25, 0, 10)
    magnitude = T.max(x, T.int32(0) - x)
    entry = T.min(T.shift_right(magnitude, T.int32(places)), T.int32(_LAST_ENTRY))
    low, high = (T.bitwise_and(T.Cast("int32", table[at]), T.int32(0xFFFF)) for at in (entry, entry + T.int32(1)))
    rest = T.bitwise_and(magnitude, T.int32((1 << places) - 1))
    within = low * T.int32(1 << places) + rest * (high - low)
    share = T.Select(T.shift_right(magnitude, T.int32(places)) > T.int32(_LAST_ENTRY), T.int32(beyond), within)
    rounding = 1 << (kept - 1)
    above = share - T.int32(middle) + T.int32(rounding)
    below = T.int32(whole + middle + rounding - 1) - share
    return T.Cast("int16", T.shift_right(T.Select(x >= 0, above, below), T.int32(kept)))


# of a table of 256 sigmoids, the last entry that has one behind it
_LAST_ENTRY = 254


def clamp(x: Expr, lowest: int, highest: int, dtype: str = "int8") -> Expr:
    """Put x between two bounds, as a type that has both."""
    return T.Cast(dtype, T.max(T.min(x, T.int32(highest)), T.int32(lowest)))


def requantise(accumulator: Expr, multiplier: Expr, shift: Expr, to: Requantisation, dtype: str = "int8") -> Expr:
    """From an accumulator to an output: rescaled, moved to the zero point, clamped to the activation."""
    scaled = multiply_by_quantised_multiplier(accumulator, multiplier, shift, to.rounding)
    return clamp(scaled + T.int32(to.zero_point), to.lowest, to.highest, dtype)
