from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError
from tinyflow.model import oracle
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize
from tinyflow.stages.convert import convert

_SOFTMAX = ((0.5, 3), (1 / 256, -128))
OUTPUTS = ("graph.json", "inputs.bin", "reference.bin", "reference.json")


def converted(folder: Path, model: bytes, real: dict[int, bytes] | None = None, **parameters: Any) -> dict[str, bytes]:
    """Run the stage in a folder; name → bytes of its outputs."""
    folder.mkdir(exist_ok=True)
    files = {"model.tflite": model, **{f"samples/{i}.bin": content for i, content in (real or {}).items()}}
    inputs = {}
    for name, content in files.items():
        inputs[name] = folder / name.replace("/", "-")
        inputs[name].write_bytes(content)
    workspace = Workspace(
        folder=folder,
        parameters={"samples": 3, "seed": 1, "input_format": None, **parameters},
        inputs=inputs,
        outputs={name: folder / name for name in OUTPUTS},
        log_path=folder / "log",
        timeout_s=60,
    )
    convert(workspace)
    return {name: workspace.outputs[name].read_bytes() for name in OUTPUTS}


@pytest.fixture(scope="module")
def toycar() -> bytes:
    """The fully connected network of the zoo."""
    return synthesize({"graph": "toycar", "seed": 1})


def test_outputs_follow_the_contract(tmp_path: Path, toycar: bytes) -> None:
    """Sizes, names and numbers are what later stages read."""
    made = converted(tmp_path, toycar)
    graph, told = json.loads(made["graph.json"]), json.loads(made["reference.json"])
    assert (graph["macs"], graph["peak_live_bytes"]) == (264_192, 768)
    assert graph["operators"][0]["name"] == "FULLY_CONNECTED" and graph["operators"][0]["version"] == 4
    assert sum(operator["macs"] for operator in graph["operators"]) == graph["macs"]
    assert (told["reference"], told["samples"]) == ("tflm", 3)
    (port,) = told["inputs"]
    assert (port["dtype"], port["shape"], port["bytes"], port["zero_point"]) == ("int8", [1, 640], 640, 89)
    assert [len(made["inputs.bin"]), len(made["reference.bin"])] == [3 * 640, 3 * told["outputs"][0]["bytes"]]
    # fully connected layers are rounded once in LiteRT and twice in TFLM
    assert 0 < told["litert_max_abs_error"] <= 8
    assert set(told["tools"]) == {"tflite-micro", "ai-edge-litert"}


def test_same_inputs_same_bytes(tmp_path: Path, toycar: bytes) -> None:
    """Two runs in two folders give the same bytes; another seed gives other samples."""
    one, two = converted(tmp_path / "one", toycar), converted(tmp_path / "two", toycar)
    assert one == two
    assert converted(tmp_path / "three", toycar, seed=2)["inputs.bin"] != one["inputs.bin"]


def test_samples_are_chosen_so_that_outputs_differ(tmp_path: Path) -> None:
    """A network that is saturated for most inputs: those that move it are found among more than are asked for."""
    scales = (Quantisation((0.5,), (120,)), Quantisation((1 / 256,), (-128,)))
    nodes = tuple(Tensor(i, f"t{i}", (1, 64), "int8", scale) for i, scale in enumerate(scales))
    model = write(Graph(nodes, (Operator(0, "SOFTMAX", 2, (0,), (1,), {"beta": 1.0}),), (0,), (1,)))
    told = json.loads(converted(tmp_path, model, samples=8)["reference.json"])
    assert (told["samples"], told["distinct_outputs"], told["warnings"]) == (8, 8, [])


def test_real_samples_keep_their_order(tmp_path: Path, toycar: bytes) -> None:
    """Samples 0 to 10 come in the order of their numbers, before the random ones."""
    real = {number: np.full(640, number, np.int8).tobytes() for number in range(11)}
    made = converted(tmp_path, toycar, dict(sorted(real.items(), key=lambda item: str(item[0]))), samples=12)
    assert list(made["inputs.bin"][: 11 * 640 : 640]) == list(range(11))
    assert len(made["inputs.bin"]) == 12 * 640


def test_float_model_is_converted(tmp_path: Path) -> None:
    """Whether a backend can compile floats is not decided here."""
    nodes = tuple(Tensor(i, f"t{i}", (1, 4), "float32") for i in range(2))
    made = converted(tmp_path, write(Graph(nodes, (Operator(0, "TANH", 1, (0,), (1,)),), (0,), (1,))))
    assert json.loads(made["graph.json"])["is_integer_only"] is False
    inputs, outputs = (np.frombuffer(made[name], "<f4") for name in ("inputs.bin", "reference.bin"))
    assert np.allclose(np.tanh(inputs), outputs, atol=1e-6)
    assert json.loads(made["reference.json"])["inputs"][0]["scale"] is None


def test_references_that_disagree_are_told(tmp_path: Path) -> None:
    """TFLM's RELU6 clamps by the input's scale, LiteRT's by the output's: one of the two is wrong."""
    scales = (Quantisation((0.1,), (-3,)), Quantisation((6 / 255,), (-128,)))
    nodes = tuple(Tensor(i, f"t{i}", (1, 8), "int8", scale) for i, scale in enumerate(scales))
    made = converted(tmp_path, write(Graph(nodes, (Operator(0, "RELU6", 2, (0,), (1,)),), (0,), (1,))))
    told = json.loads(made["reference.json"])
    assert (told["litert_max_abs_error"], told["distinct_outputs"]) == (125, 3)
    assert "differ by up to 125 of 255 steps" in told["warnings"][0]


def test_litert_is_named_where_it_is_the_reference(
    tmp_path: Path, toycar: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without TFLM the outputs are LiteRT's, who computes the same, and there is no second opinion."""
    with_tflm = converted(tmp_path / "tflm", toycar)
    monkeypatch.setattr(oracle, "is_importable", lambda package: package == "ai_edge_litert")
    made = converted(tmp_path / "litert", toycar)
    told = json.loads(made["reference.json"])
    assert (told["reference"], told["litert_max_abs_error"]) == ("litert", None)
    assert made["reference.bin"] == with_tflm["reference.bin"]
    assert made["inputs.bin"] == with_tflm["inputs.bin"]


def test_litert_is_the_reference_where_tflm_ends(tmp_path: Path) -> None:
    """The outputs are there, and a warning says whose they are and why."""
    nodes = tuple(Tensor(i, f"t{i}", (1, 4), "int8", Quantisation((s,), (z,))) for i, (s, z) in enumerate(_SOFTMAX))
    graph = Graph(nodes, (Operator(0, "SOFTMAX", 2, (0,), (1,), {"beta": 0.0}),), (0,), (1,))
    told = json.loads(converted(tmp_path, write(graph))["reference.json"])
    assert (told["reference"], told["litert_max_abs_error"]) == ("litert", None)
    assert told["warnings"][0].startswith("TFLM can't run it: operator 0 (SOFTMAX, t1)")
    assert told["warnings"][0].endswith("outputs are held against LiteRT's optimised kernels instead")


def test_damaged_model_makes_nothing(tmp_path: Path, toycar: bytes) -> None:
    """A truncated file is one line that names the file, and no output is written."""
    with pytest.raises(ModelError, match=r"^model.tflite: "):
        converted(tmp_path, toycar[: len(toycar) // 2])
    assert not any((tmp_path / name).exists() for name in OUTPUTS)
