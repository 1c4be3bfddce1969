"""From a checked graph to layers, in the order of its operators: for kernels of ours, or for TVM to legalise."""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow.backends.tvm.frontend import supported
from tinyflow.backends.tvm.frontend.layers import Layer, Network, Value, make_layer
from tinyflow.backends.tvm.kernels.specs import Rounding
from tinyflow.backends.tvm.legalised.rules import LegalisedSpec
from tinyflow.model.graph import Graph, Tensor


def lower(graph: Graph, rounding: Rounding) -> Network:
    """The layers that some output needs."""
    values = {index: _value(graph.tensors[index]) for index in graph.inputs}
    layers: list[Layer] = []
    for operator in graph.operators:
        if supported.is_view(graph, operator):
            values[operator.outputs[0]] = values[operator.inputs[0]]
            continue
        is_kernel = supported.path_of(graph, operator) == "kernel"
        inputs = tuple(
            values[index] for index in operator.inputs if index >= 0 and not graph.tensors[index].is_constant
        )
        for position, index in enumerate(operator.outputs):
            values[index] = output = _value(graph.tensors[index])
            if is_kernel:
                layers.append(make_layer(graph, operator, inputs, output, rounding))
            else:
                layers.append(Layer(LegalisedSpec(graph, operator, position), inputs, output, None, operator.index))
    inputs, outputs = (tuple(values[index] for index in indices) for indices in (graph.inputs, graph.outputs))
    return Network(inputs, outputs, _needed(layers, outputs))


def _value(tensor: Tensor) -> Value:
    return Value(tensor.elements, tensor.name, tensor.dtype)


def _needed(layers: Sequence[Layer], outputs: Sequence[Value]) -> tuple[Layer, ...]:
    """Those without which some output would be missing."""
    wanted, kept = set(outputs), list[Layer]()
    for layer in reversed(layers):
        if layer.output in wanted:
            wanted.update(layer.inputs)
            kept.append(layer)
    return tuple(reversed(kept))
