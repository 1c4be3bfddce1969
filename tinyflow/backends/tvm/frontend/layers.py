"""From an operator of the model to one integer layer: shapes, and all scales folded into fixed-point constants.

Each rule is TFLite's (`Prepare` of the operator's kernel in TFLM), computed once at build time. Nothing here needs TVM.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinyflow.backends.tvm.kernels.kernel import Weights
from tinyflow.backends.tvm.kernels.specs import (
    AddSpec,
    Border,
    ConvSpec,
    DenseSpec,
    DepthwiseSpec,
    FeatureMap,
    PoolSpec,
    Requantisation,
    Rescale,
    Rounding,
    SoftmaxSpec,
    Spec,
    WeightedSpec,
)
from tinyflow.backends.tvm.legalised.rules import LegalisedSpec
from tinyflow.model.arithmetic import binary
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.fixed_point import activation_range, softmax_scaling
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import WEIGHTED
from tinyflow.model.operators.forms import quantisation_of, quantisations
from tinyflow.model.weighted import Weighted, Window, symmetric, window


@dataclass(frozen=True, eq=False)
class Value:
    """An activation in memory. Reshaped views of it are the same value; equal to itself only."""

    elements: int
    name: str = ""
    dtype: str = "int8"

    @property
    def size_bytes(self) -> int:
        """What it takes."""
        return self.elements * ELEMENT_TYPES[self.dtype].bits // 8


@dataclass(frozen=True, eq=False)
class Layer:
    """One kernel with its operands, and the index of the model's operator that it computes."""

    spec: Spec | LegalisedSpec
    inputs: tuple[Value, ...]
    output: Value
    weights: Weights | None = None
    operator: int = 0


@dataclass(frozen=True)
class Network:
    """Layers, each after those that it reads; `initial`: what stays from call to call → its bytes at first."""

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    layers: tuple[Layer, ...]
    initial: Mapping[Value, bytes] = field(default_factory=dict)


def make_layer(graph: Graph, operator: Operator, inputs: tuple[Value, ...], output: Value, rounding: Rounding) -> Layer:
    """The layer of an operator that was checked; `rounding` is that of fully connected layers."""
    if operator.name in WEIGHTED:
        # convolutions round twice everywhere; of fully connected layers the references have two opinions
        is_dense = operator.name == "FULLY_CONNECTED"
        spec, weights = _weighted(symmetric(graph, operator), is_dense, rounding if is_dense else "double")
        return Layer(spec, inputs, output, weights, operator.index)
    return Layer(_SPECS[operator.name](graph, operator), inputs, output, None, operator.index)


def _feature_map(shape: tuple[int, ...]) -> FeatureMap:
    """[1, height, width, channels], or anything else as one row of all but the channels."""
    if len(shape) == 4 and shape[0] == 1:
        return FeatureMap(*shape[1:])
    return FeatureMap(1, math.prod(shape[:-1]), shape[-1])


def _window(slides: Window, data: FeatureMap, output: FeatureMap) -> dict[str, Any]:
    """Kernel, stride and padding as specs have them."""
    border = Border(*slides.before, *slides.after)
    return {"input": data, "output": output, "kernel": slides.size, "stride": slides.stride, "padding": border}


def _weighted(layer: Weighted, is_dense: bool, rounding: Rounding) -> tuple[WeightedSpec, Weights]:
    """The spec, and the constants in TFLite's layouts: [O, H, W, I], [1, H, W, O], [O, I]."""
    numbers: dict[str, Any] = {
        "input_zero_point": layer.input_zero_point,
        "requantisation": Requantisation(layer.output_zero_point, layer.lowest, layer.highest, rounding),
    }
    data, output, values = _feature_map(layer.source.shape), _feature_map(layer.output.shape), layer.weights
    kind: type[ConvSpec | DepthwiseSpec] = ConvSpec
    if layer.is_depthwise and data.channels == 1:
        values = values.transpose(3, 0, 1, 2)  # which is a convolution
    elif layer.is_depthwise:
        kind, values = DepthwiseSpec, values.reshape(1, *layer.window.size, -1)
    if is_dense:
        columns = values.shape[-1]
        rows = layer.source.elements // columns
        if rows == 1:
            return DenseSpec(columns, layer.outputs, **numbers), _constants(layer, values.reshape(-1, columns))
        # over several rows it is a convolution whose window is one place
        data, output = FeatureMap(1, rows, columns), FeatureMap(1, rows, layer.outputs)
    return kind(**_window(layer.window, data, output), **numbers), _constants(layer, values)


def _constants(layer: Weighted, values: Any) -> Weights:
    numbers = (layer.bias, layer.rescaling.multipliers, layer.rescaling.shifts)
    return Weights(np.ascontiguousarray(values, np.int8), *(array.astype(np.int32) for array in numbers))


def _add_spec(graph: Graph, operator: Operator) -> AddSpec:
    feature_map, numbers = _feature_map(graph.tensors[operator.outputs[0]].shape), binary.constants_of(graph, operator)
    fields: dict[str, Any] = {name: numbers[name] for name in ("lowest", "highest")}
    for side in ("left", "right", "output"):
        fields[side], fields[f"{side}_zero_point"] = feature_map, numbers[f"{side}_zero_point"]
        fields[f"{side}_scale"] = Rescale(numbers[f"{side}_multiplier"], numbers[f"{side}_multiplier_shift"])
    return AddSpec(**fields)


def _pool_spec(graph: Graph, operator: Operator) -> PoolSpec:
    data, output = (_feature_map(graph.tensors[index].shape) for index in (*operator.inputs, *operator.outputs))
    slides = window(graph, operator)
    sizes = (output.height, output.width), (data.height, data.width)
    axes = zip(slides.size, slides.stride, slides.before, slides.after, *sizes, strict=True)
    size, before, after = zip(*(_reach(*axis) for axis in axes), strict=True)
    lowest, highest = activation_range(operator.options["activation"], quantisations(graph, operator)[-1])
    return PoolSpec(
        **_window(replace(slides, size=size, before=before, after=after), data, output),
        operator="max" if operator.name == "MAX_POOL_2D" else "average",
        lowest=lowest,
        highest=highest,
    )


def _reach(kernel: int, stride: int, before: int, after: int, outputs: int, inputs: int) -> tuple[int, int, int]:
    """A pool's kernel and padding along one axis, without those cells at its ends that never meet an input."""
    idle = max(0, before - (outputs - 1) * stride)
    longest = inputs + before - idle
    return min(kernel - idle, longest), before - idle, max(0, after - max(0, kernel - idle - longest))


def _softmax_spec(graph: Graph, operator: Operator) -> SoftmaxSpec:
    shape = graph.tensors[operator.inputs[0]].shape
    scale = quantisation_of(graph.tensors[operator.inputs[0]]).scale
    multiplier, shift, least_difference = softmax_scaling(scale, operator.options["beta"])
    made: Any = graph.tensors[operator.outputs[0]].dtype
    return SoftmaxSpec(math.prod(shape[:-1]), shape[-1], Rescale(multiplier, shift), least_difference, made)


_SPECS: Mapping[str, Callable[[Graph, Operator], Spec]] = {
    "ADD": _add_spec,
    "AVERAGE_POOL_2D": _pool_spec,
    "MAX_POOL_2D": _pool_spec,
    "SOFTMAX": _softmax_spec,
}
