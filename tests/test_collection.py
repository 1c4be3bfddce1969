"""The tests themselves: any of them can be asked for alone, and with any others, from the root."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

HERE = Path(__file__).parent
FILES = sorted(path for path in HERE.rglob("*.py") if "examples" not in path.parts)


def imported(path: Path) -> Iterator[str]:
    """The first names of all modules that a file imports when it is collected."""
    yield from re.findall(r"^(?:import|from) (\w+)", path.read_text(), re.MULTILINE)


def test_no_two_modules_have_one_name() -> None:
    """Python keeps the first of a name; pytest refuses the second. Only conftest is pytest's own business."""
    stems = [path.stem for path in FILES if path.stem != "conftest"]
    assert sorted({stem for stem in stems if stems.count(stem) > 1}) == []


def test_what_a_test_imports_is_found_from_its_own_folder() -> None:
    """Not only where another folder is collected before; and never from conftest, of which there are several."""
    folders = {path.stem: path.parent for path in FILES}
    for path in FILES:
        for name in imported(path):
            assert name != "conftest", path
            assert folders.get(name, HERE) in (path.parent, HERE), f"{path} imports {name}"


def test_examples_are_the_same_whatever_was_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run of one test, and of all in any order: what failed once fails again."""
    if settings.get_current_profile_name() == "many":
        pytest.skip("by night they are others each time")
    seen: list[int] = []

    @settings(max_examples=40)
    @given(st.lists(st.integers(0, 1 << 40), min_size=10, max_size=10))
    def draw(numbers: list[int]) -> None:
        seen.extend(numbers)

    draw()
    alone, seen = seen, []
    another = ModuleType("another_module_of_tests")
    another.__file__ = str(tmp_path / "another.py")
    Path(another.__file__).write_text(f"numbers = {[*range(1 << 30, (1 << 30) + 500)]}\n")
    monkeypatch.setitem(sys.modules, another.__name__, another)
    draw()
    assert seen == alone
