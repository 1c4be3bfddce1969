"""Stage shrink: a model in, a model out, and what was removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from model.planted_networks import planted_network

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError
from tinyflow.model.summary import macs
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize
from tinyflow.stages.shrink import shrink


def _shrunk(folder: Path, model: bytes) -> tuple[bytes, dict[str, object]]:
    """The outputs of the stage."""
    (folder / "model.tflite").write_bytes(model)
    (folder / "out").mkdir()
    outputs = {name: folder / "out" / name for name in ("model.tflite", "shrink.json")}
    inputs = {"model.tflite": folder / "model.tflite"}
    shrink(Workspace(folder, {}, inputs, outputs, folder / "log", timeout_s=60))
    return outputs["model.tflite"].read_bytes(), json.loads(outputs["shrink.json"].read_text(encoding="utf-8"))


def test_a_model_with_dead_channels_gets_smaller(tmp_path: Path) -> None:
    """The output is a valid model with fewer MACs, and the report counts them."""
    graph = planted_network(5)
    content, report = _shrunk(tmp_path, write(graph))
    assert macs(read(content)) == report["after"]["macs"] < report["before"]["macs"] == macs(graph)  # type: ignore[index]


def test_a_model_with_nothing_to_take_keeps_its_bytes(tmp_path: Path) -> None:
    """What follows is shared with benches without shrink."""
    model = synthesize({"graph": "toycar", "features": 8, "hidden": 4, "depth": 1})
    content, report = _shrunk(tmp_path, model)
    assert content == model
    assert report["before"] == report["after"] and report["channels"] == report["operators"] == []


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    """The reader's error comes through."""
    with pytest.raises(ModelError):
        _shrunk(tmp_path, b"TFL3 but no model")
