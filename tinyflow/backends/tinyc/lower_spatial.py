"""Operators that add up many elements: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, the pools and MEAN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.backends.tinyc.steps import Lowering
from tinyflow.backends.tinyc.strides import RANK, padded_to_rank
from tinyflow.backends.tinynn import choice
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.fields import convolution_fields, output_fields, pool_fields
from tinyflow.backends.tinynn.layouts import Channels
from tinyflow.model.arithmetic import mean
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.weighted import Weighted, symmetric, weighted


def _read(graph: Graph, operator: Operator) -> tuple[Weighted, npt.NDArray[np.int8], Channels]:
    """The operator, its weights, and what it has for each output."""
    layer = symmetric(graph, operator)
    return layer, layer.weights.astype(np.int8), _channels(layer)


def _channels(layer: Weighted) -> Channels:
    parts = (layer.bias, layer.rescaling.multipliers, layer.rescaling.shifts)
    return Channels(*(part.astype(np.int32) for part in parts))


def _convolution(graph: Graph, operator: Operator, variant: str) -> Call:
    layer = weighted(graph, operator)
    if any(layer.weight_zero_points):
        return choice.asymmetric(convolution_fields(layer), layer.weights, _channels(layer), layer.weight_zero_points)
    layer, weights, channels = _read(graph, operator)
    return choice.convolution(variant, convolution_fields(layer), weights, channels)


def _fully_connected(graph: Graph, operator: Operator, variant: str) -> Call:
    layer, weights, channels = _read(graph, operator)
    rows = weights.reshape(layer.outputs, -1)
    return choice.fully_connected(variant, dense_fields(layer), layer.input_zero_point, rows, channels)


def dense_fields(layer: Weighted) -> dict[str, int]:
    """Of struct tinynn_fully_connected, all but pointers."""
    inputs = layer.weights[0].size
    sizes = {"batches": layer.source.elements // inputs, "inputs": inputs, "outputs": layer.outputs}
    return {**sizes, **output_fields(layer)}


def _pool(graph: Graph, operator: Operator, variant: str) -> Call:
    kernel = "max_pool" if operator.name == "MAX_POOL_2D" else "average_pool"
    return choice.plain(variant, kernel, pool_fields(graph, operator))


def _mean(graph: Graph, operator: Operator, variant: str) -> Call:
    return choice.plain(variant, "mean", mean_fields(graph, operator))


def mean_fields(graph: Graph, operator: Operator, form: str = "int8") -> dict[str, Any]:
    """Of struct tinynn_mean."""
    shape = graph.tensors[operator.inputs[0]].shape
    axes = mean.axes_of(graph, operator)
    return {
        "shape": padded_to_rank(shape),
        "reduced": (0,) * (RANK - len(shape)) + tuple(int(axis in axes) for axis in range(len(shape))),
        **mean.constants_of(graph, operator, form),
    }


LOWERINGS: Mapping[str, Lowering] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _fully_connected,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
}
