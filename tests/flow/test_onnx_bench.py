"""An ONNX file as a bench's model, from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests_support import doit

pytestmark = pytest.mark.slow


def test_a_file_by_path_is_exact_on_chips(tmp_path: Path) -> None:
    """The `.tflite` lies in the view; what is said of ONNX Runtime was measured; too little tolerance is an error."""
    pytest.importorskip("onnx", reason="needs onnx: pip install -e '.[onnx]'")
    pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install -e '.[onnx]'")
    from model.onnx_networks import quantised, small_cnn

    (tmp_path / "net.onnx").write_bytes(quantised(small_cnn(), tmp_path))
    done = doit(tmp_path, "bench:./net.onnx-tinyc-stm32f7", "bench:./net.onnx-tinyc-esp32c3+shrink")
    assert done.returncode == 0, done.stdout + done.stderr
    view = tmp_path / "build" / "net-tinyc-stm32f7"
    assert json.loads((view / "report.json").read_bytes())["validation"]["result"] == "exact"
    assert (view / "model.tflite").read_bytes()[4:8] == b"TFL3" and (view / "model.onnx").is_file()

    models = tmp_path / "recipes" / "models"
    models.mkdir(parents=True)
    (models / "strict.yaml").write_text("description: d\nfile: net.onnx\ntolerance: 0\n")
    (models / "net.onnx").write_bytes((tmp_path / "net.onnx").read_bytes())
    refused = doit(tmp_path, "bench:strict-tinyc-stm32f7")
    assert refused.returncode == 1
    assert "ONNX Runtime's outputs differ by" in refused.stdout and "tolerance is 0" in refused.stdout
