"""TRANSPOSE as late as possible: what is transposed and then transposed back, element by element, need not be at all.

Networks that came from channels-first frameworks have one before and one behind every convolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tinyflow.model.graph import Graph, Operator, Shape, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.operators.shapes import axis_of, numbers
from tinyflow.model.transforms.tidy.editing import Editing
from tinyflow.model.transforms.whole_operators import Reasons

# what treats every element alike, wherever it is
_ELEMENTWISE = frozenset(
    (
        *("RELU", "RELU6", "LEAKY_RELU", "LOGISTIC", "TANH", "HARD_SWISH", "ELU", "ABS", "NEG", "SQRT", "SQUARE"),
        *("QUANTIZE", "DEQUANTIZE", "CAST", "ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM"),
    )
)


class _Order(NamedTuple):
    """A tensor as another one with its axes in another order."""

    source: int
    axes: tuple[int, ...]


def sink_transposes(graph: Graph) -> tuple[Graph, Reasons]:
    """The graph with fewer elements transposed, if there are; the reasons are of those TRANSPOSEs that went."""
    if not any(operator.name == "TRANSPOSE" for operator in graph.operators):
        return graph, {}
    sinking = _Sinking(graph)
    operators = [new for operator in graph.operators for new in sinking.sunk(operator)]
    operators += [new for index in graph.outputs for new in sinking.written(index)]
    tensors = tuple(sinking.editing.tensors)
    if _moved(operators, tensors) >= _moved(graph.operators, graph.tensors):
        return graph, {}
    left = {operator.outputs[0] for operator in operators}
    gone = (operator.outputs[0] for operator in graph.operators if operator.name == "TRANSPOSE")
    reasons = {index: "what reads it undoes it, or reads the other order" for index in gone if index not in left}
    return replace(graph, tensors=tensors, operators=tuple(operators)), reasons


def _moved(operators: Sequence[Operator], tensors: Sequence[Tensor]) -> int:
    """Elements that change places, and one for each operator, of those that name axes."""
    return sum(tensors[operator.outputs[0]].elements + 1 for operator in operators if operator.name == "TRANSPOSE")


class _Sinking:
    """One pass: a tensor that only another order of one that there is stays unwritten until somebody must have it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.editing = Editing(graph)
        self._orders: dict[int, _Order] = {}
        self._written: set[int] = set()  # of these

    def sunk(self, operator: Operator) -> Iterator[Operator]:
        """What takes an operator's place, with what must be written before it."""
        if operator.name == "TRANSPOSE" and self.graph.tensors[operator.inputs[1]].is_constant:
            axes = tuple(numbers(self.graph.tensors[operator.inputs[1]]))
            source, before = self._orders.get(operator.inputs[0], _Order(operator.inputs[0], tuple(range(len(axes)))))
            axes = tuple(before[axis_of(axis, len(axes))] for axis in axes)
            self._orders[operator.outputs[0]] = _Order(source, axes)
            return
        orders = {self._orders[index].axes for index in operator.inputs if index in self._orders}
        if len(orders) == 1:
            (axes,) = orders
            moved = self._reordered(operator, axes)
            if moved is not None:
                yield moved
                return
        for index in operator.inputs:
            yield from self.written(index)
        yield operator

    def written(self, index: int) -> Iterator[Operator]:
        """Bring a tensor about that has been another order of one so far."""
        order = self._orders.get(index)
        if order is None or index in self._written:
            return
        self._written.add(index)
        tensor = self.graph.tensors[index]
        list_of = replace(tensor, name="axes", dtype="int32", quantisation=None)
        moving = [axis for axis in order.axes if self.editing.tensors[order.source].shape[axis] > 1]
        if moving == sorted(moving):  # nothing moves but axes of one element
            shape = self.editing.constant(list_of, np.array(tensor.shape), name="shape")
            options = {"new_shape": tensor.shape}
            yield Operator(0, "RESHAPE", describe("RESHAPE").versions[0], (order.source, shape), (index,), options)
        else:
            axes = self.editing.constant(list_of, np.array(order.axes))
            yield Operator(0, "TRANSPOSE", describe("TRANSPOSE").versions[0], (order.source, axes), (index,))

    def _reordered(self, operator: Operator, axes: tuple[int, ...]) -> Operator | None:
        """The operator on tensors in their first order; None where it needs the other one."""
        inputs = [self._orders[index].source if index in self._orders else index for index in operator.inputs]
        if axes == tuple(range(len(axes))):  # it was undone
            return replace(operator, inputs=tuple(inputs))
        read = [self.graph.tensors[index] for index in operator.inputs if index >= 0]
        output = self.graph.tensors[operator.outputs[0]] if len(operator.outputs) == 1 else None
        if output is None or (output.quantisation is not None and output.quantisation.is_per_channel):
            return None
        others = [tensor for tensor in read if tensor.index not in self._orders]
        if operator.name in _ELEMENTWISE and all(tensor.elements == 1 and len(tensor.shape) <= 1 for tensor in others):
            return self._written_in(operator, inputs, axes, output)
        if operator.name == "CONCATENATION" and not others:
            axis = axes[axis_of(operator.options["axis"], len(axes))]
            joined = replace(operator, options={**operator.options, "axis": axis})
            return self._written_in(joined, inputs, axes, output)
        if operator.name in ("PAD", "PADV2") and operator.inputs[0] in self._orders and read[1].is_constant:
            around = np.zeros((len(axes), 2), np.int64)
            around[list(axes)] = np.array(numbers(read[1])).reshape(-1, 2)
            inputs[1] = self.editing.constant(read[1], around)
            return self._written_in(operator, inputs, axes, output)
        if operator.name == "MEAN" and read[0].dtype == "int8" and read[1].is_constant:
            reduced = {axes[axis_of(axis, len(axes))] for axis in numbers(read[1])}
            inputs[1] = self.editing.constant(read[1], np.array(sorted(reduced)))
            if not operator.options["keep_dims"]:
                kept = [axis for axis in axes if axis not in reduced]
                axes = tuple(sorted(kept).index(axis) for axis in kept)
            return self._written_in(operator, inputs, axes, output)
        return None

    def _written_in(self, operator: Operator, inputs: Sequence[int], axes: tuple[int, ...], output: Tensor) -> Operator:
        """The same, with an output that is another order of what it was."""
        if axes == tuple(range(len(axes))):
            return replace(operator, inputs=tuple(inputs))
        made = self.editing.add(output, shape=_first_order(output.shape, axes))
        self._orders[output.index] = _Order(made, axes)
        return replace(operator, inputs=tuple(inputs), outputs=(made,))


def _first_order(shape: Shape, axes: tuple[int, ...]) -> Shape:
    """The shape of which this is the one in order `axes`."""
    return tuple(size for _, size in sorted(zip(axes, shape, strict=True)))
