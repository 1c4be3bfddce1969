"""Networks with state by TVM: what they compute from call to call is what TFLM computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from processors import processor
from stateful_networks import lstm, ring, shuffled, svdf
from tests_support import tflm, thinned

from tinyflow.model import reference
from tinyflow.model.graph import Graph
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

Generate = Callable[..., Any]
_WAYS: tuple[dict[str, Any], ...] = (
    {"variant": "aot"},
    {"variant": "aotplus"},
    {"variant": "llvm", "llvm": processor("host").tvm_llvm},
    {"variant": "aotplus", "layout": "NCHW", "debug": True},
    {"variant": "aot", "debug": True},
)


def difference(graph: Graph, generate: Generate, **way: Any) -> tuple[float, Any]:
    """How far outputs are from TFLM's in two sequences of calls, and what was generated."""
    content = write(graph)
    graph = read(content)
    samples = reference.make_inputs(graph, 4, seed=7)
    model = generate(content, **way)
    expected = tflm(content, graph, samples)
    found = 0.0
    for _ in range(2):  # an invoke may overwrite its inputs, so every sample is written anew
        model.reset()
        found = max(found, reference.largest_difference(expected, [model.invoke(sample) for sample in samples]))
    return found, model


@pytest.mark.parametrize("seed", thinned(range(20), 10))
def test_variables_are_read_and_written_in_order(seed: int, generate: Generate) -> None:
    """Whatever is done without a copy, and whoever plans the memory."""
    assert difference(shuffled(seed), generate, **_WAYS[seed % len(_WAYS)])[0] == 0


@pytest.mark.parametrize("way", thinned(_WAYS, 5))
def test_networks_that_stream_copy_no_state(way: dict[str, Any], generate: Generate) -> None:
    """What is kept lies where the concatenation reads it and the slice writes it; it counts as RAM."""
    off, model = difference(ring(), generate, **way)
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
def test_recurrent_operators_are_exact(index: int, name: str, generate: Generate) -> None:
    """Any sizes and scales, over several calls; sequences begin anew with a reset."""
    assert difference(_RECURRENT[name](), generate, **_WAYS[index % len(_WAYS)])[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("build", [lambda seed: svdf(seed, "float32", "float32"), lambda seed: lstm(seed, "float32")])
def test_recurrent_operators_of_real_values(build: Any, seed: int, generate: Generate) -> None:
    """As near as their plan says."""
    off, model = difference(build(seed), generate, **_WAYS[seed])
    assert off <= model.plan["relative_tolerance"]
