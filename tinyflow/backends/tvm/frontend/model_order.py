"""Which operator of the model each layer computes; TVM's importer keeps neither their order nor their names."""

from __future__ import annotations

from dataclasses import replace

from tinyflow.backends.tvm.frontend.layers import Layer, Network
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import describe


def in_model_order(network: Network, graph: Graph) -> Network:
    """The layers that some output needs, told their operators and put in the order of these.

    Network and graph are followed together from their outputs back: what writes an output is the same step in both.
    """
    writer_of_value = {layer.output: layer for layer in network.layers}
    writer_of_tensor = {tensor: operator for operator in graph.operators for tensor in operator.outputs}
    found: dict[int, Layer] = {}
    pairs = list(zip(network.outputs, graph.outputs, strict=True))
    while pairs:
        value, tensor = pairs.pop()
        operator = _behind_reshapes(tensor, writer_of_tensor)
        if operator is not None and operator.index not in found:
            layer = writer_of_value[value]
            found[operator.index] = replace(layer, operator=operator.index)
            pairs += zip(layer.inputs, _activations(operator, graph), strict=True)
    return replace(network, layers=tuple(found[index] for index in sorted(found)))


def _behind_reshapes(tensor: int, writers: dict[int, Operator]) -> Operator | None:
    """The operator whose bytes a tensor holds; None where they are an input of the graph."""
    operator = writers.get(tensor)
    while operator is not None and describe(operator.name).is_view:
        operator = writers.get(operator.inputs[0])
    return operator


def _activations(operator: Operator, graph: Graph) -> list[int]:
    return [index for index in operator.inputs if index >= 0 and not graph.tensors[index].is_constant]
