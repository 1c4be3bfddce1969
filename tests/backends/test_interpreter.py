"""Backends tflm and litert: the wheels run the model, and what they need is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stateful_networks import ring
from tests_support import doit, run_litert, run_tflm

from tinyflow.backends import interpreter
from tinyflow.core.errors import ModelError
from tinyflow.model import reference, tflite_reader
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.interpreters import is_importable, tflm  # noqa: F401
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize
from tinyflow.targets.protocol import open_machine

# as text, looked at when the test runs: what loads takes its time
TFLM = pytest.mark.skipif("not is_importable('tflite_micro')", reason="needs tflite-micro")
LITERT = pytest.mark.skipif("not is_importable('ai_edge_litert')", reason="needs ai-edge-litert")
DENSE = synthesize({"graph": "toycar", "features": 37, "hidden": 18, "depth": 2})


def planned(tmp_path: Path, model: bytes, name: str) -> dict[str, Any]:
    """The plan that the backend makes of a model."""
    path, plan = tmp_path / "model.tflite", tmp_path / "plan.json"
    path.write_bytes(model)
    graph = tflite_reader.read(path)
    interpreter.check(graph, name, {})
    interpreter.generate(path, graph, name, {"interpreter": name}, tmp_path, plan)
    document: dict[str, Any] = json.loads(plan.read_bytes())
    return document


@TFLM
def test_the_arena_of_tflm_is_the_smallest(tmp_path: Path) -> None:
    """With 16 bytes less TFLM refuses the model."""
    arena_bytes = planned(tmp_path, DENSE, "tflm")["arena"]["bytes"]
    graph = tflite_reader.read(DENSE)
    sample = reference.make_inputs(graph, 1, 1)
    assert len(tflm(DENSE, graph, arena_bytes)(sample[0])) == 1
    with pytest.raises(ModelError, match="TFLM can't run it"):
        tflm(DENSE, graph, arena_bytes - 16)


@pytest.mark.parametrize("name", [pytest.param("tflm", marks=TFLM), pytest.param("litert", marks=LITERT)])
def test_the_machine_computes_what_the_interpreter_computes(tmp_path: Path, name: str) -> None:
    """Inputs go in by symbol, outputs come out by symbol, and each call has its own time."""
    plan = planned(tmp_path, DENSE, name)
    machine = open_machine({"implementation": "tinyflow.targets.interpreter"}, {"plan.json": tmp_path / "plan.json"})
    machine.load(tmp_path / "model.tflite")
    assert machine.call(plan["setup"], limit_instructions=1)[0] == 0
    graph = tflite_reader.read(DENSE)
    samples = reference.make_inputs(graph, 3, 7)
    run = run_tflm if name == "tflm" else run_litert
    for sample, expected in zip(samples, run(DENSE, graph, samples), strict=True):
        machine.write(plan["inputs"][0]["symbol"], sample[0].tobytes())
        status, counters = machine.call(plan["invoke"], limit_instructions=1)
        assert (status, counters.instructions) == (0, None) and counters.wall_s > 0
        got = machine.read(plan["outputs"][0]["symbol"], plan["outputs"][0]["bytes"])
        difference = max(
            abs(a - b) for a, b in zip(memoryview(got).cast("b"), expected[0].ravel().tolist(), strict=True)
        )
        assert difference <= (0 if name == "tflm" else 8)


@pytest.mark.parametrize("name", [pytest.param("tflm", marks=TFLM), pytest.param("litert", marks=LITERT)])
def test_a_model_that_it_refuses_is_told_while_planning(tmp_path: Path, name: str) -> None:
    """An operator without a kernel: the interpreter's name, no crash."""
    tensors = (Tensor(0, "in", (2,), "int8"), Tensor(1, "out", (2,), "int8"))
    model = write(Graph(tensors, (Operator(0, "ATAN2", 1, (0,), (1,)),), (0,), (1,)))
    with pytest.raises(ModelError, match="can't run it"):
        planned(tmp_path, model, name)


@pytest.mark.parametrize("name", [pytest.param("tflm", marks=TFLM), pytest.param("litert", marks=LITERT)])
@pytest.mark.every(2)
def test_what_keeps_state_is_reset(tmp_path: Path, name: str) -> None:
    """It begins anew; a network without state has no reset, which costs time."""
    graph = ring()
    plan = planned(tmp_path, write(graph), name)
    assert "reset" not in planned(tmp_path, DENSE, name)
    (tmp_path / "model.tflite").write_bytes(write(graph))
    machine = open_machine({"implementation": "tinyflow.targets.interpreter"}, {"plan.json": tmp_path / "plan.json"})
    machine.load(tmp_path / "model.tflite")
    machine.call(plan["setup"], limit_instructions=1)
    seen = []
    for _ in range(2):
        machine.call(plan["reset"], limit_instructions=1)
        for sample in reference.make_inputs(graph, 3, 7):
            machine.write(plan["inputs"][0]["symbol"], sample[0].tobytes())
            machine.call(plan["invoke"], limit_instructions=1)
            seen.append(machine.read(plan["outputs"][0]["symbol"], plan["outputs"][0]["bytes"]))
    assert seen[:3] == seen[3:] and len(set(seen)) == 3


@TFLM
@LITERT
@pytest.mark.slow
def test_both_are_benches_of_this_machine_only(tmp_path: Path) -> None:
    """Rows with output, arena and time, no instructions; a chip is refused."""
    done = doit(tmp_path, "bench:toycar-tflm-host", "bench:toycar-litert-host")
    assert done.returncode == 0, done.stdout + done.stderr
    tflm, litert = (
        json.loads((tmp_path / "build" / f"toycar-{name}-host" / "report.json").read_text())
        for name in ("tflm", "litert")
    )
    assert tflm["validation"]["result"] == "exact"
    assert tflm["metrics"]["arena_bytes"] > 0 and "arena_bytes" not in litert["metrics"]
    for row in (tflm, litert):
        assert row["metrics"]["invoke_s"] > 0 and "invoke_instructions" not in row["metrics"]
    refused = doit(tmp_path, "bench:toycar-tflm-stm32f7")
    assert refused.returncode == 2 and "its targets: host" in refused.stderr
