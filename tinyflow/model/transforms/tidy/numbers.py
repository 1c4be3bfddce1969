"""Constants in the form that kernels know: lists of numbers in int32, weights of int8 without zero points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tinyflow.model.arithmetic.constants import values
from tinyflow.model.graph import Graph, Operator, Quantisation
from tinyflow.model.operators import WEIGHTED, describe
from tinyflow.model.transforms.tidy.editing import Editing, edit, is_small_enough
from tinyflow.model.transforms.whole_operators import Reasons


def narrow_lists(graph: Graph) -> tuple[Graph, Reasons]:
    """Axes, sizes and paddings of int64 become int32."""
    return edit(graph, "its list of numbers is int32 now", _narrow)


def _narrow(editing: Editing, operator: Operator) -> Iterator[Operator]:
    inputs = list(operator.inputs)
    for position in describe(operator.name).parameters:
        index = inputs[position] if position < len(inputs) else -1
        numbers = editing.tensors[index] if index >= 0 else None
        if numbers is None or numbers.dtype != "int64" or not numbers.is_constant:
            continue
        if is_small_enough(values(numbers), "int32"):
            inputs[position] = editing.constant(numbers, values(numbers), dtype="int32")
    if inputs != list(operator.inputs):
        yield replace(operator, inputs=tuple(inputs))


def centre_weights(graph: Graph) -> tuple[Graph, Reasons]:
    """Zero points of weights go: convolutions of int8 don't look at them, others subtract them where int8 has room."""
    return edit(graph, "its weights have no zero points now", _centre, *WEIGHTED)


def _centre(editing: Editing, operator: Operator) -> Iterator[Operator]:
    weights = editing.tensors[operator.inputs[1]]
    scheme = weights.quantisation
    if weights.dtype != "int8" or not weights.is_constant or scheme is None or not any(scheme.zero_points):
        return
    made = values(weights).astype(np.int64)
    if operator.name == "FULLY_CONNECTED" or operator.version == 1:
        shape = [1] * made.ndim
        if scheme.is_per_channel:
            shape[scheme.axis] = -1
        made = made - np.array(scheme.zero_points).reshape(shape)
    if is_small_enough(made, "int8"):
        none = Quantisation(scheme.scales, (0,) * len(scheme.scales), scheme.axis)
        centred = editing.constant(weights, made, quantisation=none)
        yield replace(operator, inputs=(operator.inputs[0], centred, *operator.inputs[2:]))
