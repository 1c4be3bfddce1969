"""What tinyc refuses, and that it says why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from changed_graphs import small_resnet, with_operator, with_tensor

from tinyflow.backends import tinyc
from tinyflow.core.errors import ModelError, RecipeError
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import synthesize


@pytest.fixture(scope="module")
def graph() -> Graph:
    """A network with every operator of resnet."""
    return small_resnet()


def _refusal(graph: Graph) -> str:
    with pytest.raises(ModelError) as caught:
        tinyc.check(graph, "tinyc", {})
    assert caught.value.hint
    return str(caught.value)


@pytest.mark.parametrize("name", ["aww", "vww", "resnet", "toycar"])
def test_the_four_networks_pass(name: str) -> None:
    """What the benchmark needs is supported, by every set of kernels."""
    graph = read(synthesize({"graph": name}))
    for cpu, own in (("cortex-m7", "dsp"), ("rv32imc", "rv32"), ("cortex-m3", "c")):
        for kernels in ("ref", "c", own, "best"):
            tinyc.check(graph, "tinyc", {"kernels": kernels, "cpu": cpu})


@pytest.mark.parametrize(("kernels", "cpu"), [("dsp", "rv32imc"), ("rv32", "cortex-m7"), ("dsp", "cortex-m3")])
def test_kernels_of_another_processor_are_refused(graph: Graph, kernels: str, cpu: str) -> None:
    """Before anything is compiled, with what would do."""
    with pytest.raises(RecipeError, match=cpu) as caught:
        tinyc.check(graph, "tinyc", {"kernels": kernels, "cpu": cpu})
    assert "ref, c" in caught.value.hint


def test_an_unsupported_operator_is_named(graph: Graph) -> None:
    """The error says operator, version, tensor and backend."""
    text = _refusal(with_operator(graph, 0, lambda operator: replace(operator, name="SVDF", version=3)))
    for word in ("operator 0", "SVDF", "version 3", "conv_2d_0", "tinyc"):
        assert word in text


def test_a_newer_version_is_refused(graph: Graph) -> None:
    """A version that may compute something else is not compiled on hope."""
    assert "versions up to" in _refusal(with_operator(graph, 1, lambda operator: replace(operator, version=99)))


@pytest.mark.parametrize(("dtype", "advice"), [("float32", "quantise the model to int8"), ("int16", "16x8 mode")])
def test_other_activations_than_int8_are_refused(graph: Graph, dtype: str, advice: str) -> None:
    """A model that is not quantised to int8 is told so, and how it is."""
    text = _refusal(with_tensor(graph, graph.inputs[0], lambda tensor: replace(tensor, dtype=dtype)))
    assert f"is {dtype}, not int8" in text and advice in text


def test_asymmetric_weights_are_refused(graph: Graph) -> None:
    """A zero point of weights would be ignored by the kernels."""
    weights = graph.operators[0].inputs[1]
    shifted = Quantisation((0.5,), (1,))
    assert "not symmetric" in _refusal(
        with_tensor(graph, weights, lambda tensor: replace(tensor, quantisation=shifted))
    )


def test_weights_that_are_no_constant_are_refused(graph: Graph) -> None:
    """Nothing can be packed that is only known later."""
    weights = graph.operators[0].inputs[1]
    assert "no constant" in _refusal(with_tensor(graph, weights, lambda tensor: replace(tensor, data=None)))


def test_an_unknown_activation_is_refused(graph: Graph) -> None:
    """TFLite's integer kernels have four."""
    operator = graph.operators[0]
    options = {**operator.options, "activation": "TANH"}
    assert "TANH" in _refusal(with_operator(graph, 0, lambda operator: replace(operator, options=options)))


def test_softmax_of_another_scale_is_refused(graph: Graph) -> None:
    """Its output scale is fixed by TFLite's specification."""
    other = Quantisation((1 / 128,), (-128,))
    assert "1/256" in _refusal(with_tensor(graph, graph.outputs[0], lambda tensor: replace(tensor, quantisation=other)))
