"""RAM against instructions: which choices no other is better than, by estimate and measured."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tinyflow.report.pareto import Choice, best, documents, frame

_POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=9)


@given(_POINTS)
def test_every_point_that_is_not_best_has_a_better_one(points: list[tuple[int, int]]) -> None:
    """And no two that are best are in each other's way; none is there twice."""
    kept = [point for point, is_best in zip(points, best(points), strict=True) if is_best]
    assert len(kept) == len(set(kept))
    for point in points:
        better = [one for one in kept if one[0] <= point[0] and one[1] <= point[1]]
        assert better and (point not in kept or better == [point])


def _row(bench: str, ram_bytes: int, instructions: int, status: str = "ok") -> dict[str, object]:
    metrics = {"ram_bytes": ram_bytes, "invoke_instructions": instructions, "latency_ms": instructions / 100}
    return {"bench": bench, "status": status, "metrics": metrics, "validation": {"result": "exact"}}


def test_what_was_measured_decides_what_is_best() -> None:
    """Largest first; what failed, or wasn't run, has its estimate alone."""
    choices = [Choice("rows", 10, 130), Choice("plain", 40, 100), Choice("worse", 20, 110), Choice("never", 41, 101)]
    rows = [_row("plain", 44, 1000), _row("rows", 14, 1200), _row("worse", 15, 1200), _row("never", 1, 1, "failed")]
    found = frame(choices, rows)
    assert [line["bench"] for line in found] == ["never", "plain", "worse", "rows"]
    assert [line.get("best") for line in found] == [None, "yes", "no", "yes"]
    written = documents(found)
    assert json.loads(written["json"])[1] == {
        **{"bench": "plain", "arena_bytes_estimate": 40, "instructions_estimate": 100, "ram_bytes": 44},
        **{"invoke_instructions": 1000, "latency_ms": 10.0, "output": "exact", "best": "yes"},
    }
    assert written["csv"].decode().splitlines()[1] == "never,41,101,,,,,"
    assert written["txt"].decode().splitlines()[1].split() == ["never", "41", "101", *["-"] * 5]
