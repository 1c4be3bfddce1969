"""From a checked graph to layers, in the order of its operators: for kernels of ours, or for TVM to legalise."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from tinyflow.backends.tvm.frontend import supported
from tinyflow.backends.tvm.frontend.layers import Layer, Network, Value, make_layer
from tinyflow.backends.tvm.kernels.specs import Rounding
from tinyflow.backends.tvm.legalised.rules import LegalisedSpec
from tinyflow.model import variables
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.transforms.tidy.padding import fold_any_padding
from tinyflow.model.weighted import constant_values


def lower(graph: Graph, rounding: Rounding) -> Network:
    """The layers that some output needs, or a later call."""
    return _Lowering(graph, rounding).network()


class _Lowering:
    """A graph on its way. Variables are values that layers write anew, or in place."""

    def __init__(self, graph: Graph, rounding: Rounding) -> None:
        self._graph, self._rounding = graph, rounding
        self._layers: list[Layer] = []
        self._values = {index: _value(graph.tensors[index]) for index in graph.inputs}
        self._variables = {key: _value(replace(tensor, name=key[1])) for key, tensor in graph.resources.items()}
        self._initial = {
            self._variables[key]: _bytes_at_first(graph, key, tensor) for key, tensor in graph.resources.items()
        }
        for tensor in graph.tensors:
            if tensor.is_variable:
                self._values[tensor.index] = value = _value(tensor)
                self._initial[value] = _initial_bytes(tensor)
        self._in_place = {index: self._variables[key] for index, key in variables.in_place(graph).items()}

    def network(self) -> Network:
        """All of it."""
        for operator in fold_any_padding(self._graph).operators:
            if supported.is_view(self._graph, operator):
                self._values[operator.outputs[0]] = self._values[operator.inputs[0]]
            elif operator.name == "READ_VARIABLE":
                (index,) = operator.outputs
                self._values[index] = self._in_place.get(index) or self._copy(operator, self._variable(operator), index)
            elif operator.name == "ASSIGN_VARIABLE":
                self._assign(operator, operator.inputs[1])
            elif operator.name not in ("VAR_HANDLE", "CALL_ONCE"):
                self._compute(operator)
        inputs, outputs = (
            tuple(self._values[index] for index in indices) for indices in (self._graph.inputs, self._graph.outputs)
        )
        return Network(inputs, outputs, _needed(self._layers, outputs, self._initial), self._initial)

    def _variable(self, operator: Operator) -> Value:
        return self._variables[self._graph.handles[operator.inputs[0]]]

    def _compute(self, operator: Operator) -> None:
        is_kernel = supported.is_tuned(self._graph, operator)
        inputs = tuple(self._values[index] for index in operator.inputs if index >= 0 and not self._is_constant(index))
        for position, index in enumerate(operator.outputs):
            self._values[index] = output = self._in_place.get(index) or _value(self._graph.tensors[index])
            if is_kernel:
                layer = make_layer(self._graph, operator, inputs, output, self._rounding)
            else:
                layer = Layer(LegalisedSpec(self._graph, operator, position), inputs, output, None, operator.index)
            self._layers.append(layer)

    def _assign(self, operator: Operator, index: int) -> None:
        """A copy, where what is assigned wasn't computed in place."""
        variable = self._variable(operator)
        if self._is_constant(index):
            self._move(operator, index, (), variable)
        elif self._values[index] is not variable:
            self._move(operator, index, (self._values[index],), variable)

    def _copy(self, operator: Operator, source: Value, index: int) -> Value:
        copied = _value(self._graph.tensors[index])
        self._move(operator, index, (source,), copied)
        return copied

    def _move(self, operator: Operator, index: int, inputs: tuple[Value, ...], output: Value) -> None:
        """A layer that only reads the value of this tensor and writes it elsewhere."""
        tensor = replace(self._graph.tensors[index], index=0, is_variable=False)
        tensors = (tensor, replace(tensor, index=1, data=None))
        reshaping = Operator(operator.index, "RESHAPE", 1, (0,), (1,))
        spec = LegalisedSpec(Graph(tensors, (reshaping,), (0,), (1,)), reshaping)
        self._layers.append(Layer(spec, inputs, output, None, operator.index))

    def _is_constant(self, index: int) -> bool:
        return self._graph.tensors[index].is_constant


def _value(tensor: Tensor) -> Value:
    return Value(tensor.elements, tensor.name, tensor.dtype)


def _initial_bytes(tensor: Tensor) -> bytes:
    return bytes([variables.initial_byte(tensor)]) * tensor.size_bytes


def _bytes_at_first(graph: Graph, key: variables.Key, tensor: Tensor) -> bytes:
    """What the subgraphs that are run once assign to a resource variable."""
    found = _initial_bytes(tensor)
    for operator in graph.operators:
        for part in (graph.graphs[number] for number in operator.calls):
            for name, index in part.resource_uses():
                if name == key and part.tensors[index].is_constant:
                    found = constant_values(part.tensors[index]).tobytes()
    return found


def _needed(layers: Sequence[Layer], outputs: Sequence[Value], kept: Collection[Value]) -> tuple[Layer, ...]:
    """Those without which some output would be missing, or what is kept would not change."""
    wanted, found = {*outputs, *kept}, list[Layer]()
    for layer in reversed(layers):
        if layer.output in wanted or any(value in kept for value in layer.inputs):
            wanted.update(layer.inputs)
            found.append(layer)
    return tuple(reversed(found))
