"""`doit shrink:<model>`: a smaller model for other tools."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from flow_support import Run
from model.planted_networks import planted_network

from tinyflow.model.summary import macs
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write


def _shrink(*models: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from tinyflow.flow.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, *(f"shrink:{model}" for model in models)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.slow
def test_the_shrunk_model_and_its_report_are_written(project: Path) -> None:
    """A model of the project, called like the beginning of an action's id; the second time nothing is to do."""
    graph = planted_network(5)
    models = project / "recipes" / "models"
    models.mkdir()
    (models / "bad.yaml").write_text("description: with dead channels\nfile: bad.tflite\n")
    (models / "bad.tflite").write_bytes(write(graph))
    first, again = _shrink("bad"), _shrink("bad")
    assert (first.returncode, again.returncode) == (0, 0), first.stdout + first.stderr
    assert "2 built" in first.stdout and "up to date" in again.stdout
    report = json.loads((project / "build" / "shrink" / "bad.json").read_text(encoding="utf-8"))
    shrunk = read(project / "build" / "shrink" / "bad.tflite")
    assert macs(shrunk) == report["after"]["macs"] < macs(graph)
    text = (project / "build" / "shrink" / "bad.txt").read_text(encoding="utf-8")
    assert text in first.stdout and text in again.stdout
    sizes, _, *lines = text.splitlines()
    assert sizes.startswith(f"bad: MACs {macs(graph):,} → {macs(shrunk):,} (-")
    narrowed = report["channels"][0]
    found = next(line for line in lines if line.split()[0] == str(narrowed["operator"]))
    assert found.split()[1:4] == [narrowed["name"], str(narrowed["channels"]), str(narrowed["kept"])]


@pytest.mark.slow
def test_files_of_one_stem_are_shrunk_each_for_itself(project: Path, real: Run) -> None:
    """Models by path, and one with a recipe of that name."""
    models = project / "recipes" / "models"
    models.mkdir()
    (models / "net.yaml").write_text("description: d\nfile: net.tflite\n")
    (project / "deep").mkdir()
    for seed, path in enumerate((models / "net.tflite", project / "net.tflite", project / "deep" / "net.tflite"), 5):
        path.write_bytes(write(planted_network(seed)))
    done = _shrink("net", "./net.tflite", "deep/net.tflite")
    assert done.returncode == 0, done
    shrunk = {path.read_bytes() for path in (project / "build" / "shrink").glob("net*.tflite")}
    assert len(shrunk) == 3
    missing = real("shrink:./gone.tflite")
    assert missing.returncode == 2 and "there is no file ./gone.tflite" in missing.stderr


def test_an_unknown_model_gets_a_suggestion(real: Run) -> None:
    """Wrong use, before anything runs."""
    done = real("shrink:vwx")
    assert done.returncode == 2
    assert 'did you mean "vww"?' in done.stdout + done.stderr
