"""Which kernels tinyc takes for which processor."""

from __future__ import annotations

import pytest
from changed_graphs import small_resnet
from processors import processor

from tinyflow.backends import tinyc
from tinyflow.core.errors import RecipeError
from tinyflow.model.graph import Graph
from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import synthesize


@pytest.fixture(scope="module")
def graph() -> Graph:
    """A network with every operator of resnet."""
    return small_resnet()


@pytest.mark.parametrize("name", ["aww", "vww", "resnet", "toycar"])
@pytest.mark.every(4)
def test_the_four_networks_pass(name: str) -> None:
    """What the benchmark needs is supported, by every set of kernels."""
    graph = read(synthesize({"graph": name}))
    for cpu, own in (("cortex-m7", "dsp"), ("rv32imc", "rv32"), ("cortex-m3", "c")):
        for kernels in ("ref", "c", own, "best"):
            tinyc.check(
                graph, "tinyc", {"kernels": kernels, "cpu": cpu, "processor_kernels": processor(cpu).kernel_variants}
            )


@pytest.mark.parametrize(("kernels", "cpu"), [("dsp", "rv32imc"), ("rv32", "cortex-m7"), ("dsp", "cortex-m3")])
def test_kernels_of_another_processor_are_refused(graph: Graph, kernels: str, cpu: str) -> None:
    """Before anything is compiled, with what would do."""
    with pytest.raises(RecipeError, match=cpu) as caught:
        tinyc.check(
            graph, "tinyc", {"kernels": kernels, "cpu": cpu, "processor_kernels": processor(cpu).kernel_variants}
        )
    assert "ref, c" in caught.value.hint
