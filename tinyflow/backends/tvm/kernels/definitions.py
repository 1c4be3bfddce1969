"""What each spec means, in numpy and int64: the definition that every kernel is held to, bit for bit.

Written from TFLite's reference kernels and gemmlowp's fixedpoint.h for clarity, and independently of the kernels.
"""

from __future__ import annotations

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

Integers = NDArray[np.int64]
_INT32_MAX = 2**31 - 1


@singledispatch
def evaluate(spec: Spec, weights: Weights | None, *inputs: NDArray[np.int8]) -> NDArray[np.int8]:  # noqa: ARG001
    """The output of a layer, in the layout that its feature map says; activations count by their size only."""
    raise TypeError(f"no definition of {type(spec).__name__}")


def doubling_high_mul(a: Integers, b: Integers | int) -> Integers:
    """SaturatingRoundingDoublingHighMul: nudged by half, divided towards zero."""
    product = a * np.int64(b)
    nudged = product + np.where(product >= 0, 2**30, 1 - 2**30)
    return np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))


def divide_by_power_of_two(x: Integers, exponent: Integers | int) -> Integers:
    """RoundingDivideByPOT: to nearest, halves away from zero."""
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def rescale(x: Integers, multiplier: Integers | int, shift: Integers | int, rounding: str = "double") -> Integers:
    """MultiplyByQuantizedMultiplier, with double or with single rounding."""
    if rounding == "single":
        total = 31 - np.asarray(shift, np.int64)
        return (x * np.int64(multiplier) + (np.int64(1) << (total - 1))) >> total
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift), 0)
    return divide_by_power_of_two(doubling_high_mul(x << left, multiplier), right)


def _requantise(accumulators: Integers, weights: Weights, to: Requantisation) -> NDArray[np.int8]:
    scaled = rescale(accumulators, weights.multiplier.astype(np.int64), weights.shift.astype(np.int64), to.rounding)
    return np.clip(scaled + to.zero_point, to.lowest, to.highest).astype(np.int8)


def _rows_first(feature: FeatureMap, data: NDArray[Any]) -> NDArray[Any]:
    """An activation as [height, width, channels]."""
    return data.reshape(feature.shape).transpose(feature.axes(0, 1, 2))


def _as_it_lies(feature: FeatureMap, data: NDArray[Any]) -> NDArray[np.int8]:
    """[height, width, channels] in the order of the feature map's bytes."""
    return np.ascontiguousarray(data.transpose(feature.place(0, 1, 2)), np.int8)


def _windows(spec: Any, data: NDArray[np.int8], outside: int) -> Integers:
    """[output row, output column, kernel row, kernel column, channel], the padding holding `outside`."""
    padding = spec.padding
    sides = ((padding.top, padding.bottom), (padding.left, padding.right), (0, 0))
    padded = np.pad(_rows_first(spec.input, data).astype(np.int64), sides, constant_values=outside)
    views = np.lib.stride_tricks.sliding_window_view(padded, spec.kernel, (0, 1))[:: spec.stride[0], :: spec.stride[1]]
    return views[: spec.output.height, : spec.output.width].transpose(0, 1, 3, 4, 2)


@evaluate.register
def _conv(spec: ConvSpec, weights: Weights, data: NDArray[np.int8]) -> NDArray[np.int8]:
    windows = _windows(spec, data, spec.input_zero_point) - spec.input_zero_point
    total = np.einsum("yxijk,cijk->yxc", windows, weights.values.astype(np.int64), optimize=True)
    return _as_it_lies(spec.output, _requantise(total + weights.bias, weights, spec.requantisation))


