"""Which benches keep limits: verdicts, margins, order, and what a feature that changes nothing adds."""

from __future__ import annotations

from typing import Any

import pytest

from tinyflow.report.fit import fits, to_text


def row(backend: str, status: str = "ok", error: int = 10, features: Any = (), **metrics: float) -> dict[str, Any]:
    """Of a bench on one chip."""
    return {
        **{"bench": f"net-{backend}-chip", "backend": backend, "target": "chip", "features": dict.fromkeys(features)},
        **{"status": status, "metrics": metrics, "cycle_model": {"error_percent": error}},
    }


@pytest.mark.parametrize(
    ("metrics", "limits", "verdict"),
    [
        ({"latency_ms": 90.0}, {"latency_ms": 100.0}, "fits"),
        ({"latency_ms": 91.0}, {"latency_ms": 100.0}, "perhaps"),
        ({"latency_ms": 111.0}, {"latency_ms": 100.0}, "perhaps"),
        ({"latency_ms": 112.0}, {"latency_ms": 100.0}, "no"),
        ({"ram_bytes": 100}, {"ram_bytes": 100}, "fits"),
        ({"ram_bytes": 101}, {"ram_bytes": 100}, "no"),
        ({}, {"ram_bytes": 100}, "unknown"),
        ({"ram_bytes": 101}, {"ram_bytes": 100, "latency_ms": 1.0}, "no"),
        ({"ram_bytes": 99}, {"ram_bytes": 100, "latency_ms": 1.0}, "unknown"),
        ({"ram_bytes": 99, "latency_ms": 0.95}, {"ram_bytes": 100, "latency_ms": 1.0}, "perhaps"),
    ],
)
def test_the_worst_of_all_limits_counts(metrics: dict[str, float], limits: dict[str, float], verdict: str) -> None:
    """Exact numbers exactly, estimates with their model's error; what isn't known is not kept."""
    (found,) = fits([row("a", **metrics)], limits)
    assert found.verdict == verdict
    if "ram_bytes" in metrics:
        assert found.margins["ram_bytes"] == pytest.approx(100 - metrics["ram_bytes"])


def test_what_fits_is_first_and_the_quickest_of_it() -> None:
    """Then what may, what isn't known, and what doesn't, a bench that failed among it."""
    rows = [
        row("failed", status="does_not_fit", rom_bytes=5),
        row("over", latency_ms=200.0, ram_bytes=1),
        row("unknown", ram_bytes=1),
        row("near", latency_ms=95.0, ram_bytes=1),
        row("slow", latency_ms=80.0, ram_bytes=1),
        row("quick", latency_ms=20.0, ram_bytes=1),
    ]
    found = fits(rows, {"latency_ms": 100.0})
    names = [fit.row["backend"] for fit in found]
    assert names == ["quick", "slow", "near", "unknown", "over", "failed"]
    lines = to_text(found, {"latency_ms": 100.0}).splitlines()
    assert lines[0].split() == ["bench", "verdict", "latency", "of", "100", "ms", "RAM", "ROM"]
    assert lines[1].split() == ["net-quick-chip", "fits", "20", "ms", "+80", "%", "1", "B", "-"]
    assert lines[5].split()[1:6] == ["no", "200", "ms", "-100", "%"] and "does_not_fit" in lines[6]


def test_a_feature_that_changes_nothing_is_not_listed() -> None:
    """Where it changes a number it is."""
    rows = [row("a", features=["dsp"], ram_bytes=5, wall_s=1.0), row("a", ram_bytes=5, wall_s=2.0)]
    assert [dict(fit.row["features"]) for fit in fits(rows, {"ram_bytes": 9})] == [{}]
    rows[0]["metrics"]["ram_bytes"] = 4
    assert len(fits(rows, {"ram_bytes": 9})) == 2


def test_a_narrow_terminal_gets_a_record_for_each_bench() -> None:
    """All that a table tells, in lines that are no longer than it is wide; a wide one has the table."""
    limits = {"latency_ms": 100.0, "ram_bytes": 65536.0}
    found = fits([row("one", latency_ms=30.0, ram_bytes=1024, rom_bytes=2048), row("two", latency_ms=800.0)], limits)
    table, narrow = to_text(found, limits), to_text(found, limits, 40)
    assert to_text(found, limits, 100) == table and max(map(len, table.splitlines())) > 40
    assert max(map(len, narrow.splitlines())) <= 40
    assert narrow.splitlines()[0] == "net-one-chip"
    assert {word for line in table.splitlines()[1:] for word in line.split()} - {"-"} <= set(narrow.split())
