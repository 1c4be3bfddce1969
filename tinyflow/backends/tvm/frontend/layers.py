"""From a quantized expression to one integer layer: shapes, and all scales folded into fixed-point constants.

Each rule is TFLite's (`Prepare` of the operator's kernel in TFLM), computed once at build time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyflow.backends.tvm.frontend.expressions import Linear, Pending, Pool, Softmax, Stored, Sum, Value
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
from tinyflow.model import fixed_point


@dataclass(frozen=True, eq=False)
class Layer:
    """One integer kernel with its operands, and the index of the model's operator that it computes."""

    spec: Spec
    inputs: tuple[Value, ...]
    output: Value
    weights: Weights | None = None
    operator: int = 0


@dataclass(frozen=True)
class Network:
    """Integer layers, each after those that it reads."""

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    layers: tuple[Layer, ...]


def make_layer(source: Pending, rounding: Rounding) -> tuple[Layer, Stored]:
    """The layer that computes a quantized expression, and its output; `rounding` is that of fully connected layers."""
    expression = source.expression
    if isinstance(expression, Linear):
        spec = _linear_spec(expression, source, rounding)
        return _with_output(expression.shape, spec, _weights(expression, spec, source.scale), expression.data.stored)
    if isinstance(expression, Sum):
        left, right = expression.left.stored, expression.right.stored
        return _with_output(left.shape, _add_spec(expression, source), None, left, right)
    if isinstance(expression, Pool):
        return _with_output(expression.shape, _pool_spec(expression, source), None, expression.data)
    return _with_output(expression.data.stored.shape, _softmax_spec(expression), None, expression.data.stored)


def _with_output(shape: tuple[int, ...], spec: Spec, weights: Weights | None, *inputs: Stored) -> tuple[Layer, Stored]:
    output = Value(math.prod(shape))
    return Layer(spec, tuple(stored.value for stored in inputs), output, weights), Stored(output, shape)


def _feature_map(shape: tuple[int, ...]) -> FeatureMap:
    """[1, height, width, channels], or anything else as one row of all but the channels."""
    if len(shape) == 4 and shape[0] == 1:
        return FeatureMap(shape[1], shape[2], shape[3])
    return FeatureMap(1, math.prod(shape[:-1]), shape[-1])


def _window(attributes: Any, kernel: tuple[int, ...], output: FeatureMap, data: FeatureMap) -> dict[str, Any]:
    """Kernel, stride and padding as specs have them; Relax's padding is top, left, bottom, right."""
    top, left, bottom, right = (int(amount) for amount in attributes.padding)
    return {
        "input": data,
        "output": output,
        "kernel": (int(kernel[0]), int(kernel[1])),
        "stride": (int(attributes.strides[0]), int(attributes.strides[1])),
        "padding": Border(top, left, bottom, right),
    }


def _linear_spec(expression: Linear, source: Pending, rounding: Rounding) -> WeightedSpec:
    """Convolutions round twice everywhere; of fully connected layers the references have two opinions."""
    data, weights = expression.data, expression.weights.data
    requantisation = Requantisation(source.zero_point, source.lowest, source.highest)
    if expression.call.op.name == "relax.matmul":
        return _dense_spec(expression, replace(requantisation, rounding=rounding))
    attributes = expression.call.attrs
    kind = DepthwiseSpec if attributes.kernel_layout == "HWOI" else ConvSpec
    return kind(
        **_window(attributes, weights.shape[:2], _feature_map(expression.shape), _feature_map(data.stored.shape)),
        input_zero_point=data.zero_point,
        requantisation=requantisation,
    )


