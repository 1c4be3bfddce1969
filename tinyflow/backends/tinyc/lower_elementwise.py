"""Operators that go element by element or row by row: ADD and its kin, activations, SOFTMAX, QUANTIZE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tinyflow.backends.tinyc.packing import Field, plain
from tinyflow.backends.tinyc.steps import Operand, Step, Unsupported
from tinyflow.model.fixed_point import (
    ADD_LEFT_SHIFT,
    activation_range,
    add_factors,
    quantise_multiplier,
    softmax_scaling,
)
from tinyflow.model.graph import Graph, Operator, Quantisation, Shape, Tensor
from tinyflow.model.weighted import whole

# axes of the kernels that take any shape: TINYNN_RANK
RANK = 5
# SOFTMAX of int8 gives these, by TFLite's quantisation specification
_SOFTMAX_OUTPUT = (1 / 256, -128)


def _step(operator: Operator, kernel: str, variant: str, fields: Mapping[str, Field]) -> list[Step]:
    inputs = tuple(Operand(index) for index in operator.inputs)
    return [Step(operator.index, plain(variant, kernel, fields), inputs, Operand(operator.outputs[0]))]


def _operands(graph: Graph, operator: Operator) -> tuple[Tensor, ...]:
    """All inputs, then the output."""
    return tuple(graph.tensors[index] for index in (*operator.inputs, operator.outputs[0]))


def _clamp(operator: Operator, made: Quantisation) -> dict[str, int]:
    lowest, highest = activation_range(str(operator.options["activation"]), made.scale, made.zero_point)
    return {"lowest": lowest, "highest": highest}


def _add(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    left, right, made = (whole(tensor) for tensor in _operands(graph, operator))
    factors = add_factors(left.scale, right.scale, made.scale)
    (m0, s0), (m1, s1), (m2, s2) = (quantise_multiplier(real) for real in factors)
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
    multiplier, shift = quantise_multiplier(left.scale * right.scale / made.scale)
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
    if len({whole(tensor) for tensor in _operands(graph, operator)}) > 1:
        raise Unsupported("inputs and output are quantised differently", "convert with TFLite's converter")
    return _binary(graph, operator, variant, {})


_BINARY_KERNELS = {"ADD": "add", "SUB": "sub", "MUL": "mul", "MINIMUM": "minimum", "MAXIMUM": "maximum"}


def _binary(graph: Graph, operator: Operator, variant: str, fields: dict[str, Field]) -> Iterable[Step]:
    """Equal shapes go element by element; others meet along strides."""
    left, right, output = _operands(graph, operator)
    kernel = _BINARY_KERNELS[operator.name]
    elements = {"elements": output.elements}
    if left.elements == right.elements == output.elements:
        return _step(operator, kernel, variant, {**fields, **elements})
    broadcast = {
        "shape": _five(output.shape),
        "left_strides": _strides(left.shape),
        "right_strides": _strides(right.shape),
    }
    return _step(operator, f"{kernel}_broadcast", variant, {**fields, **elements, "broadcast": broadcast})


def _five(shape: Shape) -> tuple[int, ...]:
    if len(shape) > RANK:
        raise Unsupported(f"tensors of {len(shape)} dimensions are not supported", f"use {RANK} at most")
    return (1,) * (RANK - len(shape)) + shape


def strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Elements from one index of each axis to the next, in a dense tensor."""
    steps = [1]
    for size in reversed(shape[1:]):
        steps.append(steps[-1] * size)
    return tuple(reversed(steps))


def _strides(shape: Shape) -> tuple[int, ...]:
    """Strides along RANK axes, 0 where an axis is repeated."""
    sizes = _five(shape)
    return tuple(0 if size == 1 else step for size, step in zip(sizes, strides(sizes), strict=True))


def _softmax(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    source, output = _operands(graph, operator)
    made = whole(output)
    if (made.scale, made.zero_point) != _SOFTMAX_OUTPUT:
        raise Unsupported("the output is not quantised as 1/256 and -128", "quantise with TFLite's converter")
    beta = operator.options.get("beta", 1.0)
    assert isinstance(beta, float), "readers give a number"
    multiplier, left_shift, least = softmax_scaling(whole(source).scale, beta)
    fields = {
        "rows": source.elements // source.shape[-1],
        "columns": source.shape[-1],
        "multiplier": multiplier,
        "left_shift": left_shift,
        "least_difference": least,
    }
    return _step(operator, "softmax", variant, fields)


LOWERINGS: Mapping[str, Any] = {
    "ADD": (3, _add),
    "SUB": (3, _add),
    "MUL": (3, _mul),
    "MINIMUM": (3, _extreme),
    "MAXIMUM": (3, _extreme),
    "SOFTMAX": (2, _softmax),
}
