"""History: only ever added to, never mixed between definitions, readable after a killed session."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from sample_documents import failed, good

from tinyflow.report import history
from tinyflow.report.metrics import BY_NAME, Metric


def record(path: Path, size: int = 1000, commit: str | None = "c1", **more: Any) -> bool:
    """Add one result."""
    report = good("a", "b", "c", size=size, **more).report
    return history.add(path, report, commit=commit, is_dirty=False, date="2025-01-31T12:00:00Z")


def test_a_result_is_recorded_once_for_a_commit(tmp_path: Path) -> None:
    """The same again adds nothing; another number or another commit does."""
    path = tmp_path / "history" / "a-b-c.jsonl"
    assert [record(path), record(path), record(path, 900), record(path, 900, "c2")] == [True, False, True, True]
    assert [(r.commit, r.metrics["rom_bytes"]) for r in history.read(path)] == [
        ("c1", 61_000),
        ("c1", 54_900),
        ("c2", 54_900),
    ]
    assert history.series(history.read(path), "rom_bytes") == [61_000, 54_900]


def test_noise_makes_no_record(tmp_path: Path) -> None:
    """How long the run took differs every time."""
    path = tmp_path / "a.jsonl"
    record(path)
    assert "wall_s" not in history.read(path)[0].metrics


def test_earlier_lines_are_never_touched(tmp_path: Path) -> None:
    """What is in the file stays as its beginning, byte for byte."""
    path = tmp_path / "a.jsonl"
    before = b""
    for size in (1, 2, 3):
        record(path, size)
        assert path.read_bytes().startswith(before)
        before = path.read_bytes()
        assert len(before.splitlines()) == size and b"\n\n" not in before and before.endswith(b"}\n")


def test_the_newest_record_is_found_by_the_end_of_its_file(tmp_path: Path) -> None:
    """However long it is, no more than its end is read; an empty file has none."""
    path = tmp_path / "a.jsonl"
    path.touch()
    assert history.last(path) is None and history.last(tmp_path / "none") is None
    record(path, 1)
    path.write_bytes(path.read_bytes() * 200)
    record(path, 2)
    found = history.last(path)
    assert found is not None and found.metrics["macs"] == 1200
    assert path.stat().st_size > len(history._tail(path)) == 1 << 14


def test_a_torn_line_costs_itself_only(tmp_path: Path) -> None:
    """A session that was killed while it wrote."""
    path = tmp_path / "a.jsonl"
    record(path, 1)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    record(path, 2)
    assert [r.metrics["macs"] for r in history.read(path)] == [600, 1200]


def test_numbers_of_another_definition_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed definition begins a new line in the drawing, and is never compared."""
    path = tmp_path / "a.jsonl"
    record(path, 1)
    changed = Metric("rom_bytes", "bytes", "counted in another way", "ROM", version=2)
    monkeypatch.setitem(BY_NAME, "rom_bytes", changed)
    record(path, 2)
    records = history.read(path)
    assert history.series(records, "rom_bytes") == [122]
    assert history.series(records, "ram_bytes") == [17, 34]
    assert "rom_bytes" not in records[0].as_report("a")["metrics"]


def test_failures_are_recorded_and_never_drawn(tmp_path: Path) -> None:
    """With their status and reason; the course of a number passes over them."""
    path = tmp_path / "a.jsonl"
    record(path, 1)
    assert history.add(path, failed("a", "b", "c").report, commit="c2", is_dirty=False, date="d")
    record(path, 2, "c3")
    assert [(r.commit, r.status, bool(r.reason)) for r in history.read(path)] == [
        ("c1", "ok", False),
        ("c2", failed("a", "b", "c").report["status"], True),
        ("c3", "ok", False),
    ]
    assert history.series(history.read(path), "macs") == [600, 1200]


@pytest.mark.parametrize(
    "line",
    [
        *(b"[]", b"{}", b"5", b"\xff", b"[" * 100_000),
        b'{"date": "d", "commit": 5, "is_dirty": false, "weights": null, "metrics": {}, "versions": {}}',
        b'{"date": "d", "commit": "c", "is_dirty": "no", "weights": null, "metrics": {}, "versions": {}}',
        b'{"date": "d", "commit": "c", "is_dirty": false, "weights": null, "metrics": [], "versions": {}}',
        b'{"date": "d", "commit": "c", "is_dirty": false, "weights": null, "metrics": {"macs": "1"}, "versions": {}}',
        b'{"date": "d", "commit": "c", "is_dirty": false, "weights": null, "metrics": {"macs": NaN}, "versions": {}}',
    ],
)
def test_a_line_that_is_no_record_costs_itself_only(tmp_path: Path, line: bytes) -> None:
    """Whatever is there: types are looked at before anything is drawn or compared."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(line + b"\n")
    record(path)
    assert [r.commit for r in history.read(path)] == ["c1"]
    assert history.last(path) == history.read(path)[0]


def test_a_commit_has_what_was_measured_at_it_alone(tmp_path: Path) -> None:
    """The last one, with no file changed; neither an ancestor's nor that of an edited file."""
    path = tmp_path / "a.jsonl"
    record(path, 1)
    record(path, 2)
    history.add(path, good("a", "b", "c", size=3).report, commit="c1", is_dirty=True, date="d")
    found = history.at_commit(history.read(path), "c1")
    assert found is not None and found.metrics["macs"] == 1200
    assert history.at_commit(history.read(path), "c2") is None
    assert found.is_of(good("a", "b", "c", size=2).report)
    assert not found.is_of(good("a", "b", "c", size=3).report)


def test_sparklines_show_the_course() -> None:
    """Low to high; a single value has none to draw."""
    assert history.text_sparkline([0, 7, 3.5]) == "▁█▅"
    assert history.text_sparkline([5, 5]) == "▁▁"
    assert history.sparkline("rom_bytes", [5]) == ""
    assert history.sparkline("rom_bytes", [5, 9, 7]).count("<circle") == 2


def test_a_pipe_in_the_place_of_a_history_is_not_waited_for(tmp_path: Path) -> None:
    """It holds nothing, and takes nothing."""
    path = tmp_path / "pipe.jsonl"
    os.mkfifo(path)
    assert (history.read(path), history.last(path)) == ([], None)
    with pytest.raises(OSError, match="No such device"):
        history.add(path, good("a", "b", "c").report, commit="c", is_dirty=False, date="d")
