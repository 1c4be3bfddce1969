"""Operators element by element or row by row: of one activation, of two, and what gives another type."""

from __future__ import annotations

from collections.abc import Mapping

from tinyflow.backends.programs.steps import Lowered, Lowering, Operand, Step
from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinyc.strides import broadcast_strides, merged, padded_to_rank
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.choice import by_table, plain
from tinyflow.backends.tinynn.kernels import kernels_of
from tinyflow.model.arithmetic import binary, unary
from tinyflow.model.fixed_point import softmax_scaling
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators.forms import activations, quantisation_of
from tinyflow.model.weighted import integers


def _softmax(graph: Graph, operator: Operator, variant: str) -> Call:
    source, output = activations(graph, operator)
    multiplier, left_shift, least = softmax_scaling(quantisation_of(source).scale, operator.options["beta"])
    fields = {
        "rows": source.elements // source.shape[-1],
        "columns": source.shape[-1],
        "multiplier": multiplier,
        "left_shift": left_shift,
        "least_difference": least,
    }
    return plain(variant, "softmax" if output.dtype == "int8" else "softmax_int8_int16", fields)


def _function(graph: Graph, operator: Operator, variant: str) -> Call:
    """A function of single values."""
    source, output = activations(graph, operator)
    kernel = "requantise" if operator.name in unary.RESCALING else operator.name.lower()
    kernel += "_uint8" if source.dtype == "uint8" else ""
    return plain(variant, kernel, {"elements": output.elements, **unary.constants_of(graph, operator)})


def quantise(graph: Graph, operator: Operator, variant: str) -> Call:
    """QUANTIZE from float32, or from integers of another scale or type."""
    source, output = activations(graph, operator)
    if not source.is_integer:
        return _affine("quantise", variant, source, output)
    if {source.dtype, output.dtype} <= {"int8", "uint8"}:
        return _function(graph, operator, variant)
    kernel = f"requantise_{source.dtype}_{output.dtype}"
    _check_kernel(kernel, source, output)
    return plain(variant, kernel, {"elements": output.elements, **unary.constants_of(graph, operator)})


def dequantise(graph: Graph, operator: Operator, variant: str) -> Call:
    """DEQUANTIZE to float32."""
    source, output = activations(graph, operator)
    if output.dtype != "float32":
        raise Unsupported(f"{output.name} is {output.dtype}", "dequantise to float32")
    return _affine("dequantise", variant, source, output)


def _affine(kernel: str, variant: str, source: Tensor, output: Tensor) -> Call:
    """From float32, or to it."""
    tensor = source if source.is_integer else output
    kernel += "" if tensor.dtype == "int8" else f"_{tensor.dtype}"
    _check_kernel(kernel, source, output)
    scheme = quantisation_of(tensor, tensor.dtype)
    fields = {"elements": tensor.elements, "scale": scheme.scale, "zero_point": scheme.zero_point}
    return plain(variant, kernel, fields)


def _check_kernel(kernel: str, source: Tensor, output: Tensor) -> None:
    if not kernels_of(kernel, "ref"):
        raise Unsupported(f"from {source.dtype} to {output.dtype} is not supported")


def _binary(graph: Graph, operator: Operator, variant: str) -> Lowered:
    """Equal shapes go element by element, with one number by a table; others meet along strides."""
    left, right, output = activations(graph, operator)
    kernel, fields = operator.name.lower(), binary.constants_of(graph, operator)
    for position, (tensor, other) in enumerate(((right, left), (left, right))):
        number = _number(other)
        if number is not None and tensor.elements == output.elements:
            call = by_table(variant, kernel, fields, tensor.elements, number, is_left=position == 1)
            if call is not None:
                return [Step(operator.index, call, (Operand(tensor.index),), Operand(output.index))]
    return elementwise(variant, kernel, "", fields, (left, right, output))


def elementwise(
    variant: str, kernel: str, suffix: str, fields: Mapping[str, int], operands: tuple[Tensor, Tensor, Tensor]
) -> Call:
    """An operator of two inputs, broadcast where they have other shapes than the output; `suffix`: of its kernels."""
    left, right, output = operands
    all_fields = {**fields, "elements": output.elements}
    if left.elements == right.elements == output.elements:
        return plain(variant, kernel + suffix, all_fields)
    dimensions = padded_to_rank(output.shape)
    shape, *strides = merged(dimensions, *(broadcast_strides(tensor.shape) for tensor in (left, right)))
    broadcast = {"shape": shape, "left_strides": strides[0], "right_strides": strides[1]}
    return plain(variant, f"{kernel}_broadcast{suffix}", {**all_fields, "broadcast": broadcast})


def _number(tensor: Tensor) -> int | None:
    """The value of a constant that has only one."""
    if not tensor.is_constant:
        return None
    values = integers(tensor)
    return int(values.flat[0]) if (values == values.flat[0]).all() else None


LOWERINGS: Mapping[str, Lowering] = {
    **dict.fromkeys(unary.RESULTS, _function),
    **dict.fromkeys(binary.NAMES, _binary),
    "SOFTMAX": _softmax,
    "QUANTIZE": quantise,
    "DEQUANTIZE": dequantise,
}
