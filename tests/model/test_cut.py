"""Parts of a network: one behind the other they are the whole."""

from __future__ import annotations

import pytest
from tests_support import tflm

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph
from tinyflow.model.reference import Sample, make_inputs
from tinyflow.model.summary import macs
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.transforms.cut import cut
from tinyflow.model.zoo import synthesize

NETWORKS = {
    "chain": {"graph": "toycar", "features": 9, "hidden": 5, "depth": 2},
    "residual": {"graph": "resnet", "size": 8, "channels": 4, "stacks": 2},
}


def outputs(graph: Graph, sample: Sample) -> Sample:
    """What TFLM makes of it, as a file of its own."""
    return tflm(write(graph), read(write(graph)), [sample])[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_two_parts_make_the_whole(name: str) -> None:
    """Wherever one tensor alone crosses the cut."""
    graph = read(synthesize(NETWORKS[name]))
    (sample,) = make_inputs(graph, 1, 3)
    expected = outputs(graph, sample)[0].tobytes()
    crossings = 0
    for last in range(len(graph.operators) - 1):
        head, tail = cut(graph, 0, last).graph, cut(graph, last + 1, len(graph.operators) - 1).graph
        assert macs(head) + macs(tail) == macs(graph)
        if len(head.outputs) == len(tail.inputs) == 1:
            crossings += 1
            assert outputs(tail, outputs(head, sample))[0].tobytes() == expected
    assert crossings >= len(graph.operators) / 2


def test_a_layer_that_two_branches_enter_has_two_inputs() -> None:
    """An addition alone."""
    graph = read(synthesize(NETWORKS["residual"]))
    (add,) = (operator.index for operator in graph.operators if operator.name == "ADD" and operator.index < 5)
    part = cut(graph, add, add).graph
    assert (len(part.inputs), len(part.outputs), len(part.operators)) == (2, 1, 1)
    assert len(part.tensors) == 3  # nothing of the rest comes along


@pytest.mark.parametrize(("first", "last"), [(99, 99), (-1, 0), (3, 2)])
def test_layers_that_are_not_there(first: int, last: int) -> None:
    """The refusal tells which there are."""
    graph = read(synthesize(NETWORKS["chain"]))
    with pytest.raises(ModelError) as refusal:
        cut(graph, first, last)
    assert f"layers 0 to {len(graph.operators) - 1}" in refusal.value.hint
