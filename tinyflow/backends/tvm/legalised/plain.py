"""Rules of operators on numbers that have no scale, or whose scale doesn't matter: exact."""

from __future__ import annotations

from collections.abc import Mapping

from tinyflow.backends.tvm.legalised import real
from tinyflow.backends.tvm.legalised.integer import COMPARISONS
from tinyflow.backends.tvm.legalised.scope import Expr, Rule, Scope


def _paired(name: str) -> Rule:
    return lambda scope: getattr(scope.op, name)(scope.given(0), scope.given(1))


def _cast(scope: Scope) -> Expr:
    return scope.op.astype(scope.given(0), scope.output.dtype)


PLAIN: Mapping[str, Rule] = {
    **{name: _paired(name.lower()) for name in (*COMPARISONS, "LOGICAL_AND", "LOGICAL_OR")},
    "ARG_MAX": real.argument("max"),
    "ARG_MIN": real.argument("min"),
    "CAST": _cast,
    "LOGICAL_NOT": lambda scope: scope.op.logical_not(scope.given(0)),
    "REDUCE_ALL": lambda scope: scope.reshaped(_truth(scope, "min")),
    "REDUCE_ANY": lambda scope: scope.reshaped(_truth(scope, "max")),
}
# of these, those that are on truth values alone
LOGIC = ("LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "REDUCE_ALL", "REDUCE_ANY")
# of REAL, those that are as they are on integers
ARITHMETIC = (
    *("ABS", "ADD", "ADD_N", "FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM", "MUL", "NEG"),
    *("REDUCE_MAX", "REDUCE_MIN", "SUB", "SUM"),
)


def _truth(scope: Scope, name: str) -> Expr:
    """Of truth values the least or the largest."""
    values = scope.op.astype(scope.given(0), "int8")
    return scope.op.astype(getattr(scope.op, name)(values, real.axes(scope)), "bool")
