from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from tinyflow.core.errors import ModelError
from tinyflow.model import describe


def test_describe_tells_what_a_model_is(zoo: dict[str, bytes], tmp_path: Path) -> None:
    """Shapes, counts and digest of a file in one JSON-ready mapping."""
    path = tmp_path / "aww.tflite"
    path.write_bytes(zoo["aww"])
    told = describe(path)
    assert told["sha256"] == sha256(zoo["aww"]).hexdigest()
    assert (told["name"], told["macs"], told["peak_live_bytes"]) == ("aww", 2_656_768, 16_000)
    assert told["inputs"] == [{"name": "input", "shape": [1, 49, 10, 1], "dtype": "int8"}]
    assert told["operators"]["DEPTHWISE_CONV_2D"] == 4


def test_describe_refuses_other_files(tmp_path: Path) -> None:
    """A file that is not a model is named."""
    (tmp_path / "x.tflite").write_bytes(b"no")
    with pytest.raises(ModelError, match=r"^x.tflite"):
        describe(tmp_path / "x.tflite")
