"""What calls what among the C files of a runtime goes in one direction."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

RUNTIMES = Path(__file__).parents[2] / "recipes" / "runtimes"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
# A function that other files see, at its body; or a table.
_DEFINED = re.compile(r"^(?!static|typedef|extern)\w[\w *]*?\b(\w+)(?:\([^;{}]*\) \{| = \{)", re.MULTILINE)
_TYPE = re.compile(r"\b(?:struct|enum|union) \w+")


def needs(runtime: Path) -> dict[str, set[str]]:
    """Module → the others whose header it includes or whose symbols it uses; a header and its source are one module."""
    files = {path: _COMMENT.sub("", path.read_text(encoding="utf-8")) for path in sorted(runtime.rglob("*.[chS]"))}
    module = {path: _module(runtime, path) for path in files}
    owner = {
        symbol: module[path] for path, text in files.items() if path.suffix == ".c" for symbol in _DEFINED.findall(text)
    }
    found: dict[str, set[str]] = {name: set() for name in module.values()}
    for path, text in files.items():
        used = {_included(runtime, module[path], name) for name in _INCLUDE.findall(text)} & found.keys()
        if path.suffix == ".c":
            used |= {owner[word] for word in set(re.findall(r"\w+", _TYPE.sub("", text))) & owner.keys()}
        found[module[path]] |= used - {module[path]}
    return found


def _module(runtime: Path, path: Path) -> str:
    """`src/dsp/rows.c` and `include/tinynn/dsp/rows.h` are `dsp/rows`."""
    parts = path.relative_to(runtime).with_suffix("").parts[1:]
    return "/".join(parts[1:] if len(parts) > 1 and parts[0] == runtime.name else parts)


def _included(runtime: Path, module: str, name: str) -> str:
    """The module of `tinynn/dsp/rows.h`, or of what lies beside the file that includes it."""
    stem = name.rpartition(".")[0]
    inside = stem.removeprefix(f"{runtime.name}/")
    return inside if inside != stem else (Path(module).parent / stem).as_posix()


def circle(runtime: Path) -> list[str]:
    """Modules that need each other, in a ring; none where all goes in one direction."""
    try:
        TopologicalSorter(needs(runtime)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("runtime", ["support", "tinyi", "tinynn", "tvmrt"])
def test_no_file_needs_one_that_needs_it(runtime: str) -> None:
    """Files that call each other are understood, and changed, only together."""
    assert circle(RUNTIMES / runtime) == []
    assert any(needs(RUNTIMES / runtime).values())


def test_a_circle_is_found(tmp_path: Path) -> None:
    """By a call from a file whose header the other one includes, and by calls alone."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "plan.h").write_text("void make_plan(void);\nvoid place_chain(void);\n")
    (tmp_path / "src" / "plan.c").write_text('#include "plan.h"\nvoid make_plan(void) {\n  place_chain();\n}\n')
    (tmp_path / "src" / "chain.c").write_text("void place_chain(void) {\n}\n")
    assert circle(tmp_path) == []
    (tmp_path / "src" / "chain.c").write_text('#include "plan.h"\nvoid place_chain(void) {\n}\n')
    assert {"plan", "chain"} == set(circle(tmp_path))
    (tmp_path / "src" / "chain.c").write_text("void place_chain(void) {\n  make_plan();\n}\n")
    assert {"plan", "chain"} == set(circle(tmp_path))
    (tmp_path / "src" / "chain.c").write_text("void place_chain(void) { /* for make_plan */\n}\n")
    assert circle(tmp_path) == []
