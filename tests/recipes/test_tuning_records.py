"""Tuning records as files: found by what decides their counts, merged to the best, and refused where they are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tinyflow.core.errors import RecipeError
from tinyflow.recipes import tuning

RECORD: dict[str, Any] = {
    **{"schema": 1, "kernel": {"a": 1}, "style": "plus", "cpu": "m4", "toolchain": "zig", "optimise": "O2"},
    **{
        "objective": "instructions",
        "choice": {"kernel": "x"},
        "instructions": {"before": 10, "after": 8},
        "search": {"trials": 3},
    },
}


def test_records_come_back_in_their_order(tmp_path: Path) -> None:
    """By processor, toolchain, level and style, then by kernel; a line each; the folder is made."""
    many = [
        {**RECORD, **change}
        for change in (
            {"cpu": "m7"},
            {"style": "a"},
            {"optimise": "O1"},
            {"toolchain": "gcc"},
            {"kernel": {"a": 0}},
            {},
        )
    ]
    path = tmp_path / "deep" / "x.jsonl"
    tuning.write(path, many)
    assert path.read_text() == tuning.spell(many) == tuning.spell(reversed(many))
    found = tuning.read(path)
    keys = [(r["cpu"], r["toolchain"], r["optimise"], r["style"], r["kernel"]["a"]) for r in found]
    assert keys == sorted(keys) and len(keys) == 6
    assert tuning.file_name("m4", "zig") == "tuning/zig-m4.jsonl"


@pytest.mark.parametrize("name", ["kernel", "style", "cpu", "toolchain", "optimise", "objective"])
def test_a_record_is_found_by_what_decides_its_counts(name: str) -> None:
    """Each of it; not by what was found, nor how."""
    other = {**RECORD, name: {"a": 2} if name == "kernel" else "other"}
    assert tuning.key_of(other) != tuning.key_of(RECORD)
    assert tuning.key_of({**RECORD, "choice": None, "search": {}, "schema": 2}) == tuning.key_of(RECORD)


def test_of_two_records_the_quicker_is_kept() -> None:
    """Of equals the first; other kernels stay."""

    def found(after: int, at: int, kernel: int = 1) -> dict[str, Any]:
        return {**RECORD, "kernel": {"a": kernel}, "instructions": {"before": 10, "after": after}, "at": at}

    groups = [found(8, 0), found(9, 1, 2)], [found(8, 2), found(7, 3)], [found(9, 4, 2), found(9, 5)]
    assert [(record["kernel"]["a"], record["at"]) for record in tuning.merge(*groups)] == [(1, 3), (2, 1)]
    assert tuning.merge() == []
    small = {**RECORD, "objective": "ram", "instructions": {"before": 10, "after": 12}}
    by_ram = [{**small, "scratch_bytes": {"before": 8, "after": after}} for after in (8, 0)]
    assert tuning.merge([RECORD], by_ram) == [RECORD, by_ram[1]]


def test_a_record_of_before_there_were_objectives_is_of_instructions(tmp_path: Path) -> None:
    """Those that users have stay good."""
    old = {name: value for name, value in RECORD.items() if name != "objective"}
    (tmp_path / "x.jsonl").write_text(json.dumps(old))
    assert tuning.read(tmp_path / "x.jsonl") == [RECORD]


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"instructions": {"before": 10, "after": 0}},
        {"instructions": {"before": 10, "after": 11}},
        {"instructions": {"before": "10", "after": 1}},
        {"objective": "ram"},
        {"objective": "speed"},
        {"choice": {}},
        {"choice": {"kernel": 5}},
        {"choice": "x"},
        *({name: value} for name in ("style", "cpu", "toolchain", "optimise") for value in (5, "a/b")),
    ],
)
def test_what_is_no_record_is_refused_at_its_line(tmp_path: Path, change: dict[str, Any]) -> None:
    """As is a record that lacks something; one whose best is the default is fine."""
    path = tmp_path / "x.jsonl"
    lines = [json.dumps(RECORD), json.dumps({**RECORD, "choice": None, "instructions": {"before": 1, "after": 1}})]
    path.write_text("\n".join(lines))
    assert len(tuning.read(path)) == 2
    path.write_text("\n".join([*lines, json.dumps({**RECORD, **change})]))
    with pytest.raises(RecipeError, match=r"x\.jsonl:3: this is not a tuning record"):
        tuning.read(path)
    for name in RECORD.keys() - {"search", "objective"}:
        path.write_text(json.dumps({key: value for key, value in RECORD.items() if key != name}))
        with pytest.raises(RecipeError, match=r"x\.jsonl:1: this is not a tuning record"):
            tuning.read(path)


def test_a_file_that_can_t_be_read_is_told(tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(RecipeError, match="can't be read: No such file"):
        tuning.read(tmp_path / "gone")
    (tmp_path / "x").write_bytes(b"\xff\xff")
    with pytest.raises(RecipeError, match="can't be read: is not text"):
        tuning.read(tmp_path / "x")
