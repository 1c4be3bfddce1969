"""The output of an operator for given inputs, whatever its family: for folding constants, and for bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tinyflow.model.arithmetic import binary, unary, window_sums
from tinyflow.model.arithmetic.exponential import softmax
from tinyflow.model.arithmetic.mean import mean
from tinyflow.model.arithmetic.moving import MOVING, nearest, results
from tinyflow.model.fixed_point import Integers, activation_range, softmax_scaling
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import WEIGHTED
from tinyflow.model.operators.forms import check_form, quantisation_of, quantisations
from tinyflow.model.weighted import Weighted, weighted, window


def evaluate(graph: Graph, operator: Operator, *read: Integers) -> Integers:
    """The first output, of its tensor's shape; `read` are the values of all inputs that are there, shaped like them.

    Weights, biases and numbers that say how are taken from the graph. ValueError where the operator isn't one of
    int8 that is known here.
    """
    if operator.name not in _RULES:
        raise ValueError(f"{operator.name} is not known")
    check_form(graph, operator)
    made = _RULES[operator.name](graph, operator, read)
    return made.reshape(graph.tensors[operator.outputs[0]].shape)


def accumulated(layer: Weighted, values: Integers, weights: Integers | None = None) -> Integers:
    """Sums of products of an operator with weights, [N, H, W, out] without biases; with other weights than its own."""
    channels = layer.weights.shape[2] if layer.is_depthwise else layer.weights.shape[3]
    # each row of a fully connected layer is an N
    is_image = values.ndim == 4 and values.shape[3] == channels
    source = (values if is_image else values.reshape(-1, 1, 1, channels)) - layer.input_zero_point
    convolve = window_sums.convolved_depthwise if layer.is_depthwise else window_sums.convolved
    return convolve(source, layer.weights if weights is None else weights, layer.window)


def finished(layer: Weighted, accumulators: Integers) -> Integers:
    """Outputs of sums of products and biases."""
    moved = layer.rescaling.apply(accumulators) + layer.output_zero_point
    return np.clip(moved, layer.lowest, layer.highest)


def _weighted(graph: Graph, operator: Operator, read: Sequence[Integers]) -> Integers:
    layer = weighted(graph, operator)
    return finished(layer, accumulated(layer, read[0]) + layer.bias)


def _pool(graph: Graph, operator: Operator, read: Sequence[Integers]) -> Integers:
    made = quantisation_of(graph.tensors[operator.outputs[0]])
    lowest, highest = activation_range(operator.options["activation"], made)
    pool = window_sums.largest if operator.name == "MAX_POOL_2D" else window_sums.average
    return np.clip(pool(read[0], window(graph, operator)), lowest, highest)


def _unary(graph: Graph, operator: Operator, read: Sequence[Integers]) -> Integers:
    return unary.RESULTS[operator.name](unary.constants_of(graph, operator), read[0])


def _binary(graph: Graph, operator: Operator, read: Sequence[Integers]) -> Integers:
    return binary.result(operator.name, binary.constants_of(graph, operator), *read)


def _softmax(graph: Graph, operator: Operator, read: Sequence[Integers]) -> Integers:
    given, _ = quantisations(graph, operator)
    return softmax(read[0], *softmax_scaling(given.scale, operator.options["beta"]))


def _resize(graph: Graph, operator: Operator, read: Sequence[Integers]) -> Integers:
    wanted = graph.tensors[operator.outputs[0]].shape
    rows, columns = (nearest(operator, read[0].shape[axis], wanted[axis]) for axis in (1, 2))
    return read[0][:, rows][:, :, columns]


_RULES: Mapping[str, Callable[[Graph, Operator, Sequence[Integers]], Integers]] = {
    **dict.fromkeys(WEIGHTED, _weighted),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _pool),
    **dict.fromkeys(binary.NAMES, _binary),
    **dict.fromkeys(unary.RESULTS, _unary),
    "SOFTMAX": _softmax,
    **dict.fromkeys(MOVING, lambda graph, operator, read: results(graph, operator, read)[0]),
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "MEAN": lambda graph, operator, read: mean(graph, operator, read[0]),
}
