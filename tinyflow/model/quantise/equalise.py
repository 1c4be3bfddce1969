"""Channels made more equally large, so that none is left with a few steps of the tensor's one scale.

M. Nagel et al., "Data-free quantization through weight equalization and bias correction", ICCV 2019, section 4.1, by
the ranges of activations, and over residuals too: a factor above 0 passes through RELU, ADD and pools. Weights behind
have scales for other axes, but `rounding` makes up for what they lose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.quantise.groups import Groups
from tinyflow.model.quantise.rounding import Reals
from tinyflow.model.quantise.tensors import reals

_PASSING = ("ADD", "SUB", "AVERAGE_POOL_2D", "MAX_POOL_2D", "RELU", "RESHAPE", "PAD", "MEAN")
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_POSITIVE = ("NONE", "RELU")
# a channel is never made larger than by this, and only half the way on a scale of logarithms: one that hardly moves in
# the samples may in others
_MOST, _SHARE = 64.0, 0.5


def equalised(graph: Graph, largest: Mapping[int, Reals]) -> Graph:
    """The graph, which computes the same but for rounding; `largest`: of each activation, by channels."""
    groups = Groups()
    for operator in graph.operators:
        touched = _activations(graph, operator)
        for index in touched:
            groups.join(touched[0] if operator.name in _PASSING else index, index)
    tensors = list(graph.tensors)
    for members in groups.members():
        beside = [one for one in graph.operators if not members.isdisjoint((*one.inputs, *one.outputs))]
        if not members.isdisjoint((*graph.inputs, *graph.outputs)):
            continue
        reaches = [largest[index] for index in members if index in largest and len(graph.tensors[index].shape) == 4]
        if len({len(reach) for reach in reaches}) != 1:
            continue
        reach = np.max(reaches, axis=0)
        if reach.max() > 0 and all(_is_scalable(graph, one, members, len(reach)) for one in beside):
            factors = np.clip(reach.max() / np.maximum(reach, 1e-30), 1, _MOST) ** _SHARE
            factors[reach == 0] = 1
            for operator in beside:
                _scale(tensors, operator, members, factors)
    return replace(graph, tensors=tuple(tensors))


def _activations(graph: Graph, operator: Operator) -> list[int]:
    read = [index for index in operator.inputs if index >= 0 and not graph.tensors[index].is_constant]
    return [*read, *operator.outputs]


def _is_scalable(graph: Graph, operator: Operator, members: set[int], channels: int) -> bool:
    """Whether channels of these tensors can be as much larger in what an operator writes as in what it reads."""
    if operator.options.get("activation", "NONE") not in _POSITIVE and operator.outputs[0] in members:
        return False
    if operator.name in _WEIGHTED:
        own = [graph.tensors[index] for index in operator.inputs[1:3] if index >= 0]
        uses = [one.inputs for one in graph.operators]
        alone = all(sum(one.index in read for read in uses) == 1 for one in own)
        is_float = all(one.is_constant and one.dtype == "float32" for one in own)
        weights = own[0].shape
        reads = operator.inputs[0] in members
        # a convolution in groups has fewer channels in its weights
        fits = not reads or (weights[-1] % channels == 0 and (operator.name != "CONV_2D" or weights[-1] == channels))
        return alone and is_float and fits and (operator.name != "FULLY_CONNECTED" or reads)
    shapes = [graph.tensors[index].shape for index in _activations(graph, operator)]
    is_flat = operator.name == "RESHAPE" and len(shapes[1]) == 2 and shapes[1][0] == shapes[0][0]
    keeps_channels = is_flat or operator.name in ("MEAN",) or all(shape[-1:] == (channels,) for shape in shapes)
    is_alone = operator.name not in ("ADD", "SUB") or len(shapes) == 3
    if operator.name == "MEAN":  # over height and width
        keeps_channels = shapes[1][-1:] == (channels,)
    return operator.name in _PASSING and keeps_channels and is_alone


def _scale(tensors: list[Tensor], operator: Operator, members: set[int], factors: Reals) -> None:
    if operator.name not in _WEIGHTED:
        return
    axis = describe(operator.name).weights_axis
    assert axis is not None
    if operator.outputs[0] in members:
        for position, along in ((1, axis), (2, 0)):
            if position < len(operator.inputs) and operator.inputs[position] >= 0:
                _multiply(tensors, operator.inputs[position], factors, along)
    if operator.inputs[0] in members:
        # of a depthwise operator, channels are its outputs; rows of a flattened image have channels last
        width = tensors[operator.inputs[1]].shape[-1]
        repeated = width // len(factors)
        is_depthwise = operator.name == "DEPTHWISE_CONV_2D"
        each = np.repeat(factors, repeated) if is_depthwise else np.tile(factors, repeated)
        _multiply(tensors, operator.inputs[1], 1 / each, -1)


def _multiply(tensors: list[Tensor], index: int, factors: Reals, axis: int) -> None:
    shape = [1] * len(tensors[index].shape)
    shape[axis] = -1
    values = reals(tensors[index]) * factors.reshape(shape)
    tensors[index] = replace(tensors[index], data=values.astype("<f4").tobytes())
