"""Operators that add up many elements: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, the pools and MEAN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinyc.steps import Operand, Step
from tinyflow.backends.tinyc.strides import RANK, padded_to_rank
from tinyflow.backends.tinynn import packing
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.fields import convolution_fields, output_fields, pool_fields
from tinyflow.model.arithmetic import mean
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.weighted import Weighted, symmetric

Int8s = npt.NDArray[np.int8]


def _step(operator: Operator, call: Call) -> list[Step]:
    return [Step(operator.index, call, (Operand(operator.inputs[0]),), Operand(operator.outputs[0]))]


def _conv2d(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    layer = symmetric(graph, operator)
    fields, weights = convolution_fields(layer), layer.weights.astype(np.int8)
    return _step(operator, packing.conv2d(variant, fields, weights, *_channels(layer)))


def _depthwise(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    layer = symmetric(graph, operator)
    fields, weights = convolution_fields(layer), layer.weights.astype(np.int8)
    taps = weights.reshape(*layer.window.size, -1)
    return _step(operator, packing.depthwise(variant, fields, taps, *_channels(layer)))


def _fully_connected(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    layer = symmetric(graph, operator)
    rows = layer.weights.astype(np.int8).reshape(layer.outputs, -1)
    if operator.options["weights_format"] != "DEFAULT":
        raise Unsupported("shuffled weights are not supported", "convert for microcontrollers")
    fields = {
        "batches": layer.source.elements // rows.shape[1],
        "inputs": rows.shape[1],
        "outputs": layer.outputs,
        **output_fields(layer),
    }
    call = packing.fully_connected(variant, fields, layer.input_zero_point, rows, *_channels(layer))
    return _step(operator, call)


def _channels(layer: Weighted) -> tuple[Any, Any, Any]:
    """Bias, multipliers and shifts, int32."""
    parts = (layer.bias, layer.rescaling.multipliers, layer.rescaling.shifts)
    bias, multipliers, shifts = (part.astype(np.int32) for part in parts)
    return bias, multipliers, shifts


def _pool(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    kernel = "max_pool" if operator.name == "MAX_POOL_2D" else "average_pool"
    return _step(operator, packing.plain(variant, kernel, pool_fields(graph, operator)))


def _mean(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    shape = graph.tensors[operator.inputs[0]].shape
    axes = mean.axes_of(graph, operator)
    fields = {
        "shape": padded_to_rank(shape),
        "reduced": (0,) * (RANK - len(shape)) + tuple(int(axis in axes) for axis in range(len(shape))),
        **mean.constants_of(graph, operator),
    }
    return _step(operator, packing.plain(variant, "mean", fields))


LOWERINGS: Mapping[str, Any] = {
    "CONV_2D": _conv2d,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
}
