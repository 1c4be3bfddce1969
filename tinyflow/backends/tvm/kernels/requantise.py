"""Constants that requantise: a short form, three instructions a value (`model/staircase`), and a long one.

The long form follows TFLite's rule: SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tinyflow.backends.tvm.kernels.definitions import rescale
from tinyflow.backends.tvm.kernels.kernel import Weights
from tinyflow.backends.tvm.kernels.packing import by_channel, folded_bias
from tinyflow.backends.tvm.kernels.specs import Requantisation, WeightedSpec
from tinyflow.model import staircase
from tinyflow.model.staircase import Form, Short, Steps

# bits of the sum that are fraction; the other 20 leave room for what is far beyond saturation
FRACTION_BITS = 12
# places to shift accumulators up, in the order of preference: few different ones, so that kernels merge
UPS = (11, 10, 13, 9)


def find_up(spec: WeightedSpec, weights: Weights) -> int | None:
    """The first `up` with which the short form is exact for a layer; None where only the long form is."""
    steps = _staircase(spec, weights)
    return next((up for up in UPS if not fit(steps, weights, spec.requantisation, up).is_open.any()), None)


def constants_per_channel(to: Requantisation) -> int:
    """Offset and multiplier, or bias, multiplier, half and shift."""
    return 4 if to.up is None else 2


def pack(spec: WeightedSpec, weights: Weights) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """Weights [C, products], changed where that is needed, and the constants of each channel, [C, 2 or 4].

    ValueError where the form that `spec` chooses is not exact for them.
    """
    to = spec.requantisation
    if to.up is None:
        return _pack_long(spec, weights)
    steps = _staircase(spec, weights)
    short = fit(steps, weights, to, to.up)
    if short.is_open.any():
        raise ValueError("no short form is exact for these weights")
    values = np.where(steps.is_constant[:, None], 0, by_channel(spec, weights)).astype(np.int8)
    return values, np.stack([short.offset, short.multiplier], axis=1).astype(np.int32)


def _pack_long(spec: WeightedSpec, weights: Weights) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """SRDHM is one SMMLAR with 2 * multiplier - 2**32; RoundingDivideByPOT adds half, and here the zero point too."""
    to = spec.requantisation
    is_zero = weights.multiplier == 0
    shift = np.where(is_zero, 1, -weights.shift.astype(np.int64))
    half = (np.int64(1) << np.maximum(shift - 1, 0)) * ~is_zero + (np.int64(to.zero_point) << np.maximum(shift, 0))
    if (shift < 1).any() or to.rounding != "double" or (np.abs(half) >= 2**30).any():
        raise ValueError("the long form needs double rounding and moderate shifts to the right")
    multiplier = np.where(is_zero, 0, weights.multiplier * np.int64(2) - 2**32)
    bias = np.where(is_zero, 0, folded_bias(spec, weights))
    values = np.where(is_zero[:, None], 0, by_channel(spec, weights)).astype(np.int8)
    return values, np.stack([bias, multiplier, half, shift], axis=1).astype(np.int32)


def _staircase(spec: WeightedSpec, weights: Weights) -> Steps:
    """The staircase of a layer, which no choice of `up` changes."""
    return _bisected(replace(spec, requantisation=replace(spec.requantisation, up=None)), weights)


@lru_cache(maxsize=1)  # a layer asks when its form is chosen, and again when it is packed
def _bisected(spec: WeightedSpec, weights: Weights) -> Steps:
    to = spec.requantisation
    multiplier, shift = weights.multiplier.astype(np.int64)[:, None], weights.shift.astype(np.int64)[:, None]
    rows, bias = (part.astype(np.int64) for part in (by_channel(spec, weights), folded_bias(spec, weights)))
    layer = staircase.Layer(rows, bias, _factors(weights), to.zero_point, (to.lowest, to.highest))
    return staircase.bisected(layer, lambda sums: rescale(sums, multiplier, shift, to.rounding))


def _factors(weights: Weights) -> NDArray[np.float64]:
    factors: NDArray[np.float64] = weights.multiplier * 2.0 ** (weights.shift - 31)
    return factors


def fit(steps: Steps, weights: Weights, to: Requantisation, up: int) -> Short:
    """Constants for one `up` that put every step where it belongs, and for which channels there are none."""
    return staircase.fit(steps, _factors(weights), to.zero_point, Form(up, FRACTION_BITS))


def fitting_channels(spec: WeightedSpec, weights: Weights, up: int) -> NDArray[np.bool_]:
    """[C] channels that have constants in the short form with this `up`."""
    result: NDArray[np.bool_] = ~fit(_staircase(spec, weights), weights, spec.requantisation, up).is_open
    return result
