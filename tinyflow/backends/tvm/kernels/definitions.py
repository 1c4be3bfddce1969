"""What each spec means, in numpy and int64: the definition that every kernel is held to, bit for bit.

Written from TFLite's reference kernels and gemmlowp's fixedpoint.h for clarity, and independently of the kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyflow.backends.tvm.kernels.kernel import Weights
from tinyflow.backends.tvm.kernels.specs import (
    AddSpec,
    ConvSpec,
    DenseSpec,
    DepthwiseSpec,
    FeatureMap,
    PoolSpec,
    Requantisation,
    Rescale,
    SoftmaxSpec,
    Spec,
)
from tinyflow.model import fixed_point
from tinyflow.model.arithmetic import window_sums
from tinyflow.model.arithmetic.exponential import softmax
from tinyflow.model.fixed_point import ADD_LEFT_SHIFT, Integers
from tinyflow.model.weighted import Window


@singledispatch
def evaluate(spec: Spec, weights: Weights | None, *inputs: NDArray[np.int8]) -> NDArray[np.int8]:  # noqa: ARG001
    """The output of a layer, in the layout that its feature map says; activations count by their size only."""
    raise TypeError(f"no definition of {type(spec).__name__}")


def rescale(x: Integers, multiplier: Integers | int, shift: Integers | int, rounding: str = "double") -> Integers:
    """MultiplyByQuantizedMultiplier, with double or with single rounding."""
    if rounding == "single":
        total = 31 - np.asarray(shift, np.int64)
        return (x * np.int64(multiplier) + (np.int64(1) << (total - 1))) >> total
    return fixed_point.rescale(x, multiplier, shift)


def _requantise(accumulators: Integers, weights: Weights, to: Requantisation) -> NDArray[np.int8]:
    scaled = rescale(accumulators, weights.multiplier.astype(np.int64), weights.shift.astype(np.int64), to.rounding)
    return np.clip(scaled + to.zero_point, to.lowest, to.highest).astype(np.int8)


def _rows_first(feature: FeatureMap, data: NDArray[Any]) -> NDArray[Any]:
    """An activation as [height, width, channels]."""
    return data.reshape(feature.shape).transpose(feature.axes(0, 1, 2))


def _as_it_lies(feature: FeatureMap, data: NDArray[Any]) -> NDArray[np.int8]:
    """[height, width, channels] in the order of the feature map's bytes."""
    return np.ascontiguousarray(data.transpose(feature.place(0, 1, 2)), np.int8)


def _slid(spec: Any, compute: Callable[..., Integers], data: NDArray[np.int8], *weights: Integers) -> Integers:
    """[rows, columns, channels] of sums under a window that slides over an activation without its zero point."""
    padding, zero_point = spec.padding, getattr(spec, "input_zero_point", 0)
    around = (padding.top, padding.left), (padding.bottom, padding.right)
    source = _rows_first(spec.input, data).astype(np.int64) - zero_point
    made = compute(source[None], *weights, Window(spec.kernel, spec.stride, (1, 1), *around))[0]
    return made[: spec.output.height, : spec.output.width]


@evaluate.register
def _conv(spec: ConvSpec, weights: Weights, data: NDArray[np.int8]) -> NDArray[np.int8]:
    total = _slid(spec, window_sums.convolved, data, weights.values.astype(np.int64))
    return _as_it_lies(spec.output, _requantise(total + weights.bias, weights, spec.requantisation))


@evaluate.register
def _depthwise(spec: DepthwiseSpec, weights: Weights, data: NDArray[np.int8]) -> NDArray[np.int8]:
    taps = weights.values.astype(np.int64).reshape(*spec.kernel, spec.input.channels, -1)
    total = _slid(spec, window_sums.convolved_depthwise, data, taps)
    return _as_it_lies(spec.output, _requantise(total + weights.bias, weights, spec.requantisation))


@evaluate.register
def _dense(spec: DenseSpec, weights: Weights, data: NDArray[np.int8]) -> NDArray[np.int8]:
    total = weights.values.astype(np.int64) @ (data.ravel().astype(np.int64) - spec.input_zero_point)
    return _requantise(total + weights.bias, weights, spec.requantisation)


@evaluate.register
def _add(spec: AddSpec, _: None, left: NDArray[np.int8], right: NDArray[np.int8]) -> NDArray[np.int8]:
    def addend(feature: FeatureMap, data: NDArray[np.int8], zero_point: int, scale: Rescale) -> Integers:
        values = _rows_first(feature, data).astype(np.int64)
        return rescale((values - zero_point) << ADD_LEFT_SHIFT, scale.multiplier, scale.shift)

    total = addend(spec.left, left, spec.left_zero_point, spec.left_scale)
    total = total + addend(spec.right, right, spec.right_zero_point, spec.right_scale)
    scaled = rescale(total, spec.output_scale.multiplier, spec.output_scale.shift)
    return _as_it_lies(spec.output, np.clip(scaled + spec.output_zero_point, spec.lowest, spec.highest))


@evaluate.register
def _pool(spec: PoolSpec, _: None, data: NDArray[np.int8]) -> NDArray[np.int8]:
    result = _slid(spec, window_sums.largest if spec.operator == "max" else window_sums.average, data)
    return _as_it_lies(spec.output, np.clip(result, spec.lowest, spec.highest))


@evaluate.register
def _softmax(spec: SoftmaxSpec, _: None, data: NDArray[np.int8]) -> NDArray[Any]:
    rows = data.reshape(spec.rows, spec.columns).astype(np.int64)
    made = softmax(rows, spec.scale.multiplier, spec.scale.shift, spec.least_difference, np.iinfo(spec.made).bits)
    return made.astype(spec.made)
