"""Operators of one activation, element by element or row by row: activations, SOFTMAX, QUANTIZE, DEQUANTIZE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinyc.steps import Step
from tinyflow.backends.tinynn.packing import plain
from tinyflow.model.arithmetic import unary
from tinyflow.model.fixed_point import softmax_scaling
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators.int8 import quantisation_of


def _softmax(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    source = graph.tensors[operator.inputs[0]]
    multiplier, left_shift, least = softmax_scaling(quantisation_of(source).scale, operator.options["beta"])
    fields = {
        "rows": source.elements // source.shape[-1],
        "columns": source.shape[-1],
        "multiplier": multiplier,
        "left_shift": left_shift,
        "least_difference": least,
    }
    yield Step.of(operator, plain(variant, "softmax", fields))


def _function(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """A function of single values."""
    kernel = "requantise" if operator.name in unary.RESCALING else operator.name.lower()
    fields = {"elements": graph.tensors[operator.outputs[0]].elements, **unary.constants_of(graph, operator)}
    yield Step.of(operator, plain(variant, kernel, fields))


def _quantise(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """QUANTIZE from float32, or from int8 of another scale."""
    if graph.tensors[operator.inputs[0]].is_integer:
        return _function(graph, operator, variant)
    return _affine(operator, "quantise", variant, graph.tensors[operator.outputs[0]])


def _dequantise(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    output = graph.tensors[operator.outputs[0]]
    if output.dtype != "float32":
        raise Unsupported(f"{output.name} is {output.dtype}", "dequantise to float32")
    return _affine(operator, "dequantise", variant, graph.tensors[operator.inputs[0]])


def _affine(operator: Operator, kernel: str, variant: str, tensor: Tensor) -> Iterable[Step]:
    scheme = quantisation_of(tensor)
    fields = {"elements": tensor.elements, "scale": scheme.scale, "zero_point": scheme.zero_point}
    yield Step.of(operator, plain(variant, kernel, fields))


LOWERINGS: Mapping[str, Any] = {
    **dict.fromkeys(unary.RESULTS, _function),
    "SOFTMAX": _softmax,
    "QUANTIZE": _quantise,
    "DEQUANTIZE": _dequantise,
}
