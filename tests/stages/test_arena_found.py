"""The search for an arena's size, over interpreters that say what they used, say too little, or say nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tinyflow.core.action import Workspace
from tinyflow.core.errors import DoesNotFit, RunError
from tinyflow.recipes.schema import Backend
from tinyflow.stages import arena


def found(
    monkeypatch: pytest.MonkeyPatch, folder: Path, need: int, told: int | None, room: int = 1 << 40, wanted: int = 0
) -> tuple[dict[str, Any], list[int]]:
    """What the stage says of a program that runs from `need` bytes on and says `told`, and the sizes that it tried."""
    tried = []

    def run(_: arena.Search, size: int) -> arena.Found:
        tried.append(size)
        if size >= room:
            raise DoesNotFit("needs more than there is")
        if size < need:
            raise RunError("returned 1, not 0")
        return arena.Found(size, told, {"3": 16})

    monkeypatch.setattr(arena.Search, "run", run)
    parameters = {"arena": "arena_bytes", "options": {"arena_bytes": wanted}}
    outputs = {"arena.json": folder / "arena.json"}
    work = Workspace(folder, parameters, inputs={}, outputs=outputs, log_path=folder / "log", timeout_s=60)
    arena.arena(work)
    return json.loads(outputs["arena.json"].read_bytes()), tried


@pytest.mark.parametrize(
    ("need", "told", "bytes_found", "turns"),
    [
        (22770, 22770, 22784, 2),  # what it says, and no less
        (300_000, 299_999, 300_000, 4),  # after growing
        (22800, 22700, 22800, 7),  # it says too little
        (22770, None, 22784, 12),  # it says nothing: found by halving, up to a 256th
        (8, 8, 16, 2),
    ],
)
def test_the_least_that_runs_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, need: int, told: int | None, bytes_found: int, turns: int
) -> None:
    """In few turns, each of which takes seconds."""
    document, tried = found(monkeypatch, tmp_path, need, told)
    assert document["places"] == {"3": 16}
    exact = 0 if told is not None else need // 256
    assert bytes_found <= document["bytes"] <= bytes_found + exact
    assert len(tried) <= turns, tried


def test_a_size_that_is_given_is_taken_or_refused_with_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One turn where it does."""
    assert found(monkeypatch, tmp_path, 22770, 22770, wanted=30_000) == (
        {"bytes": 30_000, "places": {"3": 16}},
        [30_000],
    )
    with pytest.raises(RunError, match="an arena of 20000 bytes is too small: it needs 22784"):
        found(monkeypatch, tmp_path, 22770, 22770, wanted=20_000)


def test_what_never_runs_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the largest arena that was tried, be it that of the memory that there is."""
    with pytest.raises(RunError, match="returned 1, not 0; with an arena of 16777216 bytes"):
        found(monkeypatch, tmp_path, 1 << 30, None)
    with pytest.raises(RunError, match="returned 1, not 0; with an arena of 99984 bytes"):
        found(monkeypatch, tmp_path, 1 << 30, None, room=100_000)
    with pytest.raises(DoesNotFit, match="needs more than there is"):
        found(monkeypatch, tmp_path, 1 << 30, None, room=1)


def test_only_a_command_has_an_arena_and_its_size_is_a_number() -> None:
    """What else a recipe says is refused when it is read."""
    known: dict[str, Any] = {"command": ("python3", "{out}"), "arena": "arena_bytes"}
    assert Backend(name="x", description="x", options={"arena_bytes": 0}, **known).arena == "arena_bytes"
    wrong: list[dict[str, Any]] = [
        {},
        {"options": {"arena_bytes": "0"}},
        {"command": (), "implementation": "a.b", "options": {"a": 0}},
    ]
    for more in wrong:
        with pytest.raises(ValueError, match='"arena" names an option of a "command" with a number'):
            Backend(name="x", description="x", **{**known, **more})
