"""`doit profile:` from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests_support import doit

pytestmark = pytest.mark.slow


def test_a_trace_is_cached_by_its_cache(tmp_path: Path) -> None:
    """Weights are read once, and missed once for each line; the same again runs nothing, another cache does."""
    bench = "toycar-tinyc-stm32f4"
    done = doit(tmp_path, f"trace:{bench}", "--cache", "16KiB,4,32")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "build" / "trace" / f"{bench}.json").read_bytes())
    flash = found["total"]["flash"]
    assert flash["distinct_bytes"] <= flash["load_bytes"] <= 1.01 * flash["distinct_bytes"]
    assert flash["data_misses"] == pytest.approx(flash["distinct_bytes"] / 32, rel=0.01)
    assert all(layer["instructions"] > 0 for layer in found["layers"]) and "weights_0" in done.stdout
    again = doit(tmp_path, f"trace:{bench}", "--cache", "16KiB,4,32")
    assert "built" not in again.stdout and "weights_0" in again.stdout
    assert "built   trace" in doit(tmp_path, f"trace:{bench}", "--cache", "8KiB,4,32").stdout


@pytest.mark.parametrize("bench", ["toycar-tinyc-stm32f4", "toycar-tvmaotplus-stm32f7+dsp"])
def test_layers_add_up_to_what_the_bench_measured(tmp_path: Path, bench: str) -> None:
    """Table and JSON; the sum is `invoke_instructions`; again runs nothing."""
    done = doit(tmp_path, f"profile:{bench}", f"bench:{bench}")
    assert done.returncode == 0, done.stdout + done.stderr
    profile = json.loads((tmp_path / "build" / "profile" / f"{bench}.json").read_bytes())
    report = json.loads((tmp_path / "build" / bench / "report.json").read_bytes())
    counts = json.loads((tmp_path / "build" / bench / "run.json").read_bytes())["invoke_instructions"]
    assert profile["total"]["instructions"] == counts[0] <= report["metrics"]["invoke_instructions"]
    parts = [*profile["layers"], profile["other"]]
    assert "cycles are estimated" in done.stdout
    for column in ("instructions", "loads", "stores"):
        assert sum(part[column] for part in parts) == profile["total"][column] > 0
    estimate = profile["total"]["cycles_estimate"]
    assert sum(part["cycles_estimate"] for part in parts) == pytest.approx(estimate, abs=len(parts))
    assert report["metrics"]["cycles_estimate"] == estimate and report["cycle_model"]["error_percent"]
    assert report["metrics"]["latency_ms"] == pytest.approx(1e3 * estimate / profile["cycle_model"]["clock_hz"])
    assert sum(layer["macs"] for layer in profile["layers"]) == profile["total"]["macs"] == report["metrics"]["macs"]
    assert "FULLY_CONNECTED" in done.stdout and f"{counts[0]:,}" in done.stdout
    again = doit(tmp_path, f"profile:{bench}")
    assert "built" not in again.stdout and "FULLY_CONNECTED" in again.stdout


def test_what_is_not_simulated_is_refused(tmp_path: Path) -> None:
    """In one line, with what to type instead."""
    refused = doit(tmp_path, "profile:toycar-tinyc-host")
    assert refused.returncode == 2 and "profile the bench on a simulated target" in refused.stderr
    refused = doit(tmp_path, "trace:toycar-tinyc-host")
    assert refused.returncode == 2 and "trace the bench on a simulated target" in refused.stderr
