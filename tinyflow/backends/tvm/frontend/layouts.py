"""Which way activations lie in memory: channels outermost is carried from the first layer to the last.

Inputs and outputs stay as the model has them, [height, width, channels]: the layers at the borders read or write both
layouts, so that nothing is ever copied for a layout's sake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinyflow.backends.tvm.frontend.layers import Layer, Network, Value
from tinyflow.backends.tvm.kernels.specs import AddSpec, DenseSpec, FeatureMap, Layout, SoftmaxSpec
from tinyflow.backends.tvm.legalised.rules import LegalisedSpec

# what reads and writes as the model has it
_UNORDERED = (SoftmaxSpec, LegalisedSpec)


def carry(network: Network, layout: Layout) -> Network:
    """The same network with activations in a layout wherever all that read them can."""
    if layout == "NHWC":
        return network
    inner = _inner(network)
    return replace(network, layers=tuple(_moved(layer, inner, layout) for layer in network.layers))


def _inner(network: Network) -> dict[Value, FeatureMap]:
    """Activations whose bytes may be reordered, with their extents: nobody outside sees them, nobody reshapes them."""
    found = {
        layer.output: layer.spec.output
        for layer in network.layers
        if not isinstance(layer.spec, (DenseSpec, *_UNORDERED)) and _has_order(layer.spec.output)
    }
    for value in (*network.outputs, *network.initial):
        found.pop(value, None)
    for layer in network.layers:
        for value, feature in zip(layer.inputs, input_maps(layer), strict=True):
            if value in found and feature != found[value] and not isinstance(layer.spec, DenseSpec):
                del found[value]
    return found


def _has_order(feature: FeatureMap) -> bool:
    """Whether layouts differ at all."""
    return feature.channels > 1 and feature.height * feature.width > 1


def input_maps(layer: Layer) -> Iterable[FeatureMap | None]:
    """The extents of its inputs, where they have some."""
    spec = layer.spec
    if isinstance(spec, (DenseSpec, *_UNORDERED)):
        return [None] * len(layer.inputs)
    return (spec.left, spec.right) if isinstance(spec, AddSpec) else (spec.input,)


def _moved(layer: Layer, inner: Mapping[Value, FeatureMap], layout: Layout) -> Layer:
    """A layer with the layouts of its operands; a fully connected one has the columns of its weights reordered."""
    if isinstance(layer.spec, DenseSpec):
        return _reordered(layer, inner.get(layer.inputs[0]), layout)
    if isinstance(layer.spec, _UNORDERED):
        return layer
    names = ("left", "right") if isinstance(layer.spec, AddSpec) else ("input",)
    operands = zip((*names, "output"), (*layer.inputs, layer.output), strict=True)
    maps: dict[str, Any] = {name: replace(inner[value], layout=layout) for name, value in operands if value in inner}
    return replace(layer, spec=replace(layer.spec, **maps))


def _reordered(layer: Layer, feature: FeatureMap | None, layout: Layout) -> Layer:
    if feature is None or layer.weights is None:
        return layer
    order = np.arange(feature.elements).reshape(feature.shape)
    columns = order.transpose(replace(feature, layout=layout).place(0, 1, 2)).ravel()
    values = np.ascontiguousarray(layer.weights.values[:, columns])
    return replace(layer, weights=replace(layer.weights, values=values))
