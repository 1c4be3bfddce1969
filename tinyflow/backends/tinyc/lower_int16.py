"""Operators with activations of int16 (weights of int8), whose zero points are 0."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tinyflow.backends.arrays import Constant
from tinyflow.backends.programs.steps import Lowered, Lowering
from tinyflow.backends.tinyc.lower_elementwise import dequantise, elementwise, quantise
from tinyflow.backends.tinyc.lower_spatial import by_blocks, dense_fields, goes_by_blocks, matmul_fields, mean_fields
from tinyflow.backends.tinynn import choice, layouts
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.choice import plain
from tinyflow.backends.tinynn.fields import convolution_fields, pool_fields
from tinyflow.model.arithmetic import binary, unary
from tinyflow.model.fixed_point import Rescaling, dense_factor, limits_of, softmax_int16_scaling
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.forms import activations, quantisation_of
from tinyflow.model.weighted import Weighted, symmetric

_FORM = "int16"


def _read(graph: Graph, operator: Operator) -> tuple[Weighted, npt.NDArray[np.int8], layouts.Array]:
    """The operator, its weights, its records."""
    layer = symmetric(graph, operator, _FORM)
    records = layouts.wide_records(layer.bias, layer.rescaling, has_wide_sums=layer.bias_dtype != "int32")
    return layer, layer.weights.astype(np.int8), records


def _convolution(graph: Graph, operator: Operator, variant: str) -> Call:
    layer, weights, records = _read(graph, operator)
    return choice.convolution_int16(variant, convolution_fields(layer), weights, records)


def _fully_connected(graph: Graph, operator: Operator, variant: str) -> Call:
    layer, weights, records = _read(graph, operator)
    return choice.fully_connected_int16(variant, dense_fields(layer), weights.reshape(layer.outputs, -1), records)


def _transpose_conv(graph: Graph, operator: Operator, variant: str) -> Lowered:
    layer, weights, records = _read(graph, operator)
    if not goes_by_blocks(layer, variant):
        constants = {"weights": Constant(weights), "channels": Constant(records)}
        return plain(variant, "transpose_conv_int16", {**constants, **convolution_fields(layer)})

    def convolve(fields: Mapping[str, int], kernels: npt.NDArray[np.int8], times: int) -> Call:
        return choice.convolution_int16(variant, fields, kernels, np.tile(records, (times, 1)))

    return by_blocks(operator, variant, layer, weights, convolve)


def _batch_matmul(graph: Graph, operator: Operator, variant: str) -> Call:
    given, other, made = (quantisation_of(tensor, _FORM) for tensor in activations(graph, operator))
    rescaling = Rescaling.of([dense_factor(given.scale, other.scale, made.scale)])
    ((_, _, multiplier, shift),) = layouts.wide_records(np.zeros(1, np.int64), rescaling, has_wide_sums=True).tolist()
    lowest, highest = limits_of(_FORM)
    scaling = {"multiplier": multiplier, "shift": shift, "lowest": lowest, "highest": highest}
    return plain(variant, "matmul_int16", {**matmul_fields(graph, operator), **scaling})


def _pool(graph: Graph, operator: Operator, variant: str) -> Call:
    kernel = "max_pool" if operator.name == "MAX_POOL_2D" else "average_pool"
    return plain(variant, f"{kernel}_int16", pool_fields(graph, operator, _FORM))


def _mean(graph: Graph, operator: Operator, variant: str) -> Call:
    return plain(variant, "mean_int16", mean_fields(graph, operator, _FORM))


def _softmax(graph: Graph, operator: Operator, variant: str) -> Call:
    source, _ = activations(graph, operator)
    multiplier, left_shift = softmax_int16_scaling(quantisation_of(source, _FORM).scale, operator.options["beta"])
    columns = source.shape[-1]
    fields = {"rows": source.elements // columns, "columns": columns}
    return plain(variant, "softmax_int16", {**fields, "multiplier": multiplier, "left_shift": left_shift})


def _function(graph: Graph, operator: Operator, variant: str) -> Call:
    """A function of single values."""
    kernel = "requantise_int16" if operator.name in unary.RESCALING else operator.name.lower()
    elements = {"elements": graph.tensors[operator.outputs[0]].elements}
    return plain(variant, f"{kernel}_int16", {**elements, **unary.constants_of(graph, operator, _FORM)})


def _binary(graph: Graph, operator: Operator, variant: str) -> Call:
    left, right, output = activations(graph, operator)
    fields = binary.constants_of(graph, operator, _FORM)
    return elementwise(variant, operator.name.lower(), "_int16", fields, (left, right, output))


LOWERINGS: Mapping[str, Lowering] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), _convolution),
    "FULLY_CONNECTED": _fully_connected,
    "TRANSPOSE_CONV": _transpose_conv,
    "BATCH_MATMUL": _batch_matmul,
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _pool),
    **dict.fromkeys(("MEAN", "SUM"), _mean),
    "SOFTMAX": _softmax,
    **dict.fromkeys(("LOGISTIC", "TANH", "LEAKY_RELU", "RELU", "RELU6"), _function),
    **dict.fromkeys(binary.NAMES, _binary),
    "QUANTIZE": quantise,
    "DEQUANTIZE": dequantise,
}
