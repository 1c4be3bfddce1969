"""Random layers to try kernels on: the same everywhere, taken by TFLM, and as odd as they are meant to be."""

from __future__ import annotations

import numpy as np
import pytest
from tests_support import tflm

from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import graphs, synthesize
from tinyflow.model.zoo.trials import TRIALS


@pytest.mark.parametrize("name", TRIALS)
def test_tflm_takes_all_layers_and_none_is_trivial(name: str) -> None:
    """Equal bytes for equal seeds; every output depends on its input and hardly one is saturated everywhere."""
    model = synthesize({"graph": name, "count": 12, "seed": 3})
    assert model == synthesize({"graph": name, "count": 12, "seed": 3})
    assert model != synthesize({"graph": name, "count": 12, "seed": 4})
    graph = read(model)
    assert len(graph.operators) == len(graph.outputs) == 12
    random = np.random.default_rng(0)
    samples = [
        [random.integers(-128, 128, graph.tensors[index].shape, np.int8) for index in graph.inputs] for _ in range(3)
    ]
    outputs = tflm(model, graph, samples)
    changing = sum(
        any(not np.array_equal(outputs[0][i], other[i]) for other in outputs[1:]) for i in range(len(graph.outputs))
    )
    assert changing >= 9


def test_layers_are_odd() -> None:
    """Activations, zero points and strides of all kinds, and scales that are powers of two."""
    graph = read(synthesize({"graph": "trial_conv2d"}))
    assert len({operator.options["activation"] for operator in graph.operators}) == 4
    assert {operator.options["padding"] for operator in graph.operators} == {"SAME", "VALID"}
    assert len({operator.options["stride"] for operator in graph.operators}) >= 4
    outputs = [graph.tensors[index].quantisation for index in graph.outputs]
    assert {-128, 127} < {quantisation.zero_point for quantisation in outputs if quantisation is not None}
    powers = [q for q in outputs if q is not None and np.log2(q.scale) == round(float(np.log2(q.scale)))]
    assert 4 < len(powers) < 20
    assert set(TRIALS) < set(graphs())
