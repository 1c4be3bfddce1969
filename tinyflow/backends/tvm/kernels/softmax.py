"""SOFTMAX, int8 to int8 or int16, for every style: a few hundred instructions a class are nothing beside a network's.

out[c] = 256 * exp(d[c]) / Σ exp(d) - 128 with d[c] = scale * (in[c] - max in), in gemmlowp's fixed point; 65536 and
32768 of int16.
Sources: TFLite, kernels/internal/reference/softmax.h; gemmlowp's fixedpoint.h. A number Qm.n has m integer bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels.arithmetic import clamp, divide_by_power_of_two, doubling_high_mul
from tinyflow.backends.tvm.kernels.kernel import Kernel
from tinyflow.backends.tvm.kernels.specs import SoftmaxSpec
from tinyflow.model.arithmetic.exponential import (
    C48_OVER_17,
    EXP_OF_MINUS_EIGHTH,
    EXP_OF_MINUS_POWERS,
    MINUS_C32_OVER_17,
    THIRD,
)
from tinyflow.model.fixed_point import INT32_MAX

Expr = Any

_ONE_Q2 = 1 << 29
# d is Q5.26 (kScaledDiffIntegerBits), sums are Q12.19 (kAccumulationIntegerBits)
_FRACTION_BITS = 26
_QUARTER = 1 << (_FRACTION_BITS - 2)
_EIGHTH = 1 << 28  # Q0.31
_SUM_INTEGER_BITS = 12


def build(spec: SoftmaxSpec) -> Kernel:
    """SOFTMAX of each row. Scratch: one row of exponentials."""
    rows, columns, limits = spec.rows, spec.columns, np.iinfo(spec.made)
    lowered = -limits.min

    @T.prim_func(s_tir=True)
    def softmax(
        data: T.Buffer((rows, columns), "int8"),
        output: T.Buffer((rows, columns), spec.made),
        scratch: T.Buffer((columns,), "int32"),
    ):
        T.func_attr({"tirx.noalias": True})
        largest = T.alloc_buffer((1,), "int32")
        total = T.alloc_buffer((1,), "int32")
        headroom = T.alloc_buffer((1,), "int32")
        exp = T.alloc_buffer((1,), "int32")
        reciprocal = T.alloc_buffer((1,), "int32")
        for row in range(rows):
            largest[0] = T.Cast("int32", data[row, 0])
            for c in range(columns):
                largest[0] = T.max(largest[0], T.Cast("int32", data[row, c]))
            total[0] = 0
            for c in range(columns):
                difference: T.let = T.Cast("int32", data[row, c]) - largest[0]
                scratch[c] = 0
                if difference >= spec.least_difference:
                    _exponential(scratch, c, difference, exp, spec)
                    total[0] = total[0] + _divide_wide(scratch[c], _SUM_INTEGER_BITS)
            _reciprocal(reciprocal, headroom, total)
            for c in range(columns):
                share: T.let = _divide_wide(
                    doubling_high_mul(reciprocal[0], scratch[c]), _SUM_INTEGER_BITS - headroom[0] + 31 - limits.bits
                )
                output[row, c] = clamp(share - lowered, limits.min, limits.max, spec.made)

    return Kernel.of(softmax)


@T.inline
def _times_exp_of_power(value: Any, remainder: Any, power: Any):
    """Multiply by exp(-2**power) where that bit of the remainder is set: one stage of gemmlowp's barrel shifter."""
    if T.bitwise_and(remainder, T.int32(1 << (_FRACTION_BITS + power))) != 0:
        value[0] = doubling_high_mul(value[0], T.int32(EXP_OF_MINUS_POWERS[power + 2]))


@T.inline
def _exponential(target: Any, at: Any, difference: Any, exp: Any, spec: Any):
    """Write exp(scale * difference), Q0.31, to `target`: gemmlowp's exp_on_negative_values; `exp` is for its steps."""
    d: T.let = doubling_high_mul(T.shift_left(difference, T.int32(spec.scale.shift)), T.int32(spec.scale.multiplier))
    # -d = remainder + (1/4 - quarter), remainder a multiple of 1/4 and quarter in [-1/4, 0)
    quarter: T.let = T.bitwise_and(d, T.int32(_QUARTER - 1)) - T.int32(_QUARTER)
    remainder: T.let = quarter - d
    x: T.let = T.shift_left(quarter, T.int32(31 - _FRACTION_BITS)) + T.int32(_EIGHTH)
    x2: T.let = doubling_high_mul(x, x)
    x3: T.let = doubling_high_mul(x2, x)
    x4: T.let = divide_by_power_of_two(doubling_high_mul(x2, x2), T.int32(2))
    tail: T.let = divide_by_power_of_two(doubling_high_mul(x4 + x3, T.int32(THIRD)) + x2, T.int32(1))
    exp[0] = T.int32(EXP_OF_MINUS_EIGHTH) + doubling_high_mul(T.int32(EXP_OF_MINUS_EIGHTH), x + tail)
    _times_exp_of_power(exp, remainder, -2)
    _times_exp_of_power(exp, remainder, -1)
    _times_exp_of_power(exp, remainder, 0)
    _times_exp_of_power(exp, remainder, 1)
    _times_exp_of_power(exp, remainder, 2)
    _times_exp_of_power(exp, remainder, 3)
    _times_exp_of_power(exp, remainder, 4)
    target[at] = T.if_then_else(d == 0, T.int32(INT32_MAX), exp[0])


@T.inline
def _reciprocal(reciprocal: Any, headroom: Any, total: Any):
    """GetReciprocal: total * 2**headroom = 1 + a with a in [0, 1), and 1 / (1 + a), Q0.31, by Newton's method."""
    headroom[0] = 0
    while T.shift_left(T.Cast("uint32", total[0]), T.Cast("uint32", headroom[0])) < T.uint32(1 << 31):
        headroom[0] = headroom[0] + 1
    a: T.let = T.Cast(
        "int32", T.shift_left(T.Cast("uint32", total[0]), T.Cast("uint32", headroom[0])) - T.uint32(1 << 31)
    )
    half_denominator: T.let = T.Cast("int32", T.shift_right(T.Cast("int64", a) + T.int64(INT32_MAX + 1), T.int64(1)))
    reciprocal[0] = T.int32(C48_OVER_17) + doubling_high_mul(half_denominator, T.int32(MINUS_C32_OVER_17))
    for _ in range(3):
        rest: T.let = T.int32(_ONE_Q2) - doubling_high_mul(half_denominator, reciprocal[0])
        reciprocal[0] = reciprocal[0] + T.shift_left(doubling_high_mul(reciprocal[0], rest), T.int32(2))
    reciprocal[0] = T.Cast("int32", T.min(T.Cast("int64", reciprocal[0]) * T.int64(2), T.int64(INT32_MAX)))


def _divide_wide(x: Expr, exponent: Expr) -> Expr:
    """RoundingDivideByPOT of x ≥ 0 up to INT32_MAX, where adding the half would overflow 32 bits."""
    wide = T.Cast("int64", exponent)
    half = T.shift_left(T.int64(1), wide - T.int64(1))
    return T.Cast("int32", T.shift_right(T.Cast("int64", x) + half, wide))
