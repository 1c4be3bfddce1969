"""Which channels can go: the largest sets, one for each activation, that every operator agrees with.

A channel (an index of the last axis) can go where nothing that stays can tell: it adds the same number to each
accumulator that reads it, for every input and at every position, so that a bias can hold it; or nothing that stays
reads it. Most operators treat channels one by one, so that they go from all their operands or from none. The search
begins with everything and takes back what an operator objects to, until none does; since every operator's kept outputs
then follow from its kept inputs, the network computes the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyflow.model.arithmetic import binary, mean, unary
from tinyflow.model.arithmetic.window_sums import windows
from tinyflow.model.fixed_point import INT32_MAX, Integers
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import VIEWS
from tinyflow.model.transforms.intervals import Bounds, require_modest
from tinyflow.model.weighted import Weighted, integers, weighted

Mask = npt.NDArray[np.bool_]


@dataclass
class _Search:
    """What is still thought to be removable: activation → mask over its channels, to be narrowed only."""

    graph: Graph
    bounds: Mapping[int, Bounds]
    removable: dict[int, Mask]

    def channels(self, index: int) -> int:
        shape = self.graph.tensors[index].shape
        return shape[-1] if shape else 1

    def keep_all(self, *indices: int) -> None:
        for index in indices:
            if index in self.removable:
                self.removable[index][:] = False

    def tie(self, *masks: Mask) -> None:
        """Channels of several operands go together."""
        common = np.logical_and.reduce(masks)
        for mask in masks:
            mask[:] = common


def removable_channels(graph: Graph, bounds: Mapping[int, Bounds]) -> Mapping[int, Mask]:
    """Activation → which channels can go; at least one of each stays, and so do inputs and outputs of the graph."""
    written = {index for operator in graph.operators for index in operator.outputs}
    search = _Search(graph, bounds, {})
    for index in written.union(graph.inputs):
        is_inner = index not in graph.inputs and index not in graph.outputs
        search.removable[index] = np.full(search.channels(index), is_inner)
    _settle(search)
    while emptied := [mask for mask in search.removable.values() if mask.all()]:
        for mask in emptied:
            mask[0] = False
        _settle(search)
    return search.removable


def _settle(search: _Search) -> None:
    """Ask all operators until none objects. Masks only lose members, so this ends."""
    before = -1
    while (left := sum(int(mask.sum()) for mask in search.removable.values())) != before:
        before = left
        for operator in reversed(search.graph.operators):
            _ANSWERS.get(operator.name, _keep_everything)(search, operator)


def _keep_everything(search: _Search, operator: Operator) -> None:
    search.keep_all(*operator.inputs, *operator.outputs)


def _answer_weighted(search: _Search, operator: Operator) -> None:
    """CONV_2D, FULLY_CONNECTED: any output can go, and each input that biases can replace."""
    source, output = operator.inputs[0], operator.outputs[0]
    try:
        layer = weighted(search.graph, operator)
    except ValueError:
        _keep_everything(search, operator)
        return
    kept = ~search.removable[output]
    if operator.name == "FULLY_CONNECTED" and kept.sum() < 2:
        # with one row left, a factor for each channel would become one for all, which TFLite rounds differently
        search.keep_all(output)
        kept[:] = True
    if source not in search.removable:
        return
    if search.channels(source) != layer.weights.shape[3]:  # rows that a fully connected layer flattens
        search.keep_all(source)
        return
    _fold_inputs(search, layer, source, kept)


def _fold_inputs(search: _Search, layer: Weighted, source: int, kept: Mask) -> None:
    """Take back the inputs that the biases of the kept outputs can't replace."""
    weights, bias = layer.weights[kept], layer.bias[kept]
    for channel in np.flatnonzero(search.removable[source]):
        taps = weights[..., channel]
        if not taps.any():
            continue
        sums = uniform_sums(layer, search.bounds.get(source), int(channel), taps)
        if sums is None or (np.abs(bias + sums) > INT32_MAX).any():
            search.removable[source][channel] = False
        else:
            bias = bias + sums


