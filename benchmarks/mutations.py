"""Mistakes in Python code, of a fixed list of kinds, drawn by a seed: what `mutants` tries the tests against.

Only real code is changed: no documentation, no types, no texts of messages, nothing that only a type checker reads. Nor
what changes nothing that a test could tell: how long something is waited for, how large a buffer is, what is only
asserted, an argument that is the default, None for another value that is false (which mypy finds).
"""

from __future__ import annotations

import ast
import copy
import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

KINDS = ("comparison", "condition", "element", "operand", "constant", "call", "return")

_FLIPPED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OTHER_OPERATOR: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Mult: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_WORDS_FOR_PEOPLE = {"help", "hint", "where", "what", "doc_purpose", "doc_description", "doc_usage", "encoding"}
_PACES = re.compile(
    "_?[A-Z_]*(_S|_CHUNK_BYTES|_PIECE_BYTES|_BACKOFF)"
)  # constants: how long is waited, how much at once
_FALSE = ("None", "False", "0", "''", "b''", "()", "[]", "{}")
_SECONDS = re.compile(r"[\w.]*_(s|S)")  # no clock shows exactly that


@dataclass(frozen=True)
class Mutant:
    """One file with one fault."""

    kind: str
    path: str  # below tinyflow/
    line: int
    function: str  # innermost, or "" outside of all
    change: str
    text: str

    @property
    def name(self) -> str:
        """The same for the same fault in the same file."""
        return hashlib.sha256(f"{self.path}\0{self.text}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Place:
    """A node that can be mutated in some ways."""

    path: str
    node: ast.AST
    function: str
    variants: tuple[ast.AST, ...]  # to be there instead


def places(path: str, tree: ast.AST) -> Iterator[tuple[str, Place]]:
    """Every (kind, place) of a module, but for types, messages, documentation and what only type checkers need."""

    def visit(node: ast.AST, function: str) -> Iterator[tuple[str, Place]]:
        for kind, variants in _variants(node):
            if variants:
                yield kind, Place(path, node, function, tuple(variants))
        inside = node.name if isinstance(node, ast.FunctionDef) else function
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "ctx") or isinstance(node, ast.match_case):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_silent(child):
                    yield from visit(child, inside)

    yield from visit(tree, "")


def _is_silent(node: ast.AST) -> bool:
    """Whether this and all in it is a message, a type, or for a type checker."""
    if isinstance(node, ast.keyword):
        return node.arg in _WORDS_FOR_PEOPLE or ast.unparse(node) == "strict=True"
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        name = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
        is_type = isinstance(node.value, ast.Subscript) and name.lstrip("_")[:1].isupper()
        if is_type or _PACES.fullmatch(name):
            return True
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("cast", "TypeVar", "gc.set_threshold"):
        return True
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr, ast.ImportFrom, ast.Import))


