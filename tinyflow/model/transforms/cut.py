"""A run of operators as a network of its own."""

from __future__ import annotations

from tinyflow.model.graph import Graph
from tinyflow.model.transforms.record import Change


def cut(graph: Graph, first: int, last: int) -> Change:
    """Operators `first` to `last`, both included, as `Graph.between` has them."""
    change = Change(graph)
    written = [i for operator in (*graph.operators[:first], *graph.operators[last + 1 :]) for i in operator.outputs[:1]]
    change.operators_went(graph.between(first, last), dict.fromkeys(written, "it was cut off"))
    return change
