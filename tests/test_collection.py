"""The tests themselves: any of them can be asked for alone, and with any others, from the root."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
FILES = sorted(path for path in HERE.rglob("*.py") if "examples" not in path.parts)


def imported(path: Path) -> Iterator[str]:
    """The first names of all modules that a file imports when it is collected."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module.partition(".")[0]


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
