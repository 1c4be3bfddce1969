"""Grouped convolutions, whose weights see some of the input's channels only, by operators that every backend knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.transforms.tidy.editing import Editing, edit
from tinyflow.model.transforms.whole_operators import Reasons
from tinyflow.model.weighted import constant_values

_MOST_GROUPS = 64


def part_groups(graph: Graph) -> tuple[Graph, Reasons]:
    """Each group is a convolution of its own; groups of one channel are a depthwise convolution together."""
    return edit(graph, "its groups are operators of their own", _parted, "CONV_2D")


def _parted(editing: Editing, operator: Operator) -> Iterator[Operator]:
    source, weights, *others = (editing.tensors[index] for index in operator.inputs if index >= 0)
    groups = source.shape[3] // weights.shape[3]
    scheme = weights.quantisation
    is_along_channels = scheme is None or not scheme.is_per_channel or scheme.axis == 0
    if groups < 2 or not all(tensor.is_constant for tensor in (weights, *others)) or not is_along_channels:
        return
    if weights.shape[3] == 1:
        yield _depthwise(editing, operator, source, weights)
    elif groups <= _MOST_GROUPS:
        yield from _apart(editing, operator, groups, [weights, *others])


def _depthwise(editing: Editing, operator: Operator, source: Tensor, weights: Tensor) -> Operator:
    """Weights [out, kh, kw, 1] are [1, kh, kw, out] there; outputs of one input channel lie side by side in both."""
    scheme = weights.quantisation
    laid = np.moveaxis(constant_values(weights), 0, 3).reshape(1, *weights.shape[1:3], weights.shape[0])
    along = replace(scheme, axis=3) if scheme is not None and scheme.is_per_channel else scheme
    moved = editing.constant(weights, laid, quantisation=along)
    return replace(
        operator,
        name="DEPTHWISE_CONV_2D",
        inputs=(operator.inputs[0], moved, *operator.inputs[2:]),
        options={**operator.options, "depth_multiplier": weights.shape[0] // source.shape[3]},
    )


def _apart(editing: Editing, operator: Operator, groups: int, constants: list[Tensor]) -> Iterator[Operator]:
    source, output = editing.tensors[operator.inputs[0]], editing.tensors[operator.outputs[0]]
    axis = editing.constant(source, np.array(3), name="axis", dtype="int32", quantisation=None)
    shapes = [(*tensor.shape[:3], tensor.shape[3] // groups) for tensor in (source, output)]
    pieces = tuple(editing.add(source, shape=shapes[0]) for _ in range(groups))
    made = tuple(editing.add(output, shape=shapes[1]) for _ in range(groups))
    yield Operator(
        0, "SPLIT", describe("SPLIT").versions[0], (axis, operator.inputs[0]), pieces, {"num_splits": groups}
    )
    for group, (piece, result) in enumerate(zip(pieces, made, strict=True)):
        named = iter([_channels(editing, tensor, group, groups) for tensor in constants])
        inputs = tuple(next(named) if index >= 0 else -1 for index in operator.inputs[1:])
        yield replace(operator, inputs=(piece, *inputs), outputs=(result,))
    joined = {"axis": 3, "activation": "NONE"}
    yield Operator(0, "CONCATENATION", describe("CONCATENATION").versions[0], made, operator.outputs, joined)


def _channels(editing: Editing, tensor: Tensor, group: int, groups: int) -> int:
    """The weights or biases of one group, which lie side by side."""
    count = tensor.shape[0] // groups
    mine, scheme = slice(group * count, (group + 1) * count), tensor.quantisation
    if scheme is not None and scheme.is_per_channel:
        scheme = replace(scheme, scales=scheme.scales[mine], zero_points=scheme.zero_points[mine])
    return editing.constant(tensor, constant_values(tensor)[mine], quantisation=scheme)
