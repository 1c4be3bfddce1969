"""Convolutions of uint8 networks, whose weights have a zero point: as int8 they compute what LiteRT does in uint8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests_support import litert
from tinyc_host import build
from tinyi_host import Interpreter, outputs_of

from tinyflow.model import reference
from tinyflow.model.builder import GraphBuilder, per_tensor
from tinyflow.model.graph import Quantisation
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.transforms.tidy import tidy


@pytest.mark.slow
@pytest.mark.parametrize("weight_zero_point", [1, 130, 255])
@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_weights_with_a_zero_point(name: str, weight_zero_point: int, tmp_path: Path) -> None:
    """Whatever it is, with padding and a fused activation."""
    random = np.random.default_rng(weight_zero_point)
    builder = GraphBuilder()
    given = Quantisation((0.05,), (90,))
    source = builder.tensor("in", (1, 6, 5, 4), given, "uint8")
    builder.inputs.append(source)
    shape, options = ((7, 3, 3, 4), {}) if name == "CONV_2D" else ((1, 3, 3, 8), {"depth_multiplier": 2})
    channels = 7 if name == "CONV_2D" else 8
    weights = builder.constant(
        "w", random.integers(0, 256, shape), "uint8", Quantisation((0.01,), (weight_zero_point,))
    )
    bias = builder.constant("b", random.integers(-3000, 3000, channels), "int32", per_tensor(0.0005))
    output = builder.tensor("out", (1, 3, 3, channels), Quantisation((0.1,), (100,)), "uint8")
    builder.operator(name, (source, weights, bias), output, stride=(2, 2), activation="RELU6", **options)
    graph = read(write(builder.graph((output,), "net")))
    samples, tidied = reference.make_inputs(graph, 4, seed=7), write(tidy(graph).graph)
    expected = litert(write(graph), graph, samples)
    built = build(tidied, tmp_path / "model")
    assert reference.largest_difference(expected, [built.invoke(sample) for sample in samples]) == 0
    got = outputs_of(tidied, Interpreter.load("c"), "c", samples, expected)
    assert reference.largest_difference(expected, got) == 0
