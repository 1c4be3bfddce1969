"""Stage accuracy: firmware's answers against the reference's and the labels, over documents written by hand."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError, ValidationError
from tinyflow.stages import labelled
from tinyflow.stages.accuracy import accuracy

PORT = {"dtype": "int8", "shape": [1, 3], "bytes": 3, "scale": 0.5, "zero_point": -1}
LABELS = {"name": "set", "of": 9, "classes": [], "labels": [2, 0], "names": ["a", "b"], "windows": [2, 1]}
EXPECTED = np.array([[0, 9, 4], [0, 1, 8], [5, 5, 0]], np.int8)


def _computed(
    place: Path, got: Any, *, tolerance: float = 0, more: dict[str, bytes] | None = None, task: str = "classification"
) -> dict[str, Any]:
    plan = {
        **{"schema": 1, "backend": "x", "arena": None, "weights_bytes": 0, "setup": "s", "invoke": "i", "layers": []},
        "inputs": [{"symbol": "in", "bytes": 3}],
        "outputs": [{"symbol": "out", "bytes": 3}],
    }
    contents = {
        "labels.json": json.dumps(LABELS).encode(),
        "reference.json": json.dumps({"outputs": [PORT], "reference": "tflm"}).encode(),
        "plan.json": json.dumps(plan).encode(),
        "reference/0.bin": EXPECTED.tobytes(),
        "firmware/0.bin": np.array(got[:2], np.int8).tobytes(),
        "firmware/1.bin": np.array(got[2:], np.int8).tobytes(),
        **(more or {}),
    }
    for name, content in contents.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(content)
    paths = {name: place / name for name in contents}
    parameters = {"task": task, "target": 0.5, "tolerance": tolerance}
    accuracy(Workspace(place, parameters, paths, {"accuracy.json": place / "accuracy.json"}, place / "log", 9.0))
    found: dict[str, Any] = json.loads((place / "accuracy.json").read_bytes())
    return found


def test_windows_of_one_recording_count_together(tmp_path: Path) -> None:
    """By the mean of their outputs: the first one's are 0, 5, 6, so class 2, though one window says 1."""
    found = _computed(tmp_path, EXPECTED)
    assert found["sides"]["firmware"] == found["sides"]["reference"]
    assert found["confusion"] == [[1, 0, 0], [0, 0, 0], [0, 0, 1]] and found["agreement"]["differing"] == 0
    assert found["target"] == {"metric": "top1", "value": 0.5, "is_reached": True}


def test_other_outputs_than_the_references_are_refused(tmp_path: Path) -> None:
    """With the sample's name, whatever its label is; within the tolerance they are counted."""
    got = EXPECTED.copy()
    got[1, 1] += 2
    with pytest.raises(ValidationError, match=r"sample a, output 0\[1\]: expected 1, got 3"):
        _computed(tmp_path, got)
    found = _computed(tmp_path, got, tolerance=2)
    assert found["agreement"]["differing"] == 1 and found["agreement"]["equal_share"] < 1


def test_sides_have_their_own_figures(tmp_path: Path) -> None:
    """A float network that is right in everything stands beside firmware that is right in half."""
    right, got = np.array([[0, 0, 9], [0, 0, 9], [9, 0, 0]], "<f4").tobytes(), EXPECTED.copy()
    got[2] = [0, 5, 5]
    found = _computed(tmp_path, got, tolerance=5, more={"float/0.bin": right})
    assert (found["sides"]["float"]["top1"], found["sides"]["firmware"]["top1"]) == (1, 0.5)
    assert found["wrong"] == [{"sample": "b", "label": 0, "taken_for": 1}]


def test_the_first_of_several_outputs_counts(tmp_path: Path) -> None:
    """On the float side, too, where those of a sample lie one behind the other as well."""
    second, one = {**PORT, "shape": [1, 1], "bytes": 1}, np.full((3, 1), 9, np.int8)
    both = np.concatenate([EXPECTED, one], axis=1)
    plan = {
        **{"schema": 1, "backend": "x", "arena": None, "weights_bytes": 0, "setup": "s", "invoke": "i", "layers": []},
        "inputs": [{"symbol": "in", "bytes": 3}],
        "outputs": [{"symbol": "out", "bytes": 3}, {"symbol": "more", "bytes": 1}],
    }
    more = {
        "reference.json": json.dumps({"outputs": [PORT, second], "reference": "tflm"}).encode(),
        "plan.json": json.dumps(plan).encode(),
        **{"reference/0.bin": both.tobytes(), "firmware/0.bin": both.tobytes(), "firmware/1.bin": b""},
        "float/0.bin": both.astype("<f4").tobytes(),
    }
    sides = _computed(tmp_path, EXPECTED, more=more)["sides"]
    assert sides["float"]["top1"] == sides["firmware"]["top1"] == 1


def test_an_anomaly_needs_an_output_like_the_input(tmp_path: Path) -> None:
    """Else nothing tells how far they are from each other."""
    with pytest.raises(ModelError, match="gives 3 values of 4"):
        _computed(tmp_path, EXPECTED, more={"real.bin": np.zeros((3, 4)).tobytes()}, task="anomaly")


def test_what_is_not_finite_is_refused(tmp_path: Path) -> None:
    """NaN is smaller than nothing, so that all would be right."""
    nan = np.full((3, 3), np.nan, "<f4").tobytes()
    with pytest.raises(ModelError, match="outputs of the float side are not all finite"):
        _computed(tmp_path, EXPECTED, more={"float/0.bin": nan})


def _encrypted() -> bytes:
    """A zip whose file wants a password."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.bin", b"0")
    return (
        packed.getvalue()
        .replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01")
        .replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    )


def _many() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(5):
            archive.writestr(f"{number}.bin", bytes(600))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "what"), [(_encrypted(), "is no archive that can be read"), (_many(), "holds more than")]
)
def test_an_archive_that_cannot_be_unpacked_is_refused(
    content: bytes, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that wants a password, and one whose files are too large all together; with its name."""
    monkeypatch.setattr(labelled, "_MOST_BYTES", 1000)
    (tmp_path / "set.zip").write_bytes(content)
    parameters = {"name": "set.zip", "table": None, "member": "a.bin"}
    workspace = Workspace(tmp_path, parameters, {"data": tmp_path / "set.zip"}, {}, tmp_path / "log", 9.0)
    with pytest.raises(ModelError, match=what) as raised:
        labelled._opened(workspace)
    assert raised.value.where == "set.zip"
