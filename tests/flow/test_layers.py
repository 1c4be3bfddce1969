"""`doit layers:` and `+layer.N`: every layer as a model of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests_support import doit

BENCH = "toycar-tinyc-stm32f7"


@pytest.mark.slow
def test_every_layer_is_benched_alone(tmp_path: Path) -> None:
    """All exact; MACs add up; the instructions nearly do, for each has a set-up and an invoke of its own."""
    done = doit(tmp_path, f"layers:{BENCH}", f"bench:{BENCH}")
    assert done.returncode == 0, done.stdout + done.stderr
    whole = json.loads((tmp_path / "build" / BENCH / "report.json").read_bytes())["metrics"]
    layers = [
        json.loads((tmp_path / "build" / f"{BENCH}+layer.{number}" / "report.json").read_bytes())
        for number in range(10)
    ]
    assert all(layer["validation"]["result"] == "exact" for layer in layers)
    for metric, slack in (("macs", 0), ("invoke_instructions", 0.02)):
        total = sum(layer["metrics"][metric] for layer in layers)
        assert abs(total - whole[metric]) <= slack * whole[metric]
    assert (tmp_path / "build" / f"{BENCH}+layer.3" / "layer.tflite").is_file()
    again = doit(tmp_path, f"layers:{BENCH}")
    assert "built" not in again.stdout
    beyond = doit(tmp_path, f"bench:{BENCH}+layer.10")
    assert beyond.returncode == 1 and "the model has layers 0 to 9" in beyond.stdout


@pytest.mark.slow
@pytest.mark.parametrize("word", ["layer", "layer.x", "layer.01", "layer.-1"])
def test_a_layer_is_a_number(tmp_path: Path, word: str) -> None:
    """Anything else is refused with what to type."""
    refused = doit(tmp_path, f"bench:{BENCH}+{word}")
    assert refused.returncode == 2 and "layer" in refused.stderr