def _dense_spec(expression: Linear, requantisation: Requantisation) -> DenseSpec | ConvSpec:
    """A fully connected layer of one row; over several rows it is a convolution whose window is one place."""
    (rows, _), (columns, units) = expression.shape, expression.weights.data.shape
    if rows == 1:
        return DenseSpec(columns, units, expression.data.zero_point, requantisation)
    return ConvSpec(
        input=FeatureMap(1, rows, columns),
        output=FeatureMap(1, rows, units),
        kernel=(1, 1),
        stride=(1, 1),
        padding=Border(),
        input_zero_point=expression.data.zero_point,
        requantisation=requantisation,
    )


def _weights(expression: Linear, spec: WeightedSpec, output_scale: float) -> Weights:
    """The constants, in TFLite's layouts again: [O, H, W, I], [1, H, W, O], [O, I]."""
    data, scales = expression.weights.data, expression.weights.scales
    if isinstance(spec, DenseSpec) or expression.call.op.name == "relax.matmul":
        channels = data.shape[1]
        values = data.transpose(1, 0) if isinstance(spec, DenseSpec) else data.T.reshape(channels, 1, 1, -1)
        reals = [fixed_point.dense_factor(expression.data.scale, scale, output_scale) for scale in scales]
    else:
        channels = spec.output.channels
        is_depthwise = isinstance(spec, DepthwiseSpec)
        values = data.reshape(1, *spec.kernel, channels) if is_depthwise else data.transpose(3, 0, 1, 2)
        reals = fixed_point.convolution_factors(expression.data.scale, scales, output_scale)
    factors = fixed_point.Rescaling.of(reals * channels if len(reals) == 1 else reals)
    bias = np.zeros(channels, np.int32) if expression.bias is None else expression.bias.ravel()
    return Weights(
        _contiguous(values), _contiguous(bias), factors.multipliers.astype(np.int32), factors.shifts.astype(np.int32)
    )


def _contiguous(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array)


def _add_spec(expression: Sum, source: Pending) -> AddSpec:
    left, right = expression.left, expression.right
    feature_map = _feature_map(left.stored.shape)
    reals = fixed_point.add_factors(left.scale, right.scale, source.scale)
    scales = [Rescale(*fixed_point.rescaling_factor(real)) for real in reals]
    return AddSpec(
        left=feature_map,
        right=feature_map,
        output=feature_map,
        left_zero_point=left.zero_point,
        right_zero_point=right.zero_point,
        output_zero_point=source.zero_point,
        left_scale=scales[0],
        right_scale=scales[1],
        output_scale=scales[2],
        lowest=source.lowest,
        highest=source.highest,
    )


def _pool_spec(expression: Pool, source: Pending) -> PoolSpec:
    attributes = expression.call.attrs
    output, data = _feature_map(expression.shape), _feature_map(expression.data.shape)
    window = _window(attributes, attributes.pool_size, output, data)
    padding = window["padding"]
    rows = _reach(window["kernel"][0], window["stride"][0], padding.top, padding.bottom, output.height, data.height)
    columns = _reach(window["kernel"][1], window["stride"][1], padding.left, padding.right, output.width, data.width)
    return PoolSpec(
        operator="max" if "max" in expression.call.op.name else "average",
        **window | {"kernel": (rows[0], columns[0]), "padding": Border(rows[1], columns[1], rows[2], columns[2])},
        lowest=source.lowest,
        highest=source.highest,
    )


def _reach(kernel: int, stride: int, before: int, after: int, outputs: int, inputs: int) -> tuple[int, int, int]:
    """A pool's kernel and padding along one axis, without those cells at its ends that never meet an input."""
    idle = max(0, before - (outputs - 1) * stride)
    longest = inputs + before - idle
    return min(kernel - idle, longest), before - idle, max(0, after - max(0, kernel - idle - longest))


def _softmax_spec(expression: Softmax) -> SoftmaxSpec:
    shape = expression.data.stored.shape
    multiplier, shift, least_difference = fixed_point.softmax_scaling(expression.data.scale)
    return SoftmaxSpec(math.prod(shape[:-1]), shape[-1], Rescale(multiplier, shift), least_difference)