@evaluate.register
def _depthwise(spec: DepthwiseSpec, weights: Weights, data: NDArray[np.int8]) -> NDArray[np.int8]:
    windows = _windows(spec, data, spec.input_zero_point) - spec.input_zero_point
    repeated = np.repeat(windows, spec.output.channels // spec.input.channels, axis=-1)
    total = np.einsum("yxijc,ijc->yxc", repeated, weights.values.reshape(*spec.kernel, -1).astype(np.int64))
    return _as_it_lies(spec.output, _requantise(total + weights.bias, weights, spec.requantisation))


@evaluate.register
def _dense(spec: DenseSpec, weights: Weights, data: NDArray[np.int8]) -> NDArray[np.int8]:
    total = weights.values.astype(np.int64) @ (data.ravel().astype(np.int64) - spec.input_zero_point)
    return _requantise(total + weights.bias, weights, spec.requantisation)


@evaluate.register
def _add(spec: AddSpec, _: None, left: NDArray[np.int8], right: NDArray[np.int8]) -> NDArray[np.int8]:
    def addend(feature: FeatureMap, data: NDArray[np.int8], zero_point: int, scale: Rescale) -> Integers:
        values = _rows_first(feature, data).astype(np.int64)
        return rescale((values - zero_point) << 20, scale.multiplier, scale.shift)

    total = addend(spec.left, left, spec.left_zero_point, spec.left_scale)
    total = total + addend(spec.right, right, spec.right_zero_point, spec.right_scale)
    scaled = rescale(total, spec.output_scale.multiplier, spec.output_scale.shift)
    return _as_it_lies(spec.output, np.clip(scaled + spec.output_zero_point, spec.lowest, spec.highest))


@evaluate.register
def _pool(spec: PoolSpec, _: None, data: NDArray[np.int8]) -> NDArray[np.int8]:
    inside = _windows(spec, np.ones(spec.input.elements, np.int8), 0)
    if spec.operator == "max":
        result = _windows(spec, data, -128).max(axis=(2, 3))
    else:
        total, count = _windows(spec, data, 0).sum(axis=(2, 3)), inside.sum(axis=(2, 3))
        result = np.where(total > 0, (total + count // 2) // count, -((-total + count // 2) // count))
    return _as_it_lies(spec.output, np.clip(result, spec.lowest, spec.highest))


@evaluate.register
def _softmax(spec: SoftmaxSpec, _: None, data: NDArray[np.int8]) -> NDArray[np.int8]:
    rows = [_softmax_row(spec, row) for row in data.reshape(spec.rows, spec.columns).astype(np.int64)]
    return np.array(rows, np.int8)


def _softmax_row(spec: SoftmaxSpec, row: Integers) -> Integers:
    differences = row - row.max()
    counts = differences >= spec.least_difference
    scaled = rescale(np.where(counts, differences, 0), spec.scale.multiplier, spec.scale.shift)
    exponentials = np.where(counts, _exp_on_negative_values(scaled), 0)
    total = int(divide_by_power_of_two(exponentials, 12).sum())
    headroom = 32 - total.bit_length()
    reciprocal = _one_over_one_plus((total << headroom) - 2**31)
    shares = divide_by_power_of_two(doubling_high_mul(exponentials, reciprocal), 12 - headroom + 31 - 8)
    return np.where(counts, np.clip(shares - 128, -128, 127), -128)


def _exp_on_negative_values(a: Integers) -> Integers:
    """Exp of Q5.26 numbers ≤ 0, as Q0.31."""
    quarter = (a & ((1 << 24) - 1)) - (1 << 24)
    x = (quarter << 5) + (1 << 28)
    x2 = doubling_high_mul(x, x)
    x3, x4 = doubling_high_mul(x2, x), doubling_high_mul(x2, x2)
    cubic = doubling_high_mul(divide_by_power_of_two(x4, 2) + x3, 715827883)
    tail = divide_by_power_of_two(cubic + x2, 1)
    result = 1895147668 + doubling_high_mul(x + tail, 1895147668)
    remainder = quarter - a
    powers = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)  # exp(-1/4), exp(-1/2), … exp(-16)
    for bit, power in enumerate(powers, start=24):
        result = np.where(remainder >> bit & 1, doubling_high_mul(result, power), result)
    return np.where(a == 0, _INT32_MAX, result)


def _one_over_one_plus(a: int) -> int:
    """Compute 1 / (1 + a) for a in [0, 1), Q0.31; gemmlowp's."""
    half_denominator = np.int64((a + _INT32_MAX + 1) // 2)
    x = 1515870810 + doubling_high_mul(half_denominator, -1010580540)
    for _ in range(3):
        rest = (1 << 29) - doubling_high_mul(half_denominator, x)
        x = x + (doubling_high_mul(x, rest) << 2)
    return min(int(x) * 2, _INT32_MAX)
