"""Take channels out of a graph: activations get narrower, weights lose rows and columns, biases take up constants.

What may go was decided by `channels`; here it is only done. Every constant that changes is written anew, so one that
two operators share may change for one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from tinyflow.model.arithmetic import binary
from tinyflow.model.builder import GraphBuilder, symmetric
from tinyflow.model.fixed_point import Integers
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.operators import VIEWS, WEIGHTED
from tinyflow.model.transforms.intervals import Bounds
from tinyflow.model.transforms.shrink.channels import Mask, uniform_sums
from tinyflow.model.weighted import Weighted, integers, weighted


def narrow(graph: Graph, bounds: Mapping[int, Bounds], removable: Mapping[int, Mask]) -> Graph:
    """The graph without these channels."""
    narrowed = _Narrowing(graph, bounds, {index: ~mask for index, mask in removable.items() if mask.any()})
    operators = tuple(narrowed.changed(operator) for operator in graph.operators)
    return replace(graph, tensors=tuple(narrowed.tensors), operators=operators)


class _Narrowing(GraphBuilder):
    """The tensors as they become; `kept` has the masks of activations that lose something."""

    def __init__(self, graph: Graph, bounds: Mapping[int, Bounds], kept: Mapping[int, Mask]) -> None:
        super().__init__()
        self.original = graph
        self.bounds = bounds
        self.kept = kept
        self.tensors = [self._narrowed(tensor) for tensor in graph.tensors]

    def _narrowed(self, tensor: Tensor) -> Tensor:
        if tensor.index not in self.kept:
            return tensor
        return replace(tensor, shape=(*tensor.shape[:-1], int(self.kept[tensor.index].sum())))

    def changed(self, operator: Operator) -> Operator:
        """The operator on the narrower tensors."""
        if not any(index in self.kept for index in operator.inputs + operator.outputs):
            return operator
        change = _CHANGES.get(operator.name)
        return operator if change is None else change(self, operator)

    def mask(self, index: int) -> Mask:
        """Which channels stay."""
        return self.kept.get(index, np.ones(self.original.tensors[index].shape[-1], np.bool_))

    def replaced(self, model: Tensor, values: Integers, quantisation: Quantisation | None) -> int:
        """A new constant called and typed like `model`; its index."""
        return self.constant(model.name, values, model.dtype, quantisation)


def _narrow_weighted(narrowed: _Narrowing, operator: Operator) -> Operator:
    layer = weighted(narrowed.original, operator)
    outputs, inputs = narrowed.mask(operator.outputs[0]), narrowed.mask(operator.inputs[0])
    tensor = narrowed.original.tensors[operator.inputs[1]]
    raw = integers(tensor)
    if layer.is_depthwise:
        values, bias = raw[..., outputs], layer.bias[outputs]
    else:
        values, bias = raw[outputs], (layer.bias + _folded(narrowed, layer, operator.inputs[0], outputs))[outputs]
        if len(inputs) == values.shape[-1]:  # else rows that a fully connected layer flattens, which keep everything
            values = values[..., inputs]
    scheme, given = tensor.quantisation, layer.source.quantisation
    assert scheme is not None and given is not None, "weighted() asks for them"
    selected = _selected(scheme, outputs)
    weights = narrowed.replaced(tensor, values, selected)
    is_there = len(operator.inputs) > 2 and operator.inputs[2] >= 0
    name = narrowed.original.tensors[operator.inputs[2]].name if is_there else f"{layer.output.name}/bias"
    # input scale times weight scale, in float32, as converters write it
    scales = np.float32(given.scale) * np.array(selected.scales, np.float32)
    biases = narrowed.constant(name, bias, "int32", symmetric(scales))
    return replace(operator, inputs=(operator.inputs[0], weights, biases))


def _folded(narrowed: _Narrowing, layer: Weighted, source: int, outputs: Mask) -> Integers:
    """What the channels that go add to each accumulator; 0 for outputs that go as well."""
    total = np.zeros(layer.outputs, np.int64)
    if source in narrowed.kept:
        for channel in np.flatnonzero(~narrowed.kept[source]):
            taps = layer.weights[outputs][..., channel]
            if taps.any():
                sums = uniform_sums(layer, narrowed.bounds.get(source), int(channel), taps)
                assert sums is not None, "channels.py lets no other go"
                total[outputs] += sums
    return total


def _selected(scheme: Quantisation, kept: Mask) -> Quantisation:
    if not scheme.is_per_channel:
        return scheme
    scales, zero_points = (tuple(np.array(part)[kept].tolist()) for part in (scheme.scales, scheme.zero_points))
    return Quantisation(scales, zero_points, scheme.axis)


def _narrow_elementwise(narrowed: _Narrowing, operator: Operator) -> Operator:
    """Constants of as many channels are cut like the activations."""
    kept = narrowed.mask(operator.outputs[0])
    inputs = list(operator.inputs)
    for position, index in enumerate(inputs):
        tensor = narrowed.original.tensors[index]
        if tensor.is_constant and tensor.shape[-1:] == (len(kept),):
            inputs[position] = narrowed.replaced(tensor, integers(tensor)[..., kept], tensor.quantisation)
    return replace(operator, inputs=tuple(inputs))


def _narrow_reshape(narrowed: _Narrowing, operator: Operator) -> Operator:
    """The target shape, wherever it is written: -1 stays -1."""
    narrow = narrowed.tensors[operator.outputs[0]].shape
    inputs, options = list(operator.inputs), dict(operator.options)
    if operator.name == "RESHAPE" and len(inputs) > 1:
        target = narrowed.original.tensors[inputs[1]]
        inputs[1] = narrowed.replaced(target, _target(integers(target), narrow), target.quantisation)
    if options.get("new_shape"):
        options["new_shape"] = tuple(_target(np.array(options["new_shape"]), narrow).tolist())
    return replace(operator, inputs=tuple(inputs), options=options)


def _target(old: Integers, shape: tuple[int, ...]) -> Integers:
    return np.where(old.reshape(-1) < 0, -1, np.array(shape, np.int64))


_CHANGES: Mapping[str, Callable[[_Narrowing, Operator], Operator]] = {
    **dict.fromkeys(WEIGHTED, _narrow_weighted),
    **dict.fromkeys(binary.NAMES, _narrow_elementwise),
    **dict.fromkeys(VIEWS, _narrow_reshape),
}
