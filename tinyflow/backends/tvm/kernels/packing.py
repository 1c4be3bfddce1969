"""Layouts of constants that all styles share."""

from __future__ import annotations

import numpy as np

from tinyflow.backends.tvm.kernels.kernel import Array, Weights
from tinyflow.backends.tvm.kernels.specs import DepthwiseSpec, WeightedSpec


def by_channel(spec: WeightedSpec, weights: Weights) -> Array:
    """Weights as [output channel, products], int8."""
    if isinstance(spec, DepthwiseSpec):
        return np.ascontiguousarray(weights.values.reshape(-1, spec.output.channels).T)
    return weights.values.reshape(len(weights.values), -1)


def as_words(values: Array) -> Array:
    """Bytes, a multiple of four along the last axis, as [words] int32."""
    return np.ascontiguousarray(values).view(np.int32).ravel()


def fold_zero_point(values: Array, bias: Array, zero_point: int) -> Array:
    """The bias that makes accumulators over raw inputs equal to accumulators over (input - zero point).

    `values` is [output channel, products]. Exact with padding too, since padding holds the zero point.
    """
    sums = values.astype(np.int64).sum(axis=1)
    return (bias.astype(np.int64) - zero_point * sums).astype(np.int32)


def folded_bias(spec: WeightedSpec, weights: Weights) -> Array:
    """`fold_zero_point` of a layer."""
    return fold_zero_point(by_channel(spec, weights), weights.bias, spec.input_zero_point)