def uniform_sums(layer: Weighted, bounds: Bounds | None, channel: int, taps: Integers) -> Integers | None:
    """What one constant input channel adds to accumulators, [out], by its weights `taps`, [out, kh, kw].

    None where that is not the same number at every position for every input.
    """
    if bounds is None:
        return None
    channels = layer.weights.shape[3]
    low, high = (values.reshape(-1, channels)[:, channel] for values in (bounds.low, bounds.high))
    if (low != high).any():
        return None
    shape = layer.source.shape if len(layer.source.shape) == 4 else (len(low), 1, 1, channels)
    plane = low.reshape(*shape[:3], 1) - layer.input_zero_point
    try:
        require_modest(plane.shape, layer.window)
    except ValueError:
        return None
    patches = windows(plane, layer.window)
    different = np.unique(patches.reshape(-1, taps[0].size), axis=0)
    sums = different @ taps.reshape(len(taps), -1).T
    uniform: Integers = sums[0]
    return uniform if (sums == uniform).all() else None


def _answer_depthwise(search: _Search, operator: Operator) -> None:
    """An input goes with all outputs that are made of it."""
    source, output = operator.inputs[0], operator.outputs[0]
    if source not in search.removable or operator.inputs[1] in search.removable:
        _keep_everything(search, operator)
        return
    _tie_groups(search.removable[source], search.removable[output].reshape(search.channels(source), -1))


def _tie_groups(channels: Mask, groups: Mask) -> None:
    """Each channel goes together with all of its group, [channels, members]."""
    channels &= groups.all(axis=1)
    groups[:] = channels[:, None]


def _answer_elementwise(search: _Search, operator: Operator) -> None:
    """Channel by channel: output and inputs go together. Constants are cut; a single channel serves all."""
    output = operator.outputs[0]
    channels = search.channels(output)
    tied = [search.removable[output]]
    for index in operator.inputs:
        if index in search.removable and search.channels(index) == channels:
            tied.append(search.removable[index])
        else:
            search.keep_all(index)
    search.tie(*tied)


def _answer_mean(search: _Search, operator: Operator) -> None:
    last = len(search.graph.tensors[operator.inputs[0]].shape) - 1
    answer = _keep_everything if last in mean.axes_of(search.graph, operator) else _answer_channelwise
    answer(search, operator)


def _answer_pad(search: _Search, operator: Operator) -> None:
    is_wider = integers(search.graph.tensors[operator.inputs[1]])[-1].any()
    answer = _keep_everything if is_wider else _answer_channelwise
    answer(search, operator)


def _answer_channelwise(search: _Search, operator: Operator) -> None:
    """A channel of the first input goes with that of the output, or with all features that a reshape makes of it.

    Other inputs are constants that say how; any other change of the last axis is refused.
    """
    source, output = operator.inputs[0], operator.outputs[0]
    if source not in search.removable:
        search.keep_all(output)
        return
    channels, features = search.channels(source), search.channels(output)
    if features % channels:
        _keep_everything(search, operator)
        return
    _tie_groups(search.removable[source], search.removable[output].reshape(-1, channels).T)


def _answer_concatenation(search: _Search, operator: Operator) -> None:
    output = search.removable[operator.outputs[0]]
    rank = len(search.graph.tensors[operator.outputs[0]].shape)
    if operator.options["axis"] not in (-1, rank - 1):
        if all(index in search.removable for index in operator.inputs):
            search.tie(output, *(search.removable[index] for index in operator.inputs))
        else:
            _keep_everything(search, operator)
        return
    start = 0
    for index in operator.inputs:
        part = output[start : start + search.channels(index)]
        if index in search.removable:
            search.tie(part, search.removable[index])
        else:
            part[:] = False
        start += search.channels(index)


# operators that treat the channels of one input alike
_CHANNELWISE = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "RESIZE_NEAREST_NEIGHBOR", "RELU_N1_TO_1", *unary.RESULTS)
_ANSWERS: Mapping[str, Callable[[_Search, Operator], None]] = {
    "CONV_2D": _answer_weighted,
    "FULLY_CONNECTED": _answer_weighted,
    "DEPTHWISE_CONV_2D": _answer_depthwise,
    "CONCATENATION": _answer_concatenation,
    "MEAN": _answer_mean,
    **dict.fromkeys(binary.NAMES, _answer_elementwise),
    **dict.fromkeys((*_CHANNELWISE, *VIEWS), _answer_channelwise),
    **dict.fromkeys(("PAD", "PADV2"), _answer_pad),
}
