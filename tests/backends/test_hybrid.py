"""float32 networks with weights of int8: tinyc and tinyi give what LiteRT computes; TFLM has no such kernels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests_support import litert
from tinyc_host import build
from tinyi_host import UNSUPPORTED, Interpreter, outputs_of

from tinyflow.backends import tinyc, tinyi
from tinyflow.core.errors import ModelError
from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

_RANDOM = np.random.default_rng(5)
_SAME = {"padding": "SAME", "stride": (2, 1), "activation": "RELU6"}


def _network(name: str, shape: tuple[int, ...], *scales: float, has_bias: bool = True, **options: Any) -> Graph:
    """One operator with 6 outputs. `scales`: of the weights, one or six."""
    builder = GraphBuilder()
    source = builder.tensor("in", shape, None, "float32")
    builder.inputs.append(source)
    size = {"CONV_2D": (6, 3, 2, 3), "DEPTHWISE_CONV_2D": (1, 3, 2, 6), "FULLY_CONNECTED": (6, 15)}[name]
    axis = 3 if name == "DEPTHWISE_CONV_2D" else 0
    scheme = Quantisation(scales, (0,) * len(scales), axis if len(scales) > 1 else 0)
    weights = builder.constant("weights", _RANDOM.integers(-127, 128, size), "int8", scheme)
    bias = [builder.constant("bias", _RANDOM.normal(size=6), "float32")] if has_bias else []
    rows = {"CONV_2D": (shape[0], 3, 4, 6), "DEPTHWISE_CONV_2D": (shape[0], 3, 4, 6), "FULLY_CONNECTED": (shape[0], 6)}
    made = builder.tensor("out", rows[name], None, "float32")
    builder.operator(name, [source, weights, *bias], made, **options)
    return read(write(builder.graph((made,), "hybrid")))


_SIX = tuple((0.01 * (1 + np.arange(6))).tolist())
CASES = {
    "CONV_2D": lambda: _network("CONV_2D", (2, 5, 4, 3), 0.02, **_SAME),
    "CONV_2D by channels": lambda: _network("CONV_2D", (2, 5, 4, 3), *_SIX, **_SAME),
    "FULLY_CONNECTED without bias": lambda: _network("FULLY_CONNECTED", (3, 15), 0.02, has_bias=False),
    "DEPTHWISE_CONV_2D": lambda: _network("DEPTHWISE_CONV_2D", (1, 5, 4, 3), *_SIX, depth_multiplier=2, **_SAME),
    "FULLY_CONNECTED": lambda: _network("FULLY_CONNECTED", (3, 15), 0.02, activation="RELU"),
    "FULLY_CONNECTED, asymmetric": lambda: _network("FULLY_CONNECTED", (3, 15), 0.02, asymmetric_quantize_inputs=True),
}


def _samples(shape: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """Values of all sizes and signs, zeros, one value alone, and what lies half way between steps."""
    drawn = [_RANDOM.normal(size=shape) * scale + mean for scale, mean in ((1, 0), (1e-3, 5), (40, -60), (1e6, 0))]
    halves = np.resize([127.0, 0.5, -0.5, 1.5, -2.5, -127.0], shape)
    return [(np.asarray(values, np.float32),) for values in (*drawn, np.zeros(shape), np.full(shape, -3.0), halves)]


@pytest.mark.parametrize("title", CASES)
def test_an_operator_gives_what_litert_computes(title: str, tmp_path: Path) -> None:
    """Within the rounding of the last products."""
    graph = CASES[title]()
    content = write(graph)
    samples = _samples(graph.tensors[graph.inputs[0]].shape)
    built, expected = build(content, tmp_path / "model"), litert(content, graph, samples)
    interpreted = outputs_of(content, Interpreter.load("c"), "c", samples, expected)
    for made in ([built.invoke(sample) for sample in samples], interpreted):
        for (found,), (wanted,) in zip(made, expected, strict=True):
            assert np.abs(found - wanted).max() <= 1e-6 * max(np.abs(wanted).max(), 1e-30)


def test_infinite_inputs_are_no_trap(tmp_path: Path) -> None:
    """Nothing is known of the outputs, but that there are some."""
    graph = CASES["FULLY_CONNECTED"]()
    built = build(write(graph), tmp_path / "model")
    for value in (np.inf, -np.inf, np.nan):
        assert built.invoke((np.full((3, 15), value, np.float32),))[0].shape == (3, 6)


def test_weights_with_zero_points_are_refused() -> None:
    """No kernel subtracts them."""
    graph = CASES["CONV_2D"]()
    weights = graph.operators[0].inputs[1]
    shifted = replace(graph.tensors[weights], quantisation=Quantisation((0.02,), (3,)))
    changed = replace(graph, tensors=(*graph.tensors[:weights], shifted, *graph.tensors[weights + 1 :]))
    for backend in (tinyc, tinyi):
        with pytest.raises(ModelError, match="is not constant and symmetric"):
            backend.check(changed, "x", {"kernels": "ref"})
    assert Interpreter.load("c").model(write(changed), 1 << 16).status == UNSUPPORTED


def test_float_and_hybrid_layers_stand_in_one_network() -> None:
    """In tinyi one function takes both kinds of weights."""
    builder = GraphBuilder()
    source = builder.tensor("in", (2, 15), None, "float32")
    builder.inputs.append(source)
    scheme = Quantisation((0.02,), (0,))
    first = builder.constant("int8", _RANDOM.integers(-127, 128, (6, 15)), "int8", scheme)
    second = builder.constant("float32", _RANDOM.normal(size=(4, 6)), "float32")
    hidden, made = (builder.tensor(name, shape, None, "float32") for name, shape in (("h", (2, 6)), ("o", (2, 4))))
    builder.operator("FULLY_CONNECTED", [source, first], hidden, activation="RELU")
    builder.operator("FULLY_CONNECTED", [hidden, second], made)
    graph = read(write(builder.graph((made,), "mixed")))
    content, samples = write(graph), _samples((2, 15))
    expected = litert(content, graph, samples)
    found = outputs_of(content, Interpreter.load("c"), "c", samples, expected)
    for (one,), (wanted,) in zip(found, expected, strict=True):
        assert np.abs(one - wanted).max() <= 1e-5 * max(np.abs(wanted).max(), 1e-30)
