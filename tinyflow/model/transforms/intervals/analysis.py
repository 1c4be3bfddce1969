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
        if tensor.data is not None and tensor.dtype in ("int8", "int32"):
            known[tensor.index] = Bounds.exactly(integers(tensor))
    for index in graph.inputs:
        _add(known, index, Bounds.unknown(graph.tensors[index]))
    left = _MOST_ELEMENTS
    for operator in graph.operators:
        elements = sum(graph.tensors[index].elements for index in (*operator.inputs, *operator.outputs) if index >= 0)
        computed = output_bounds(graph, operator, known) if elements <= left else None
        if computed is not None:
            left -= graph.tensors[operator.outputs[0]].elements
        for position, index in enumerate(operator.outputs):
            tensor = graph.tensors[index]
            bounds = computed if position == 0 and tensor.dtype == "int8" else None
            _add(known, index, bounds or Bounds.unknown(tensor))
    return known


def _add(known: dict[int, Bounds], index: int, bounds: Bounds | None) -> None:
    if bounds is not None:
        known[index] = bounds
