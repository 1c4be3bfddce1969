"""The walk over a graph in which each operator's bounds come from those that it reads."""

from __future__ import annotations

from collections.abc import Mapping

from tinyflow.model.graph import Graph
from tinyflow.model.transforms.intervals.bounds import Bounds
from tinyflow.model.transforms.intervals.rules import output_bounds
from tinyflow.model.weighted import integers

# Elements of all bounds that were computed; beyond, nothing is known of an activation. 16 bytes each.
_MOST_ELEMENTS = 1 << 23


def analyse(graph: Graph) -> Mapping[int, Bounds]:
    """Tensor → bounds, for graph inputs, int8 and int32 constants and whatever operators write in int8."""
    known: dict[int, Bounds] = {}
    for tensor in graph.tensors:
        if tensor.is_constant and tensor.dtype in ("int8", "int32"):
            known[tensor.index] = Bounds.exactly(integers(tensor))
        elif tensor.dtype == "int8":
            known[tensor.index] = Bounds.of_int8(tensor.shape)
    left = _MOST_ELEMENTS
    for operator in graph.operators:
        elements = sum(graph.tensors[index].elements for index in (*operator.inputs, *operator.outputs) if index >= 0)
        output = graph.tensors[operator.outputs[0]]
        computed = output_bounds(graph, operator, known) if elements <= left else None
        if computed is not None and output.dtype == "int8":
            left -= output.elements
            known[output.index] = computed
    return known
