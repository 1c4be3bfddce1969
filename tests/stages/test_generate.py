from __future__ import annotations

import json
from pathlib import Path

import pytest

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError
from tinyflow.model.zoo import synthesize
from tinyflow.stages.generate import generate


def workspace(folder: Path, model: bytes) -> Workspace:
    """What the stage gets, with this model as its input."""
    (folder / "sources").mkdir()
    (folder / "model.tflite").write_bytes(model)
    return Workspace(
        folder=folder,
        parameters={"backend": "tvmaot", "implementation": "tinyflow.backends.tvm", "options": {"variant": "aot"}},
        inputs={"model.tflite": folder / "model.tflite"},
        outputs={name: folder / name for name in ("sources/", "plan.json", "network.json")},
        log_path=folder / "log",
        timeout_s=60,
    )


def test_sources_and_plan_are_written(tmp_path: Path) -> None:
    """The plan names the backend of the recipe; the sources define what it says."""
    generate(workspace(tmp_path, synthesize({"graph": "toycar", "features": 8, "hidden": 4, "depth": 1})))
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["backend"] == "tvmaot"
    text = (tmp_path / "sources" / "model.c").read_text()
    assert f"int {plan['invoke']}(void)" in text
    assert f"{plan['arena']['symbol']}[{plan['arena']['bytes']}]" in text


def test_a_damaged_model_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """The reader's error comes through; no half of an output stays."""
    with pytest.raises(ModelError, match=r"model\.tflite"):
        generate(workspace(tmp_path, synthesize({"graph": "toycar", "features": 8, "hidden": 4, "depth": 1})[:-400]))
    assert not list((tmp_path / "sources").iterdir())
