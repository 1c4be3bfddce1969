"""float32 operators: what backends compute is TFLM's, bit for bit or within the bound that their plans state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from real_networks import NETWORKS, RealNet
from tests_support import tflm, thinned
from tinyc_host import build
from tinyi_host import Interpreter, outputs_of

from tinyflow.backends.generated import real_tolerances
from tinyflow.model.graph import Graph
from tinyflow.model.interpreters import Sample
from tinyflow.model.tflite_writer import write


def _samples(graph: Graph, count: int = 3) -> list[Sample]:
    """Normal values, large ones among them."""
    random = np.random.default_rng(7)
    shapes = [graph.tensors[index].shape for index in graph.inputs]
    return [tuple((2.0**i * random.normal(size=shape)).astype(np.float32) for shape in shapes) for i in range(count)]


def assert_near(graph: Graph, expected: list[Sample], got: list[Sample]) -> None:
    """Each difference is within the bound, of the tensor's largest value."""
    bound = real_tolerances(graph).get("relative_tolerance", 0.0)
    for wanted, found in zip((a for sample in expected for a in sample), (a for s in got for a in s), strict=True):
        assert np.abs(wanted - found).max() <= bound * np.abs(wanted).max()


# the variant c has kernels of its own for these
_TUNED = [name for name in NETWORKS if "CONV_2D" in name or "FULLY" in name]


@pytest.mark.parametrize(
    ("name", "variant"), thinned([*((name, "ref") for name in NETWORKS), *((name, "c") for name in _TUNED)], 12)
)
def test_tinyc_computes_what_tflm_does(name: str, variant: str, tmp_path: Path) -> None:
    """Bit for bit, and within 1e-5 of the largest value where a function of the C library is in it."""
    net = RealNet()
    graph = net.made(NETWORKS[name](net))
    content, samples = write(graph), _samples(graph)
    built = build(content, tmp_path / "model", kernels=variant)
    assert_near(graph, tflm(content, graph, samples), [built.invoke(sample) for sample in samples])


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    """With the kernels in portable C."""
    return Interpreter.load("c")


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_tinyi_computes_what_tflm_does(name: str, interpreter: Interpreter) -> None:
    """As tinyc; its plan is the tool's."""
    net = RealNet()
    graph = net.made(NETWORKS[name](net))
    content, samples = write(graph), _samples(graph)
    expected = tflm(content, graph, samples)
    assert_near(graph, expected, outputs_of(content, interpreter, "c", samples, expected))
