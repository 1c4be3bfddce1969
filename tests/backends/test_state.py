"""Networks with state: what they compute from call to call is what TFLM computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tinyc_host
import tinyi_host
from stateful_networks import StatefulNet, branching, initialiser, looping, lstm, ring, shuffled, svdf
from tests_support import exact_reports, tflm, thinned, write_models
from tinyc_host import assert_exact

from tinyflow.backends.refusals import check_none, refused_operators
from tinyflow.backends.tinyc.lowering import LOWERINGS, lower_operator
from tinyflow.backends.tinyc.program import lower
from tinyflow.core.errors import ModelError
from tinyflow.model import reference, variables
from tinyflow.model.tflite_writer import write


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.every(5)
def test_variables_are_read_and_written_in_order(seed: int, tmp_path: Path) -> None:
    """Whatever is done without a copy."""
    assert_exact(shuffled(seed), tmp_path / "model")
    tinyi_host.assert_exact(shuffled(seed), tinyi_host.Interpreter.load("ref"), "ref")


def test_networks_that_stream_copy_no_state(tmp_path: Path) -> None:
    """What is kept lies where the concatenation reads it and the slice writes it; it counts as RAM."""
    graph = ring()
    built = assert_exact(graph, tmp_path / "model")
    tinyi_host.assert_exact(graph, tinyi_host.Interpreter.load("c"), "c")
    assert len(variables.in_place(graph)) == 2
    assert [step.call.struct for step in lower(graph, "ref").steps].count("tinynn_copy") == 0
    (state,) = [tensor for tensor in built.plan["arena"]["tensors"] if tensor.get("is_state")]
    assert (state["name"], state["bytes"], built.plan["reset"]) == ("rows", 15, "model_reset")
    # 4 is the slice
    assert [built.plan["layers"][index]["operator"] for index in state["changed_by"]] == ["STRIDED_SLICE"]


def test_variables_are_initialised_first_of_all() -> None:
    """A network is reset before it runs, so that what it does before CALL_ONCE would come too late."""
    net = StatefulNet(1, 1, 1, 4)
    value = net.read("a", (1, 1, 1, 4))
    net.call("CALL_ONCE", (), (), init=initialiser(a=np.zeros((1, 1, 1, 4))))
    graph = net.graph(net.operator("ADD", value, net.input, pot_scale_int16=False))
    with pytest.raises(ModelError, match="initialise variables first of all"):
        compiles = lambda part, operator: lower_operator(part, operator, "ref")  # noqa: E731
        check_none(refused_operators(graph, LOWERINGS, compiles), "tinyc")


def test_branches_are_taken(tmp_path: Path) -> None:
    """Either, and those of a branch; a subgraph that is called twice has its tensors twice."""
    built = assert_exact(branching(), tmp_path / "model")
    assert built.plan["forks"] and not built.plan.get("reset")
    tinyi_host.assert_exact(branching(), tinyi_host.Interpreter.load("c"), "c")


@pytest.mark.parametrize("seed", range(3))
def test_loops_end(seed: int, tmp_path: Path) -> None:
    """After no, one or two rounds; what a round only moves isn't overwritten before."""
    assert_exact(looping(seed), tmp_path / "model")
    tinyi_host.assert_exact(looping(seed), tinyi_host.Interpreter.load("c"), "c")


RECURRENT = {
    **{f"SVDF {seed}": lambda seed=seed: svdf(seed) for seed in range(6)},
    **{f"SVDF of int16 {seed}": lambda seed=seed: svdf(seed, state="int16") for seed in range(6)},
    **{f"LSTM {seed}": lambda seed=seed: lstm(seed) for seed in range(8)},
    **{f"LSTM of int16 {seed}": lambda seed=seed: lstm(seed, "int16") for seed in range(8)},
}


@pytest.mark.parametrize("name", thinned(RECURRENT, 7))
def test_recurrent_operators_are_exact(name: str, tmp_path: Path) -> None:
    """Any sizes and scales, over several calls; sequences begin anew with a reset."""
    assert_exact(RECURRENT[name](), tmp_path / "model")
    tinyi_host.assert_exact(RECURRENT[name](), tinyi_host.Interpreter.load("c"), "c")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("build", [lambda seed: svdf(seed, "float32", "float32"), lambda seed: lstm(seed, "float32")])
def test_recurrent_operators_of_real_values(build: Any, seed: int, tmp_path: Path) -> None:
    """Close to TFLM's, whose sums are in the same order."""
    graph = build(seed)
    samples = reference.make_inputs(graph, 4, seed=seed)
    built = tinyc_host.build(write(graph), tmp_path / "model")
    expected = tflm(write(graph), graph, samples)
    assert reference.largest_difference(expected, [built.invoke(sample) for sample in samples]) < 1e-5
    found = tinyi_host.outputs_of(write(graph), tinyi_host.Interpreter.load("c"), "c", samples, expected)
    assert reference.largest_difference(expected, found) < 1e-5


@pytest.mark.slow
def test_state_is_kept_on_chips(tmp_path: Path) -> None:
    """Kernels of the DSP extension; reset and sequences by the harness, whose check of memory knows what stays."""
    networks = {
        "ring": ring(),
        "lstm": lstm(11, sizes=(13, 9)),
        "svdf": svdf(12),
        "svdf16": svdf(13, state="int16"),
        "eights": svdf(14, width=24),
        "eights16": svdf(15, state="int16", width=16),
        "branch": branching(),
        "loop": looping(0),
    }
    write_models(tmp_path, {name: write(graph) for name, graph in networks.items()})
    benches = [*(f"{name}-tinyc-stm32f7" for name in networks)]
    benches += [f"{name}-tinyi-stm32f7" for name in ("ring", "svdf", "eights", "eights16", "branch", "loop")]
    reports = exact_reports(tmp_path, benches)
    plans = {bench: json.loads((tmp_path / "build" / bench / "plan.json").read_text()) for bench in reports}
    called = {function for plan in plans.values() for layer in plan["layers"] for function in layer["functions"]}
    assert called > {"tinynn_lstm_int8_dsp", "tinynn_svdf_int8_dsp", "tinynn_svdf_int16_dsp"}
