"""Expressions over the columns of a row: `ram_bytes < 100KiB and target == stm32f7`, `invoke_instructions / macs`.

A small part of Python's grammar, walked by us and never given to `eval`: names of columns, numbers (with units of size,
rate and time), texts, + - * / // % **, comparisons, `in`, and/or/not, and the functions of FUNCTIONS. What was not
measured is None: arithmetic with it gives None, a comparison with it is false.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tinyflow.core import units
from tinyflow.core.errors import UsageError
from tinyflow.recipes.suggest import hint_for

Value = Any  # float, int, str, bool or None


def _round(value: float, digits: int | None = None) -> float:
    if digits is not None and not -_LARGEST_DIGITS <= digits <= _LARGEST_DIGITS:
        raise ValueError(f"rounding to {digits} digits")  # Python would make 10**digits
    return round(value, digits)


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "round": _round,
    "log2": math.log2,
    "sqrt": math.sqrt,
}

_ARITHMETIC: dict[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Value, Value], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}
_LARGEST_DIGITS = 300  # of float64
_LARGEST_POWER = 64  # `9**9**9` would take all memory
_LARGEST_BITS = 4096  # of an integer: so would powers of powers
_LONGEST = 1000
_DEEPEST = 50
# A number with its unit, a quoted text (left alone), or a lone `=`, as a person would type it in a shell.
_TOKEN = re.compile(
    r"""(?P<text>'[^']*'|"[^"]*")|(?P<number>\b\d+(?:\.\d+)?)(?P<unit>[A-Za-z]+)\b|(?P<equal>(?<![<>=!])=(?!=))"""
)
_UNITS = (units.parse_size, units.parse_rate, units.parse_instructions)
# columns that are no base units: what is told in these is meant in theirs
_SCALES = {"_ms": (units.parse_time, 1e3), "_uj": (units.parse_energy, 1e6), "": (units.parse_time, 1.0)}


@dataclass(frozen=True)
class Expression:
    """A parsed expression. `columns` are all that it may name."""

    text: str
    tree: ast.expr

    def value(self, row: Mapping[str, Value]) -> Value:
        """The value for one row. Raises UsageError for what can't be computed: a text minus a number, a zero below."""
        try:
            return _evaluate(self.tree, row)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise UsageError(f"{self.text}: {error}", hint=f"the row: {row.get('bench', '')}") from error


def parse(text: str, columns: Collection[str], texts: Collection[str] = ()) -> Expression:
    """An expression over these columns. Beside a column of `texts`, an unknown name is a text: `target == stm32f7`.

    Raises UsageError for what is not an expression, or names no column.
    """
    if len(text) > _LONGEST:
        raise UsageError(f"an expression of {len(text)} characters", hint=f"{_LONGEST} at most")
    try:
        tree = ast.parse(_TOKEN.sub(_plain, text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(
            f'"{text}" is not an expression', hint="for example ram_bytes < 100KiB and target == stm32f7"
        ) from error
    return Expression(text, _check(tree, text, frozenset(columns), frozenset(texts), _DEEPEST))


def _plain(token: re.Match[str]) -> str:
    """A token in Python's words. A time beside a column of milliseconds is in those, else in seconds."""
    if token["equal"]:
        return "=="
    if token["text"]:
        return token[0]
    for read in _UNITS:
        try:
            return repr(read(token[0]))
        except ValueError:
            continue
    for suffix, (read_scaled, factor) in _SCALES.items():
        if re.search(rf"\w{suffix}\b", token.string):
            try:
                return repr(read_scaled(token[0]) * factor)
            except ValueError:
                continue
    raise UsageError(
        f'"{token[0]}": unknown unit "{token["unit"]}"', hint="units: B, KiB, MiB, KB, MB, kHz, MHz, us, ms, s, uJ, mJ"
    )


def _check(node: ast.expr, text: str, columns: frozenset[str], texts: frozenset[str], room: int) -> ast.expr:
    """The tree with bare texts as texts; UsageError for any part that isn't ours."""
    if room == 0:
        raise UsageError(f'"{text}" is nested too deeply')

    def check(part: ast.expr) -> ast.expr:
        return _check(part, text, columns, texts, room - 1)

    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str, bool, type(None))):
        return node
    if isinstance(node, ast.Name):
        if node.id not in columns:
            raise UsageError(f'{text}: unknown column "{node.id}"', hint=hint_for(node.id, sorted(columns), "columns"))
        return node
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        return ast.BinOp(check(node.left), node.op, check(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd, ast.Not)):
        return ast.UnaryOp(node.op, check(node.operand))
    if isinstance(node, ast.BoolOp):
        return ast.BoolOp(node.op, [check(part) for part in node.values])
    if isinstance(node, ast.Compare) and all(type(op) in _COMPARISONS for op in node.ops):
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Name) and side.id in texts for side in sides):
            sides = [_as_text(side, columns) for side in sides]
        left, *others = map(check, sides)
        return ast.Compare(left, node.ops, others)
    if isinstance(node, (ast.Tuple, ast.List)):
        return ast.Tuple([check(part) for part in node.elts], ast.Load())
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id not in FUNCTIONS:
            raise UsageError(f'{text}: unknown function "{node.func.id}"', hint=f"functions: {', '.join(FUNCTIONS)}")
        return ast.Call(node.func, [check(part) for part in node.args], [])
    raise UsageError(
        f"{text}: {type(node).__name__.lower()} can't be used here", hint="columns, numbers and + - * / < == and or not"
    )


