"""Tuning as a user meets it: search, export, import, and a bench that goes by the records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests_support import doit

from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo.builder import NetworkBuilder

pytestmark = pytest.mark.slow


def report(place: Path, bench: str) -> dict[str, object]:
    """The bench's `report.json`."""
    found: dict[str, object] = json.loads((place / "build" / bench / "report.json").read_text())
    return found


def test_search_export_import_tuned(tmp_path: Path) -> None:
    """What a search finds makes the same firmware when it comes from a file; nothing runs twice; wrong use is told."""
    net = NetworkBuilder(2, (12,), input_scale=0.05, input_zero_point=3)
    (tmp_path / "net.tflite").write_bytes(write(net.graph((net.fully_connected(net.input, 10),), "dense")))
    bench, name = "./net.tflite-tvmaotplus-stm32f7+goal.instructions", "net-tvmaotplus-stm32f7+goal.instructions"
    plain = doit(tmp_path, f"bench:{bench}+tuned")
    assert plain.returncode == 0, plain.stdout + plain.stderr
    place = {"cpu": "cortex-m7", "optimise": "O3", "toolchain": "zig", "objective": "instructions"}
    none = {"kernels": 1, "tuned": 0, "changed": 0, "missing": 1, "place": place}
    assert report(tmp_path, f"{name}+tuned")["tuning"] == none
    assert "its kernels have no tuning record for cortex-m7, zig, O3, by instructions" in plain.stdout
    refused = doit(tmp_path, "tuning", "export", f"{bench}+tune.8")
    assert refused.returncode == 2 and "is not up to date" in refused.stderr
    searched = doit(tmp_path, f"bench:{bench}+tune.8")
    assert searched.returncode == 0, searched.stdout + searched.stderr
    again = doit(tmp_path, f"bench:{bench}+tune.8")
    assert "built" not in again.stdout and "hit" not in again.stdout
    exported = doit(tmp_path, "tuning", "export", f"{bench}+tune.8", "--output", "found.jsonl")
    assert exported.returncode == 0, exported.stderr
    imported = doit(tmp_path, "tuning", "import", "found.jsonl")
    assert imported.stdout.startswith("recipes/tuning/zig-cortex-m7.jsonl: 1 new; 1 kernels by instructions"), (
        imported.stderr
    )
    assert (tmp_path / "recipes" / "tuning" / "zig-cortex-m7.jsonl").read_bytes() == (
        tmp_path / "found.jsonl"
    ).read_bytes()
    tuned = doit(tmp_path, f"bench:{bench}+tuned")
    assert tuned.returncode == 0, tuned.stdout + tuned.stderr
    one, other = (report(tmp_path, f"{name}+{feature}") for feature in ("tune.8", "tuned"))
    assert one["tuning"] == other["tuning"] == {**none, "tuned": 1, "changed": 1, "missing": 0}
    assert "tuning record" not in tuned.stdout
    refused = doit(tmp_path, "bench:./net.tflite-tvmaotplus-stm32f7+tuned+goal.ram")
    assert "its kernels have no tuning record for cortex-m7, zig, O3, by ram" in refused.stdout
    assert one["metrics"]["invoke_instructions"] == other["metrics"]["invoke_instructions"]  # type: ignore[index]
    assert other["validation"]["result"] == "exact"  # type: ignore[index]
