"""Networks of views, in which nothing is computed and inputs are outputs: exact on every backend."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_networks import Net
from tests_support import exact_reports, write_models

from tinyflow.model.graph import Graph
from tinyflow.model.tflite_writer import write

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]
BACKENDS = ("tinyc", "tinyi", "tvmaot", "tvmaotplus", "tvmllvm", "tvmrt", "tvmcg")


def _reshaped(net: Net, source: int, *shape: int) -> int:
    return net.operator("RESHAPE", source, net.constant(shape, "int32"), shape=shape, new_shape=shape)


def _alone() -> Graph:
    """One RESHAPE."""
    net = Net(1, 4, 6)
    return net.graph(_reshaped(net, net.input, 1, 24))


def _several() -> Graph:
    """Views of a view, the graph's input among its outputs, and one output twice."""
    net = Net(1, 4, 6)
    flat = _reshaped(net, net.input, 1, 24)
    return net.graph(_reshaped(net, flat, 1, 2, 12), net.input, flat, flat)


def _passed_on() -> Graph:
    """An operator beside an output that is the input."""
    net = Net(1, 4, 6, 2)
    pooled = net.operator("MAX_POOL_2D", net.input, padding="SAME", stride=(1, 1), filter=(2, 2))
    return net.graph(pooled, net.input)


MODELS = {"alone": _alone, "several": _several, "passed_on": _passed_on}


def test_views_are_exact_on_every_backend(tmp_path: Path) -> None:
    """The arena stays in firmware that never touches it, and what nobody computes has lifetimes too."""
    write_models(tmp_path, {name: write(make()) for name, make in MODELS.items()})
    benches = [f"{name}-{backend}-stm32f7" for name in MODELS for backend in BACKENDS]
    benches += ["several-tvmrt-stm32f7+graph.binary", "several-tvmaot-stm32f7+debug", "several-tinyc-esp32c3+shrink"]
    benches += ["alone-tinyc-host", "alone-tvmcg-host"]
    exact_reports(tmp_path, benches)
