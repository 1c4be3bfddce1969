"""`doit profile:` from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests_support import doit

pytestmark = pytest.mark.slow


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
