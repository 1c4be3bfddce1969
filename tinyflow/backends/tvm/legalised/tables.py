"""Rules of int16 functions by tables between whose entries TFLite interpolates: SOFTMAX, LOGISTIC, TANH.

Formulas: SoftmaxInt16 of TFLite's reference/softmax.h, LUTLookup of kernels/internal/common.h, Logistic and Tanh of
reference/integer_ops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyflow.backends.tvm.legalised.scope import Expr, Scope
from tinyflow.model.arithmetic import tables, unary
from tinyflow.model.fixed_point import softmax_int16_scaling
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.forms import quantisations

_LEAST, _LARGEST = -(2**15), 2**15 - 1
_UNIT = 1 << 15


def _looked_up(table: Expr, value: Expr) -> Expr:
    """An entry of 513 for each 128 values from -32768 on; interpolated."""
    from tvm.script import tirx as T

    index = T.shift_right(value, T.int32(7)) + T.int32(256)
    entry, following = (T.Cast("int32", table(place)) for place in (index, index + T.int32(1)))
    share = (following - entry) * T.bitwise_and(value, T.int32(127)) + T.int32(64)
    return entry + T.shift_right(share, T.int32(7))


def _saturated(value: Expr) -> Expr:
    from tvm.script import tirx as T

    return T.max(T.min(value, T.int32(_LARGEST)), T.int32(_LEAST))


def softmax(scope: Scope) -> Expr:
    """Exponentials in Q0.15, times the reciprocal of their sum in Q16.15."""
    from tvm.script import tirx as T

    from tinyflow.backends.tvm.kernels.arithmetic import multiply_by_quantised_multiplier as rescale

    factor = softmax_scaling(scope.graph, scope.operator)
    shape, last = scope.output.shape, len(scope.output.shape) - 1
    values = scope.op.astype(scope.given(0), "int32")
    largest = scope.op.max(values, [last], keepdims=True)

    def exponential(value: Expr, most: Expr, table: Expr) -> Any:
        def element(*i: Expr) -> Expr:
            difference = value(*i) - most(*i[:last], 0)
            scaled = rescale(difference, T.int32(factor[0]), T.int32(factor[1]), "double")
            return _looked_up(table, _saturated(scaled + T.int32(_LARGEST)))

        return element

    exponentials = scope.compute(
        shape, exponential, values, largest, scope.constant(tables.exponentials().astype(np.int16)), name=KEPT
    )
    sums = scope.op.sum(exponentials, [last], keepdims=True)

    def share(value: Expr, total: Expr, table: Expr) -> Any:
        def element(*i: Expr) -> Expr:
            whole = total(*i[:last], 0)
            # one less than leading zeros, for the sum is at least that of the largest element: 2**15 - 1
            bits = [T.Cast("int32", whole < T.int32(1 << bit)) for bit in range(14, 31)]
            places = bits[0]
            for bit in bits[1:]:
                places = places + bit
            moved = T.shift_left(T.Cast("int64", whole), T.Cast("int64", places))
            x = T.Cast("int32", T.shift_right(moved + T.int64(1 << 13), T.int64(14))) - T.int32(3 * _UNIT)
            shift = T.int32(30) - places
            product = value(*i) * _looked_up(table, _saturated(x))
            made = T.shift_right(product + T.shift_left(T.int32(1), shift - T.int32(1)), shift)
            return T.Cast("int16", T.max(T.min(made, T.int32(_LARGEST)), T.int32(0)))

        return element

    return scope.compute(shape, share, exponentials, sums, scope.constant(tables.reciprocals().astype(np.int16)))


def sigmoid(scope: Scope) -> Expr:
    """LOGISTIC and TANH by the table of the sigmoid."""
    from tvm.script import tirx as T

    from tinyflow.backends.tvm.kernels.arithmetic import tabled_sigmoid

    constants, is_tanh = sigmoid_constants(scope.graph, scope.operator), scope.operator.name == "TANH"
    right = constants["right_shift"]

    def element(value: Expr, table: Expr) -> Expr:
        half = (1 << right) >> 1
        x = T.shift_right(value * T.int32(constants["multiplier"]) + T.int32(half), T.int32(right))
        return tabled_sigmoid(x, table, is_tanh=is_tanh)

    values = scope.op.astype(scope.given(0), "int32")
    table = scope.constant(tables.sigmoids().astype(np.uint16).view(np.int16))
    return scope.compute(scope.output.shape, lambda v, t: lambda *i: element(v(*i), t), values, table)


# stages of this name stay in memory: several others read them
KEPT = "T_softmax_exp"


def softmax_scaling(graph: Graph, operator: Operator) -> tuple[int, int]:
    """Multiplier and shift of differences. ValueError where TFLM has none."""
    scale = quantisations(graph, operator, "int16")[0].scale
    return softmax_int16_scaling(scale, operator.options["beta"])


def sigmoid_constants(graph: Graph, operator: Operator) -> dict[str, int]:
    """As the arithmetic has them. ValueError for scales that TFLM has no table for."""
    return unary.constants_of(graph, operator, "int16")