def _as_text(node: ast.expr, columns: frozenset[str]) -> ast.expr:
    """Unknown names as texts, also those of a list."""
    if isinstance(node, ast.Name) and node.id not in columns:
        return ast.Constant(node.id)
    if isinstance(node, (ast.Tuple, ast.List)):
        return ast.Tuple([_as_text(part, columns) for part in node.elts], ast.Load())
    return node


def _evaluate(node: ast.expr, row: Mapping[str, Value]) -> Value:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return row.get(node.id)
    if isinstance(node, ast.Tuple):
        return tuple(_evaluate(part, row) for part in node.elts)
    if isinstance(node, ast.BoolOp):
        wanted = isinstance(node.op, ast.Or)
        return wanted if any(bool(_evaluate(part, row)) is wanted for part in node.values) else not wanted
    if isinstance(node, ast.Compare):
        return _compare(node, row)
    if isinstance(node, ast.UnaryOp):
        operand = _evaluate(node.operand, row)
        if isinstance(node.op, ast.Not):
            return not operand
        return None if operand is None else -operand if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.BinOp):
        return _calculate(node, _evaluate(node.left, row), _evaluate(node.right, row))
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    arguments = [_evaluate(part, row) for part in node.args]
    return None if None in arguments else FUNCTIONS[node.func.id](*arguments)


def _calculate(node: ast.BinOp, left: Value, right: Value) -> Value:
    if left is None or right is None:
        return None
    if not isinstance(left, (int, float)) or not isinstance(right, (int, float)):  # `(1, 2) * 300000000`
        raise TypeError("texts and lists can be compared, not calculated with")
    if isinstance(node.op, ast.Pow) and abs(right) > _LARGEST_POWER:
        raise ValueError(f"a power above {_LARGEST_POWER}")
    result = _ARITHMETIC[type(node.op)](left, right)
    if isinstance(result, complex):
        raise ValueError(f"{left:g} to the power of {right:g} is not a real number")
    if isinstance(result, int) and result.bit_length() > _LARGEST_BITS:
        raise ValueError(f"an integer of more than {_LARGEST_BITS} bits")
    return result


def _compare(node: ast.Compare, row: Mapping[str, Value]) -> bool:
    left = _evaluate(node.left, row)
    for op, part in zip(node.ops, node.comparators, strict=True):
        right = _evaluate(part, row)
        if (left is None or right is None) and not (isinstance(part, ast.Constant) and part.value is None):
            return False
        if not _COMPARISONS[type(op)](left, right):
            return False
        left = right
    return True
