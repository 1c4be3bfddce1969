from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from changed_graphs import small_resnet, with_operator, with_tensor

from tinyflow.backends import tvm
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import synthesize


@pytest.fixture(scope="module")
def graph() -> Graph:
    """A network with every operator of resnet."""
    return small_resnet()


def refusal(graph: Graph) -> str:
    """The text of the error."""
    with pytest.raises(ModelError) as caught:
        tvm.check(graph, "tvmaot", {})
    assert caught.value.hint
    return str(caught.value)


@pytest.mark.parametrize("name", ["aww", "vww", "resnet", "toycar"])
def test_the_four_networks_pass(name: str) -> None:
    """What the benchmark needs is supported."""
    tvm.check(read(synthesize({"graph": name})), "tvmaot", {})


def test_an_unsupported_operator_is_named(graph: Graph) -> None:
    """The error says operator, version, tensor and backend."""
    text = refusal(with_operator(graph, 0, lambda operator: replace(operator, name="SVDF", version=3)))
    for word in ("operator 0", "SVDF", "version 3", "conv_2d_0", "tvmaot"):
        assert word in text


def test_a_newer_version_is_refused(graph: Graph) -> None:
    """A version that may compute something else is not compiled on hope."""
    assert "version 99" in refusal(with_operator(graph, 1, lambda operator: replace(operator, version=99)))


def test_float_activations_are_refused(graph: Graph) -> None:
    """A float model is told to be quantised."""
    text = refusal(with_tensor(graph, graph.inputs[0], lambda tensor: replace(tensor, dtype="float32")))
    assert "float32" in text and "quantise" in text


def test_int16_activations_are_refused(graph: Graph) -> None:
    """Integers of another width too."""
    text = refusal(with_tensor(graph, graph.inputs[0], lambda tensor: replace(tensor, dtype="int16")))
    assert "not int8" in text


def test_asymmetric_weights_are_refused(graph: Graph) -> None:
    """A zero point of weights would be ignored by the kernels."""
    weights = graph.operators[0].inputs[1]
    shifted = Quantisation((0.5,), (1,))
    text = refusal(with_tensor(graph, weights, lambda tensor: replace(tensor, quantisation=shifted)))
    assert "not symmetric" in text


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [("dilation", (2, 2), "dilation"), ("activation", "TANH", "TANH"), ("activation", "SIGN_BIT", "SIGN_BIT")],
)
def test_unsupported_options_are_refused(graph: Graph, option: str, value: object, word: str) -> None:
    """An option that the kernels don't know is an error, never ignored."""
    changed = with_operator(graph, 0, lambda o: replace(o, options={**o.options, option: value}))
    assert word in refusal(changed)


def test_softmax_needs_its_output_scale(graph: Graph) -> None:
    """TFLite fixes it; another one would give wrong numbers."""
    softmax = graph.operators[-1]
    other = Quantisation((1 / 128,), (-128,))
    assert "1/256" in refusal(with_tensor(graph, softmax.outputs[0], lambda t: replace(t, quantisation=other)))


def test_check_imports_neither_tvm_nor_numpy() -> None:
    """Checking is cheap: it happens before anything is built."""
    program = "import sys, tinyflow.backends.tvm; print([m for m in ('tvm', 'numpy', 'tflite') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
