"""Comparing: exact numbers exactly, times by their samples, and limits that are crossed only by what is worse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_documents import failed, good

from tinyflow.core.errors import UsageError
from tinyflow.report.changes import commits, summary, to_json, to_table
from tinyflow.report.compare import Change, Measured, allowed, compare
from tinyflow.report.significance import is_significant, p_value


def side(**metrics: float) -> dict[str, Measured]:
    """One bench with some metrics set."""
    report = dict(good("a", "b", "c").report)
    return {"a-b-c": Measured({**report, "metrics": {**report["metrics"], **metrics}})}


def timed(*samples: float) -> dict[str, Measured]:
    """One bench on the host with repeated times."""
    (bench,) = side(invoke_s=min(samples)).values()
    return {"a-b-c": Measured(bench.report, {"invoke_s": samples})}


def only(changes: list[Change], metric: str) -> Change:
    """The change of one metric."""
    (found,) = [change for change in changes if change.metric == metric]
    return found


@pytest.mark.parametrize(
    ("old", "new", "limit", "verdict", "is_regression"),
    [
        (1000, 1000, "0", "same", False),
        (1000, 1001, "0", "worse", True),
        (1000, 999, "0", "better", False),
        (1000, 1005, "0.5%", "worse", False),
        (1000, 1006, "0.5%", "worse", True),
        (1000, 2024, "1KiB", "worse", False),
        (1000, 2025, "1KiB", "worse", True),
        (1000, 1064, "64", "worse", False),
        (0, 1, "10%", "worse", True),
    ],
)
def test_a_limit_is_crossed_by_what_is_above_it(
    old: int, new: int, limit: str, verdict: str, is_regression: bool
) -> None:
    """Percent of the old value, or so much in the metric's unit; at the limit is within."""
    change = only(compare(side(ram_bytes=old), side(ram_bytes=new), {"ram_bytes": limit}), "ram_bytes")
    assert (change.verdict, change.is_regression) == (verdict, is_regression)


def test_of_accuracy_more_is_better() -> None:
    """What falls is worse, and a regression where it falls by more than its limit."""
    for old, new, verdict, is_regression in ((0.9, 0.95, "better", False), (0.9, 0.85, "worse", True)):
        change = only(compare(side(top1=old), side(top1=new), {"top1": "0.01"}), "top1")
        assert (change.verdict, change.is_regression) == (verdict, is_regression)
    assert not only(compare(side(auc=0.9), side(auc=0.85), {"auc": "10%"}), "auc").is_regression


def test_without_a_limit_nothing_is_a_regression() -> None:
    """Worse is told, and that is all."""
    changes = compare(side(rom_bytes=1), side(rom_bytes=1000), {})
    assert only(changes, "rom_bytes").verdict == "worse"
    assert not any(change.is_regression for change in changes)


def test_a_bench_that_fails_now_is_a_regression() -> None:
    """Whatever the limits, and whatever it did before: nothing was held against anything."""
    ran, fails = {"x": Measured(good("a", "b", "c").report)}, {"x": Measured(failed("a", "b", "c").report)}
    (broken,) = compare(ran, fails, {})
    assert (broken.verdict, broken.is_regression) == ("failed", True)
    (fixed,) = compare(fails, ran, {})
    assert (fixed.verdict, fixed.is_regression) == ("fixed", False)
    (still,) = compare(fails, fails, {})
    assert compare({}, fails, {})[0].is_regression
    assert (still.verdict, still.is_regression) == ("failed", True)
    assert summary([still]) == "1 bench: 1 failed"


def test_counts_and_table_add_up() -> None:
    """What differs and isn't in the table, a part of a sum, is said to be left out."""
    changes = compare(side(rom_bytes=1, rom_code=1), side(rom_bytes=2, rom_code=3), {})
    told = summary(changes, to_table(changes, is_all=False))
    assert told.startswith("1 bench: ") and " 2 worse" in told and told.endswith("; --all shows 1 more that differ")
    assert summary(changes, to_table(changes, is_all=True)) == summary(changes)


