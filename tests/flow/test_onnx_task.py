"""`doit export-onnx:<model>`: a network for other tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stateful_networks import ring
from tests_support import doit, write_models

from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize


@pytest.mark.slow
def test_both_forms_and_how_near_they_are_are_written(tmp_path: Path) -> None:
    """The second time nothing is to do, and the text is the same; what isn't exported is refused by its name."""
    pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[onnx]'")
    pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install -e '.[onnx]'")
    dense = synthesize({"graph": "toycar", "features": 37, "hidden": 18, "depth": 2})
    write_models(tmp_path, {"dense": dense, "kept": write(ring())})
    first, again = (doit(tmp_path, "export-onnx:dense") for _ in range(2))
    assert (first.returncode, again.returncode) == (0, 0), first.stdout + first.stderr
    folder = tmp_path / "build" / "export-onnx"
    text = (folder / "dense.txt").read_text(encoding="utf-8")
    assert text in first.stdout and text in again.stdout and "up to date" in again.stdout
    told = json.loads((folder / "dense.json").read_bytes())
    for name, ending, most in (("model.onnx", "", 4), ("model_float.onnx", "_float", 1e-4)):
        assert (folder / f"dense{ending}.onnx").stat().st_size == told[name]["bytes"]
        assert 0 <= told[name]["onnxruntime_max_abs_error"] <= most
    refused = doit(tmp_path, "export-onnx:kept")
    assert refused.returncode == 1 and "it keeps state from call to call" in refused.stdout
