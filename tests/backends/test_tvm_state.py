"""Networks with state by TVM: what they compute from call to call is what TFLM computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processors import processor
from small_networks import Q
from stateful_networks import StatefulNet, initialiser, lstm, ring, shuffled, svdf
from tests_support import exact_reports, tflm, thinned, write_models

from tinyflow.backends import tvm
from tinyflow.core.errors import ModelError
from tinyflow.model import reference
from tinyflow.model.graph import Graph
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

Generate = Callable[..., Any]


@pytest.fixture
def made(generate: Generate, generate_graph: Generate) -> Generate:
    """Bytes of a `.tflite` and one of the ways → the model, set up."""

    def make(content: bytes, **way: Any) -> Any:
        return generate_graph(content, lowering={}, **way) if "backend" in way else generate(content, **way)

    return make


_WAYS: tuple[dict[str, Any], ...] = (
    {"variant": "aot"},
    {"variant": "aotplus"},
    {"variant": "llvm", "llvm": processor("host").tvm_llvm},
    {"variant": "aotplus", "layout": "NCHW", "debug": True},
    {"variant": "aot", "debug": True},
    {"backend": "static"},
    {"backend": "executor"},
    {"backend": "executor", "graph": "binary"},
)


def difference(graph: Graph, made: Generate, /, **way: Any) -> tuple[float, Any]:
    """How far outputs are from TFLM's in two sequences of calls, and what was generated."""
    content = write(graph)
    graph = read(content)
    samples = reference.make_inputs(graph, 4, seed=7)
    model = made(content, **way)
    expected = tflm(content, graph, samples)
    found = 0.0
    for _ in range(2):  # an invoke may overwrite its inputs, so every sample is written anew
        model.reset()
        found = max(found, reference.largest_difference(expected, [model.invoke(sample) for sample in samples]))
    return found, model


@pytest.mark.parametrize("seed", thinned(range(20), 10))
def test_variables_are_read_and_written_in_order(seed: int, made: Generate) -> None:
    """Whatever is done without a copy, and whoever plans the memory."""
    assert difference(shuffled(seed), made, **_WAYS[seed % len(_WAYS)])[0] == 0


@pytest.mark.parametrize("way", thinned(_WAYS, 9))
def test_networks_that_stream_copy_no_state(way: dict[str, Any], made: Generate) -> None:
    """What is kept lies where the concatenation reads it and the slice writes it; it counts as RAM."""
    off, model = difference(ring(), made, **way)
    (state,) = [tensor for tensor in model.plan["arena"]["tensors"] if tensor.get("is_state")]
    assert (off, state["name"], state["bytes"], model.plan["reset"]) == (0, "rows", 15, "model_reset")
    assert [model.plan["layers"][index]["operator"] for index in state["changed_by"]] == ["STRIDED_SLICE"]
    assert [layer["operator"] for layer in model.plan["layers"] if layer["functions"]] == [
        "CONCATENATION",
        "STRIDED_SLICE",
        "CONV_2D",
    ]


_RECURRENT: dict[str, Callable[[], Graph]] = {
    **{f"SVDF {seed}": lambda seed=seed: svdf(seed) for seed in range(5)},
    **{f"SVDF of int16 {seed}": lambda seed=seed: svdf(seed, state="int16") for seed in range(5)},
    **{f"LSTM {seed}": lambda seed=seed: lstm(seed) for seed in range(7)},
    **{f"LSTM of int16 {seed}": lambda seed=seed: lstm(seed, "int16") for seed in range(7)},
}


@pytest.mark.parametrize(("index", "name"), thinned(enumerate(_RECURRENT), 12))
def test_recurrent_operators_are_exact(index: int, name: str, made: Generate) -> None:
    """Any sizes and scales, over several calls; sequences begin anew with a reset."""
    assert difference(_RECURRENT[name](), made, **_WAYS[index % len(_WAYS)])[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("build", [lambda seed: svdf(seed, "float32", "float32"), lambda seed: lstm(seed, "float32")])
def test_recurrent_operators_of_real_values(build: Any, seed: int, made: Generate) -> None:
    """As near as their plan says."""
    off, model = difference(build(seed), made, **_WAYS[seed])
    assert off <= model.plan["relative_tolerance"]


def _shown() -> Graph:
    """A variable that is read once more where it has changed is an output; so is one that only constants change."""
    shape = (1, 2, 2, 3)
    net = StatefulNet(*shape)
    net.call("CALL_ONCE", (), (), init=initialiser(a=np.arange(12).reshape(shape)))
    added = net.operator("ADD", net.read("a", shape), net.input, pot_scale_int16=False)
    net.assign("a", added)
    before = net.read("b", shape)
    net.assign("b", net.constant(np.full(shape, 9), "int8", Q))
    return net.graph(net.read("a", shape), before)


@pytest.mark.parametrize("way", thinned(_WAYS, 6))
def test_state_may_be_an_output(way: dict[str, Any], made: Generate) -> None:
    """It lies where state is, or is copied where that changes."""
    assert difference(_shown(), made, **way)[0] == 0


def test_variables_of_types_that_nothing_copies_are_refused() -> None:
    """Before anything is generated, as other operators are."""
    graph = ring()
    tensors = (replace(tensor, dtype="float16" if tensor.dtype == "int8" else tensor.dtype) for tensor in graph.tensors)
    with pytest.raises(ModelError, match=r"READ_VARIABLE version 1, .* is float16"):
        tvm.check(replace(graph, tensors=tuple(tensors)), "tvmaot", {})


def test_what_is_run_once_only_assigns_constants() -> None:
    """Else nothing would be there to run it: refused by name, before TVM is imported."""
    shape = (1, 2)
    part, net = StatefulNet(), StatefulNet(*shape)
    value = part.constant(np.ones(shape), "int8", Q)
    part.assign("a", part.operator("ADD", value, value, shape=shape, pot_scale_int16=False))
    part.inputs = []
    net.call("CALL_ONCE", (), (), init=part.part())
    graph = net.graph(net.operator("ADD", net.read("a", shape), net.input, pot_scale_int16=False))
    with pytest.raises(ModelError, match="operator 0 CALL_ONCE version 1: ADD of the subgraph that it calls"):
        tvm.check(graph, "tvmaot", {})


@pytest.mark.slow
def test_state_is_kept_on_chips(tmp_path: Path) -> None:
    """By every backend; reset and sequences by the harness, whose check of memory knows what stays."""
    networks = {"ring": ring(), "lstm": lstm(11, sizes=(13, 9)), "svdf": svdf(13, state="int16")}
    write_models(tmp_path, {name: write(graph) for name, graph in networks.items()})
    backends = ("tvmaot", "tvmaotplus", "tvmllvm", "tvmrt", "tvmcg")
    benches = [f"{name}-{backend}-stm32f7" for name in networks for backend in backends]
    reports = exact_reports(tmp_path, [*benches, "ring-tvmaotplus-esp32c3", "lstm-tvmllvm-esp32c3"])
    assert all(row["validation"]["layers"]["compared"] for row in reports.values())
