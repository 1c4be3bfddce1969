"""A small network with one thing changed, for what backends must refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import synthesize


def small_resnet() -> Graph:
    """A network with every operator of resnet."""
    return read(synthesize({"graph": "resnet", "size": 8, "channels": 4, "stacks": 1}))


def with_operator(graph: Graph, index: int, change: Callable[[Operator], Operator]) -> Graph:
    """The graph with one operator changed."""
    operators = tuple(change(operator) if operator.index == index else operator for operator in graph.operators)
    return replace(graph, operators=operators)


def with_tensor(graph: Graph, index: int, change: Callable[[Tensor], Tensor]) -> Graph:
    """The graph with one tensor changed."""
    tensors = tuple(change(tensor) if tensor.index == index else tensor for tensor in graph.tensors)
    return replace(graph, tensors=tensors)