def test_what_nobody_measured_is_never_the_same() -> None:
    """A gap on the new side fails; on the old one there is nothing to compare with; on both it is no bench."""
    ran, gap = side(), {"a-b-c": Measured({"status": "not measured"}, is_missing=True)}
    found = [compare(old, new, {}) for old, new in ((ran, gap), (gap, ran))]
    assert [(change.verdict, change.is_regression) for (change,) in found] == [
        ("not measured", True),
        ("not measured", False),
    ]
    assert compare(gap, gap, {}) == []


def test_each_side_says_the_commits_of_its_results() -> None:
    """One, several with their counts, unknown ones; and what is checked out where that is another."""

    def told(*places: str | None, head: str | None = None) -> str:
        return commits({str(i): Measured({}, commit=place) for i, place in enumerate(places)}, head)

    a, b = "a" * 40, "b" * 40
    assert told(None) == ""
    assert told(a, a, head=a) == "aaaaaaaaaa"
    assert told(a + "+", head=a) == "aaaaaaaaaa+"
    assert told(a, a, b + "+", head=a) == "aaaaaaaaaa (2), bbbbbbbbbb+ (1); now aaaaaaaaaa is checked out"
    assert told(a, None) == "aaaaaaaaaa (1), no known commit (1)"


def test_a_bench_that_is_gone_counts_where_it_must_stay() -> None:
    """For a baseline; two suites may differ in what they hold."""
    assert compare(side(), {}, {})[0].is_regression is False
    assert compare(side(), {}, {}, must_stay=True)[0].is_regression is True
    assert compare({}, side(), {}, must_stay=True)[0].verdict == "new"


def test_other_weights_are_not_held_against_each_other() -> None:
    """Sizes depend on constants that merge, counts on zeros."""
    changes = compare(
        {"x": Measured(good("a", "b", "c").report)},
        {"x": Measured(good("a", "b", "c", weights="synthetic").report)},
        {},
    )
    assert [(change.metric, change.verdict) for change in changes] == [("weights", "changed")]


def test_times_differ_when_chance_would_not_part_them() -> None:
    """Overlapping samples and too few of them are `~`; clearly parted ones have a verdict, and can be over a limit."""
    slow, fast = timed(*(2.0 + i / 100 for i in range(8))), timed(*(1.0 + i / 100 for i in range(8)))
    mixed = timed(*(1.9 + i / 20 for i in range(8)))
    limits = {"invoke_s": "5%"}
    assert only(compare(slow, fast, limits), "invoke_s").verdict == "better"
    assert only(compare(fast, slow, limits), "invoke_s").is_regression
    assert only(compare(slow, mixed, limits), "invoke_s").verdict == "~"
    assert only(compare(timed(1.0, 1.1), timed(2.0, 2.1), limits), "invoke_s").verdict == "~"


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ((1000, 50), (1050, 0), "~"),
        ((1000, 50), (951, 0), "~"),
        ((1000, 0), (1050, 60), "~"),
        ((1000, 50), (1051, 50), "worse"),
        ((1000, 50), (949, 20), "better"),
        ((1000, 0), (1001, 0), "worse"),
    ],
)
def test_counted_cycles_differ_by_more_than_they_vary(old: tuple[int, int], new: tuple[int, int], verdict: str) -> None:
    """By the spread of the side that varies most, and so do the milliseconds of them."""

    def board(fewest: int, spread: int) -> dict[str, Measured]:
        return side(cycles=fewest, cycles_spread=spread, board_ms=fewest / 1e3, repetitions=5)

    changes = compare(board(*old), board(*new), {"cycles": "0"})
    assert [only(changes, name).verdict for name in ("cycles", "board_ms")] == [verdict] * 2
    assert only(changes, "cycles").is_regression == (verdict == "worse")
    assert not {"cycles_spread", "repetitions"} & {change.metric for change in changes}
    cells = next(row for row in to_table(changes, is_all=True) if row["metric"] == "cycles")
    assert cells["old"] == ("1,000 (+50)" if old[1] else "1,000")


def test_counted_cycles_without_a_spread_say_nothing() -> None:
    """As where a report is of a version that didn't tell it."""
    assert only(compare(side(cycles=1000), side(cycles=2000), {}), "cycles").verdict == "~"


