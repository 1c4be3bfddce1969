"""Mutants for the tests' own test: of every kind, reproducible, and never of what only people or type checkers read."""

from __future__ import annotations

import ast

from mutations import KINDS, Mutant, draw, mutated, places

SOURCE = '''\
"""A module's docstring, 1 < 2."""
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from there import here

Names = tuple[str, int]
_Pairs = dict[str, tuple[str, int]]
_LIMIT = 7
_LIMIT_S = 8.0


def call(first: int = 3, *, second: "Names" = ("a", 4)) -> int | None:
    """A function's docstring."""
    if first < _LIMIT and not second:
        raise ValueError(f"{first} is not {second}", hint="a text for people")
    items = [first, 2 * first, cast(int, 5)]
    items.append(first)
    print(sorted(items, key=len), sep="-", hint="another text")
    if late_s < _LIMIT_S:
        return False
    start(zip(items, items, strict=True), check=False)
    return max(first, 9) if first in items else None
'''


def every() -> list[Mutant]:
    """All that can be drawn of it."""
    found = [(kind, place) for kind, place in places("m.py", ast.parse(SOURCE))]
    made = [mutated(place, kind, variant, SOURCE) for kind, place in found for variant in place.variants]
    return [mutant for mutant in made if mutant is not None]


def test_mutants_are_drawn_by_a_seed() -> None:
    """The same again; another seed draws others; each differs from the source, compiles and is alone."""
    found = draw(1, 20, {"m.py": SOURCE})
    assert [mutant.text for mutant in found] == [mutant.text for mutant in draw(1, 20, {"m.py": SOURCE})]
    assert [mutant.text for mutant in found] != [mutant.text for mutant in draw(2, 20, {"m.py": SOURCE})]
    assert len({mutant.name for mutant in found}) == len(found) == 20
    assert {mutant.kind for mutant in every()} == set(KINDS)
    for mutant in found:
        compile(mutant.text, "m.py", "exec")
        assert ast.dump(ast.parse(mutant.text)) != ast.dump(ast.parse(SOURCE))


def test_only_code_is_changed() -> None:
    """Documentation, types, messages and imports stay, whatever is drawn."""
    kept = [
        '"""A module\'s docstring, 1 < 2."""',
        "from there import here",
        "Names = tuple[str, int]",
        "_Pairs = dict[str, tuple[str, int]]",
        "_LIMIT_S = 8.0",
        "first: int",
        'second: "Names"',
        "-> int | None",
        '"""A function\'s docstring."""',
        'raise ValueError(f"{first} is not {second}", hint="a text for people")',
    ]
    for mutant in every():
        missing = [text for text in kept if text not in mutant.text]
        assert missing == [] or (mutant.kind == "return" and mutant.line <= 24), (mutant.change, missing)


def test_the_kinds_do_what_they_are_called() -> None:
    """One of each, by what it changed."""
    changes = {mutant.change for mutant in every()}
    for expected in (
        *(
            "first < _LIMIT → first <= _LIMIT",
            "first < _LIMIT → first >= _LIMIT",
            "first in items → first not in items",
        ),
        *("not second → second", "7 → 8", "7 → 6", "2 * first → 2 // first", "max(first, 9) → max(9, first)"),
        "[first, 2 * first, cast(int, 5)] → [first, cast(int, 5)]",
        "sorted(items, key=len) → sorted(items)",
        "items.append(first) → pass",
        "items.append(first) → return; items.append(first)",
    ):
        assert expected in changes
    assert {change for change in changes if change.startswith("late_s")} == {"late_s < _LIMIT_S → late_s >= _LIMIT_S"}
    equal = ("return False → return; return False", "zip(items, items, strict=True), check=False) → start(zip(items, i")
    assert [change for change in changes for text in equal if text in change] == []