def _variants(node: ast.AST) -> Iterator[tuple[str, list[ast.AST]]]:
    """What may stand for a node, by kind."""
    if isinstance(node, ast.Compare):
        # Of an order the last is its reverse, the others are beside it.
        first = -1 if any(map(_SECONDS.fullmatch, map(ast.unparse, (node.left, *node.comparators)))) else 0
        flips = [(at, other) for at, op in enumerate(node.ops) for other in _FLIPPED[type(op)][first:]]
        yield "comparison", [_with(node, "ops", _put(node.ops, at, other())) for at, other in flips]
    elif isinstance(node, ast.BoolOp):
        yield "condition", [_with(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "condition", [node.operand]
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set)) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        least = 2 if isinstance(node, ast.Set) else 1
        yield (
            "element",
            [_with(node, "elts", _drop(node.elts, at)) for at in range(len(node.elts)) if len(node.elts) >= least],
        )
    elif isinstance(node, ast.Dict):
        kept = [
            at
            for at, key in enumerate(node.keys)
            if not (isinstance(key, ast.Constant) and key.value in _WORDS_FOR_PEOPLE)
        ]
        yield "element", [ast.Dict(_drop(node.keys, at), _drop(node.values, at)) for at in kept]
    elif isinstance(node, ast.Call):
        named = [
            at
            for at, word in enumerate(node.keywords)
            if not _is_silent(word) and ast.unparse(word) != "check=False"  # the default, written for a linter
        ]
        yield "element", [_with(node, "keywords", _drop(node.keywords, at)) for at in named]
        many = range(len(node.args) - 1)
        yield (
            "operand",
            [
                _with(node, "args", [*node.args[:at], node.args[at + 1], node.args[at], *node.args[at + 2 :]])
                for at in many
            ],
        )
    elif isinstance(node, ast.BinOp):
        other = _OTHER_OPERATOR.get(type(node.op))
        yield "operand", [_with(node, "op", other()) if other else ast.BinOp(node.right, node.op, node.left)]
    elif isinstance(node, ast.Constant):
        yield "constant", [ast.Constant(value) for value in _other_values(node.value)]
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "call", [ast.Pass()]
        yield "return", [ast.Return()]
    elif isinstance(node, ast.stmt):
        is_worth = not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Pass, ast.Global, ast.Nonlocal))
        is_none = isinstance(node, ast.Return) and (node.value is None or ast.unparse(node.value) in _FALSE)
        yield "return", [ast.Return()] if is_worth and not is_none else []


def _other_values(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1] if value > 1 else [value + 1]
    if isinstance(value, float):
        return [value * 2 + 1]
    return [value + "x", ""] if isinstance(value, str) and value and " " not in value else []


def _with(node: ast.AST, field: str, value: object) -> ast.AST:
    changed = copy.copy(node)
    setattr(changed, field, value)
    return changed


def _drop(items: list, at: int) -> list:  # type: ignore[type-arg]
    return [*items[:at], *items[at + 1 :]]


def _put(items: list, at: int, item: object) -> list:  # type: ignore[type-arg]
    return [*items[:at], item, *items[at + 1 :]]


def mutated(place: Place, kind: str, chosen: ast.AST, source: str) -> Mutant | None:
    """The mutant; None where nothing comes of it: a return outside of a function, a change that changes nothing."""
    node, lines = place.node, source.encode().splitlines(keepends=True)
    before = b"".join(lines[: node.lineno - 1]) + lines[node.lineno - 1][: node.col_offset]
    after = lines[node.end_lineno - 1][node.end_col_offset :] + b"".join(lines[node.end_lineno :])
    old, new = ast.unparse(node), ast.unparse(chosen)
    if kind == "return":
        body = lines[node.lineno - 1][node.col_offset :] + b"".join(lines[node.lineno :])
        text = (
            before + b"return; " if not hasattr(node, "body") else before + b"return\n" + b" " * node.col_offset
        ) + body
        old, new = old.splitlines()[0], f"return; {old.splitlines()[0]}"
    else:
        text = before + (new if kind == "call" else f"({new})").encode() + after
    try:
        if ast.dump(ast.parse(text.decode())) == ast.dump(ast.parse(source)):
            return None
        compile(text.decode(), place.path, "exec")
    except (SyntaxError, ValueError):
        return None
    return Mutant(kind, place.path, node.lineno, place.function, f"{old} → {new}", text.decode())


def draw(seed: int, number: int, sources: Mapping[str, str]) -> list[Mutant]:
    """So many different mutants of modules (path → text): first a kind, then a place, then what is there."""
    by_kind: dict[str, list[Place]] = defaultdict(list)
    for path, source in sources.items():
        for kind, place in places(path, ast.parse(source)):
            by_kind[kind].append(place)
    chance, found = random.Random(seed), dict[str, Mutant]()
    for _ in range(20 * number):
        if len(found) == number:
            break
        kind = chance.choice([kind for kind in KINDS if by_kind[kind]])
        place = chance.choice(by_kind[kind])
        if mutant := mutated(place, kind, chance.choice(place.variants), sources[place.path]):
            found.setdefault(mutant.name, mutant)
    return list(found.values())