@pytest.mark.parametrize(
    ("old_model", "new_model", "new", "verdict"),
    [
        ({"error_percent": 10}, {"error_percent": 10}, 109.0, "~"),
        ({"error_percent": 10}, {"error_percent": 10}, 112.0, "worse"),
        ({"error_percent": 10}, {"error_percent": 10}, 88.0, "better"),
        ({"error_percent": 10}, {"error_percent": 10}, 100.0, "same"),
        ({"error_percent": 10}, {"error_percent": 12}, 200.0, "changed"),
        ({}, {}, 200.0, "changed"),
    ],
)
def test_estimates_differ_by_more_than_their_models_error(
    old_model: dict[str, int], new_model: dict[str, int], new: float, verdict: str
) -> None:
    """And those of two models not at all; a limit is crossed only by what is worse for certain."""

    def estimated(latency_ms: float, model: dict[str, int]) -> dict[str, Measured]:
        (bench,) = side(latency_ms=latency_ms).values()
        return {"a-b-c": Measured({**bench.report, "cycle_model": model})}

    changes = compare(estimated(100.0, old_model), estimated(new, new_model), {"latency_ms": "0"})
    change = only(changes, "latency_ms")
    assert (change.verdict, change.is_regression) == (verdict, verdict == "worse")


def test_noise_of_the_simulator_is_never_compared() -> None:
    """How fast the simulator ran says nothing about the firmware."""
    metrics = {change.metric for change in compare(side(wall_s=1), side(wall_s=9), {})}
    assert {"wall_s", "simulated_mips"}.isdisjoint(metrics)


def test_a_limit_of_nothing_is_refused() -> None:
    """A mistyped metric would otherwise never fail."""
    with pytest.raises(UsageError, match="unknown metric"):
        compare(side(), side(), {"ram": "0"})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # Exact values: Mann and Whitney's own table, doubled.
        ([1, 2, 3, 4], [5, 6, 7, 8], 2 / 70),
        ([1, 2, 3, 5], [4, 6, 7, 8], 4 / 70),
        ([1, 2, 3], [4, 5, 6], 2 / 20),
        ([1, 4, 5, 8], [2, 3, 6, 7], 1.0),
    ],
)
def test_p_values_are_those_of_the_paper(old: list[float], new: list[float], expected: float) -> None:
    """Small sets without ties, two-sided."""
    assert p_value(old, new) == pytest.approx(expected)


def test_equal_times_and_large_sets_go_by_the_normal_distribution() -> None:
    """All equal: nothing differs. Hundreds of samples: quick, and close to the exact value."""
    assert p_value([1.0] * 8, [1.0] * 8) == 1.0
    assert not is_significant([1.0] * 8, [1.0] * 8)
    assert is_significant([i / 100 for i in range(100)], [0.5 + i / 100 for i in range(100)])


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=12), st.lists(st.floats(0.1, 10), min_size=1, max_size=12))
def test_a_p_value_is_a_probability_and_has_no_sides(old: list[float], new: list[float]) -> None:
    """Between 0 and 1, the same the other way round."""
    assert 0 <= p_value(old, new) <= 1
    assert p_value(old, new) == pytest.approx(p_value(new, old))


def test_what_is_told_agrees_with_what_was_found() -> None:
    """The table leaves out parts of sums and what is the same; JSON holds everything."""
    changes = compare(side(rom_bytes=100, rom_code=50), side(rom_bytes=110, rom_code=60), {"rom_bytes": "5%"})
    assert [row["metric"] for row in to_table(changes, is_all=False)] == ["rom_bytes"]
    assert to_table(changes, is_all=False)[0]["change"] == "x1.1 +10.00 %"
    assert len(to_table(changes, is_all=True)) == len(changes)
    assert summary(changes).endswith("1 over the limit")
    document: Any = json.loads(to_json("a", "b", changes))
    assert [c["metric"] for c in document["changes"] if c["is_regression"]] == ["rom_bytes"]


@pytest.mark.parametrize(("limit", "more"), [("0", 0), ("1.5%", 15), ("2 KiB", 2048), ("7", 7)])
def test_limits_have_units(limit: str, more: float) -> None:
    """Of an old value of 1000."""
    assert allowed(limit, 1000) == pytest.approx(more)
