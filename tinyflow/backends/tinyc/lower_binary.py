"""Operators of two activations, element by element: ADD, SUB, MUL, MINIMUM, MAXIMUM, shapes broadcast."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tinyflow.backends.tinyc.steps import Operand, Step
from tinyflow.backends.tinyc.strides import broadcast_strides, merged, padded_to_rank
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.packing import by_table, plain
from tinyflow.model.arithmetic import binary
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.weighted import integers


def _operands(graph: Graph, operator: Operator) -> tuple[Tensor, ...]:
    """Both inputs, then the output."""
    return tuple(graph.tensors[index] for index in (*operator.inputs, operator.outputs[0]))


def _binary(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """Equal shapes go element by element, with one number by a table; others meet along strides."""
    left, right, output = _operands(graph, operator)
    kernel, fields = operator.name.lower(), binary.constants_of(graph, operator)
    for position, (tensor, other) in enumerate(((right, left), (left, right))):
        number = _number(other)
        if number is not None and tensor.elements == output.elements:
            call = by_table(variant, kernel, fields, tensor.elements, number, is_left=position == 1)
            if call is not None:
                return [Step(operator.index, call, (Operand(tensor.index),), Operand(output.index))]
    elements = {"elements": output.elements}
    if left.elements == right.elements == output.elements:
        return _step(operator, plain(variant, kernel, {**fields, **elements}))
    dimensions = padded_to_rank(output.shape)
    shape, *strides = merged(dimensions, *(broadcast_strides(tensor.shape) for tensor in (left, right)))
    broadcast = {"shape": shape, "left_strides": strides[0], "right_strides": strides[1]}
    call = plain(variant, f"{kernel}_broadcast", {**fields, **elements, "broadcast": broadcast})
    return _step(operator, call)


def _number(tensor: Tensor) -> int | None:
    """The value of a constant that has only one."""
    if not tensor.is_constant:
        return None
    values = integers(tensor)
    return int(values.flat[0]) if (values == values.flat[0]).all() else None


def _step(operator: Operator, call: Call) -> list[Step]:
    left, right = operator.inputs
    return [Step(operator.index, call, (Operand(left), Operand(right)), Operand(operator.outputs[0]))]


LOWERINGS: Mapping[str, Any] = dict.fromkeys(("ADD", "SUB", "MUL", "MINIMUM", "MAXIMUM"), _binary)
