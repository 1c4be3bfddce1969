"""Constants in the form that kernels know: lists of numbers in int32, weights of int8 or int4 without zero points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tinyflow.model.graph import Graph, Operator, Quantisation
from tinyflow.model.operators import WEIGHTED, describe
from tinyflow.model.transforms.tidy.editing import Editing, edit, is_small_enough
from tinyflow.model.transforms.whole_operators import Reasons
from tinyflow.model.weighted import constant_values


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
        if is_small_enough(constant_values(numbers), "int32"):
            inputs[position] = editing.constant(numbers, constant_values(numbers), dtype="int32")
    if inputs != list(operator.inputs):
        yield replace(operator, inputs=tuple(inputs))


def unpack_weights(graph: Graph) -> tuple[Graph, Reasons]:
    """Weights of int4, two to a byte, become int8 where TFLM has no int4, or other steps need room."""
    return edit(graph, "its weights of int4 are int8 now", _unpacked, *WEIGHTED)


def _unpacked(editing: Editing, operator: Operator) -> Iterator[Operator]:
    weights = editing.tensors[operator.inputs[1]]
    if weights.dtype == "int4" and weights.is_constant and not _has_int4_form(editing, operator):
        wide = editing.constant(weights, constant_values(weights), dtype="int8")
        yield replace(operator, inputs=(operator.inputs[0], wide, *operator.inputs[2:]))


def _has_int4_form(editing: Editing, operator: Operator) -> bool:
    source, weights = (editing.tensors[index] for index in operator.inputs[:2])
    scheme = weights.quantisation
    is_symmetric = scheme is not None and min(scheme.scales) >= 0 and not any(scheme.zero_points)
    is_grouped = operator.name == "CONV_2D" and weights.shape[-1] != source.shape[-1]
    return source.dtype == "int8" and is_symmetric and not is_grouped


def centre_weights(graph: Graph) -> tuple[Graph, Reasons]:
    """Zero points of weights go: convolutions of int8 don't look at them, others subtract them where int8 has room."""
    return edit(graph, "its weights have no zero points now", _centre, *WEIGHTED)


def _centre(editing: Editing, operator: Operator) -> Iterator[Operator]:
    weights = editing.tensors[operator.inputs[1]]
    scheme = weights.quantisation
    if weights.dtype != "int8" or not weights.is_constant or scheme is None or not any(scheme.zero_points):
        return
    made = constant_values(weights).astype(np.int64)
    if operator.name == "FULLY_CONNECTED" or operator.version == 1:
        shape = [1] * made.ndim
        if scheme.is_per_channel:
            shape[scheme.axis] = -1
        made = made - np.array(scheme.zero_points).reshape(shape)
    if is_small_enough(made, "int8"):
        none = Quantisation(scheme.scales, (0,) * len(scheme.scales), scheme.axis)
        centred = editing.constant(weights, made, quantisation=none)
        yield replace(operator, inputs=(operator.inputs[0], centred, *operator.inputs[2:]))


def positive_scales(graph: Graph) -> tuple[Graph, Reasons]:
    """Channels whose scale is negative (batch normalisation can make it so) have weights and bias negated instead.

    Sums change their sign, and so does the factor that they are rescaled by: their product is rounded alike.
    """
    return edit(graph, "the scales of its channels are positive now", _positive, *WEIGHTED)


def _positive(editing: Editing, operator: Operator) -> Iterator[Operator]:
    weights, axis = editing.tensors[operator.inputs[1]], describe(operator.name).weights_axis
    scheme = weights.quantisation
    if weights.dtype != "int8" or not weights.is_constant or scheme is None or any(scheme.zero_points):
        return
    if min(scheme.scales) >= 0 or editing.tensors[operator.inputs[0]].dtype != "int8":
        return  # sums of int16 are rounded another way
    assert axis is not None, operator.name
    signs = np.where(np.array(scheme.scales) < 0, -1, 1)
    shape = [1] * len(weights.shape)
    shape[axis] = -1
    inputs = list(operator.inputs)
    for position, along in ((1, shape), (2, [-1])):
        index = inputs[position] if position < len(inputs) else -1
        if index >= 0:
            tensor = editing.tensors[index]
            made = constant_values(tensor).astype(np.int64) * signs.reshape(along) if tensor.is_constant else None
            if made is None or not is_small_enough(made, tensor.dtype):
                return
            inputs[position] = editing.constant(tensor, made)
    scales = tuple(abs(scale) for scale in scheme.scales)
    editing.tensors[inputs[1]] = replace(editing.tensors[inputs[1]], quantisation=replace(scheme, scales=scales))
    yield replace(operator, inputs=tuple(inputs))
