"""Operators of two activations, element by element: ADD, SUB, MUL, MINIMUM, MAXIMUM, shapes broadcast."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tinyflow.backends.tinyc.steps import Operand, Step
from tinyflow.backends.tinyc.strides import broadcast_strides, merged, padded_to_rank
from tinyflow.backends.tinynn.calls import Call, Field
from tinyflow.backends.tinynn.packing import by_table, plain
from tinyflow.model.fixed_point import ADD_LEFT_SHIFT, activation_range, add_factors, rescaling_factor
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.weighted import integers, whole


def _operands(graph: Graph, operator: Operator) -> tuple[Tensor, ...]:
    """Both inputs, then the output."""
    return tuple(graph.tensors[index] for index in (*operator.inputs, operator.outputs[0]))


def _clamp(operator: Operator, made: Quantisation) -> dict[str, int]:
    lowest, highest = activation_range(str(operator.options["activation"]), made.scale, made.zero_point)
    return {"lowest": lowest, "highest": highest}


def _add(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    left, right, made = (whole(tensor) for tensor in _operands(graph, operator))
    factors = add_factors(left.scale, right.scale, made.scale)
    (m0, s0), (m1, s1), (m2, s2) = (rescaling_factor(real) for real in factors)
    fields: dict[str, Field] = {
        "left_shift": ADD_LEFT_SHIFT,
        "left_zero_point": left.zero_point,
        "left_multiplier": m0,
        "left_multiplier_shift": s0,
        "right_zero_point": right.zero_point,
        "right_multiplier": m1,
        "right_multiplier_shift": s1,
        "output_zero_point": made.zero_point,
        "output_multiplier": m2,
        "output_multiplier_shift": s2,
        **_clamp(operator, made),
    }
    return _binary(graph, operator, variant, fields)


def _mul(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    left, right, made = (whole(tensor) for tensor in _operands(graph, operator))
    multiplier, shift = rescaling_factor(left.scale * right.scale / made.scale)
    fields: dict[str, Field] = {
        "left_zero_point": left.zero_point,
        "right_zero_point": right.zero_point,
        "output_zero_point": made.zero_point,
        "output_multiplier": multiplier,
        "output_multiplier_shift": shift,
        **_clamp(operator, made),
    }
    return _binary(graph, operator, variant, fields)


def _extreme(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    return _binary(graph, operator, variant, {})


_BINARY_KERNELS = {"ADD": "add", "SUB": "sub", "MUL": "mul", "MINIMUM": "minimum", "MAXIMUM": "maximum"}


def _binary(graph: Graph, operator: Operator, variant: str, fields: dict[str, Field]) -> Iterable[Step]:
    """Equal shapes go element by element, with one number by a table; others meet along strides."""
    left, right, output = _operands(graph, operator)
    kernel = _BINARY_KERNELS[operator.name]
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


LOWERINGS: Mapping[str, Any] = {
    "ADD": _add,
    "SUB": _add,
    "MUL": _mul,
    "MINIMUM": _extreme,
    "MAXIMUM": _extreme,
}
