"""A user's own placement: what a plan says can be given back, changed; what would be wrong is told with its line."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests_support import exact_reports, write_models

from tinyflow.backends.programs import memory, own_placement
from tinyflow.backends.programs.memory import Memory
from tinyflow.backends.programs.steps import Program
from tinyflow.backends.tinyc.program import lower
from tinyflow.core.errors import ModelError
from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import synthesize

Entries = list[dict[str, Any]]


@functools.cache
def _program() -> Program:
    return lower(read(synthesize({"graph": "aww"})), "ref")


@functools.cache
def _planned() -> Memory:
    return memory.plan(_program(), 4)


def _entries() -> Entries:
    places = [*_planned().tensors.values(), *_planned().scratch.values()]
    return [{"name": place.name, "offset": place.offset, "bytes": place.size_bytes} for place in places]


def _placed(entries: Entries, **manner: bool) -> Memory:
    return own_placement.placed(_program(), "mine.json", json.dumps(entries, indent=1), 4, **manner)


def test_what_a_plan_says_can_be_given_back() -> None:
    """As a list, as the arena or as all of plan.json, in any order, and moved as a whole."""
    plan = {"layers": [{"name": "x"}], "arena": {"tensors": _entries()}}
    assert own_placement.placed(_program(), "a", json.dumps(plan, indent=1), 4) == _planned()
    assert _placed(_entries()) == _planned()
    assert own_placement.placed(_program(), "a", json.dumps({"bytes": 1, "tensors": _entries()[::-1]}), 4) == _planned()
    moved = _placed([{**entry, "offset": entry["offset"] + 64} for entry in _entries()])
    assert moved.total_bytes == _planned().total_bytes + 64
    apart = _apart(_entries())
    assert _placed(apart, has_chase=False, keeps_input=True).total_bytes == sum(-(-e["bytes"] // 4) * 4 for e in apart)


def _apart(entries: Entries) -> Entries:
    end = 0
    for entry in entries:
        entry["offset"], end = end, end + -(-entry["bytes"] // 4) * 4
    return entries


def _over(entries: Entries) -> None:
    """The second layer's output, a word into its input; apart from that, all lie apart."""
    _apart(entries)
    entries[2]["offset"] = entries[1]["offset"] + 400


WRONG: dict[str, tuple[Callable[[Entries], Any], str]] = {
    "unknown": (
        lambda entries: entries[1].update(name="nobody"),
        r"^mine.json:8: nobody is .*; mine.json: no place for conv",
    ),
    "missing": (lambda entries: entries.pop(), r"^mine.json: no place for scratch \d+$"),
    "twice": (lambda entries: entries.append(entries[0]), r"has a place already"),
    "unaligned": (lambda entries: entries[0].update(offset=6), r"^mine.json:3: .* begins at 6, which is no multiple"),
    "negative": (lambda entries: entries[2].update(offset=-4), r"mine.json:13: entry 2 lacks"),
    "nameless": (lambda entries: entries[2].pop("name"), r"entry 2 lacks a name"),
    "over": (_over, r"^mine.json:13: .*, bytes 892 to .* of line 8 in layer 1 DEPTHWISE_CONV_2D; .* at 44 or"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_told(kind: str) -> None:
    """Where, what, and what else is wrong."""
    entries = _entries()
    change, told = WRONG[kind]
    change(entries)
    with pytest.raises(ModelError) as refused:
        _placed(entries)
    error = refused.value
    assert re.search(told, f"{error.where}: {error.what}"), str(error)
    assert "arena.tensors" in error.hint


def test_outputs_may_chase_or_take_a_place_as_kernels_allow_it() -> None:
    """What the planner does with chase is refused without it."""
    with pytest.raises(ModelError, match="lies over"):
        _placed(_entries(), has_chase=False)
    with pytest.raises(ModelError, match="lies over"):
        _placed(_entries(), keeps_input=True)


@pytest.mark.parametrize(("text", "where"), [("[\n{", "mine.json:2"), ("{}", "mine.json:1"), ("3", "mine.json:1")])
def test_other_files_are_refused(text: str, where: str) -> None:
    """With the line where reading ends."""
    with pytest.raises(ModelError) as refused:
        own_placement.placed(_program(), "mine.json", text, 4)
    assert refused.value.where == where


@pytest.mark.slow
def test_a_bench_takes_a_feature_s_file(tmp_path: Path) -> None:
    """Beside its recipe; the arena is the file's, the outputs are exact."""
    write_models(tmp_path, {"words": synthesize({"graph": "aww"})})
    (plain,) = exact_reports(tmp_path, ["words-tinyc-stm32f7"]).values()
    plan = json.loads((tmp_path / "build" / "words-tinyc-stm32f7" / "plan.json").read_text())
    tensors = [{**tensor, "offset": tensor["offset"] + 128} for tensor in plan["arena"]["tensors"]]
    folder = tmp_path / "recipes" / "features"
    folder.mkdir(parents=True)
    (folder / "mine.json").write_text(json.dumps(tensors))
    (folder / "mine.yaml").write_text("description: mine\nsets: {options: {memplan: mine.json}}\n")
    (moved,) = exact_reports(tmp_path, ["words-tinyc-stm32f7+mine"]).values()
    assert moved["metrics"]["arena_bytes"] == plain["metrics"]["arena_bytes"] + 128
