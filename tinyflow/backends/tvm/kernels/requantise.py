"""Constants that requantise: a short form, three instructions a value, and a long one.

TFLite rescales an accumulator and rounds twice. Whatever the rule, its result is a staircase that never falls: output q
begins at some accumulator a[q]. The short form

    q = saturate(((offset + (accumulator << up)) * multiplier >> 32) + (zero point << 12) >> 12)

is a staircase too, and equals TFLite's for every accumulator that can occur if all its (at most 255) steps are at the
same places. `fit` finds such offsets and multipliers channel by channel, or says that there are none. The bias is part
of the offset. It suits ReLU layers: without one, TFLite rounds halves away from zero, a staircase of two slopes.

The long form follows TFLite's rule: SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tinyflow.backends.tvm.kernels.definitions import rescale
from tinyflow.backends.tvm.kernels.kernel import Weights
from tinyflow.backends.tvm.kernels.packing import by_channel, folded_bias
from tinyflow.backends.tvm.kernels.specs import Requantisation, WeightedSpec

Integers = NDArray[np.int64]

# bits of the sum that are fraction; the other 20 leave room for what is far beyond saturation
FRACTION_BITS = 12
# places to shift accumulators up, in the order of preference: few different ones, so that kernels merge
UPS = (11, 10, 13, 9)
# multipliers to try: so many on either side of the nearest one, and so many times twice as large
_NEIGHBOURS = 16
_POWERS = 16


@dataclass(frozen=True)
class Steps:
    """The staircase of each channel: where each output begins, within the accumulators that can occur (no bias)."""

    low: Integers  # [C] least accumulator
    high: Integers  # [C] greatest
    outputs: Integers  # [Q] all outputs but the lowest
    begins: Integers  # [C, Q] least accumulator with at least that output; high + 1 where there is none

    @property
    def is_constant(self) -> NDArray[np.bool_]:
        """[C] channels with one output, whatever the input."""
        is_flat = (self.begins <= self.low[:, None]) | (self.begins > self.high[:, None])
        result: NDArray[np.bool_] = np.asarray(is_flat.all(axis=1))
        return result


@dataclass(frozen=True)
class Short:
    """The short form's constants; weights of constant channels have to be replaced by 0."""

    offset: Integers
    multiplier: Integers
    is_constant: NDArray[np.bool_]


def find_up(spec: WeightedSpec, weights: Weights) -> int | None:
    """The first `up` with which the short form is exact for a layer; None where only the long form is."""
    steps = _staircase(spec, weights)
    return next((up for up in UPS if fit(steps, weights, spec.requantisation, up) is not None), None)


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
    short = fit(_staircase(spec, weights), weights, to, to.up)
    if short is None:
        raise ValueError("no short form is exact for these weights")
    values = np.where(short.is_constant[:, None], 0, by_channel(spec, weights)).astype(np.int8)
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
    """Bisect for the beginning of each output, all channels at once."""
    to, values = spec.requantisation, by_channel(spec, weights).astype(np.int64)
    bias = folded_bias(spec, weights).astype(np.int64)[:, None]
    multiplier, shift = weights.multiplier.astype(np.int64)[:, None], weights.shift.astype(np.int64)[:, None]
    low = np.minimum(values * -128, values * 127).sum(axis=1)
    high = np.maximum(values * -128, values * 127).sum(axis=1)
    outputs = np.arange(to.lowest + 1, to.highest + 1, dtype=np.int64)
    below = np.repeat(low[:, None] - 1, outputs.size, axis=1)
    reached = np.repeat(high[:, None] + 1, outputs.size, axis=1)
    while (reached - below > 1).any():
        middle = (below + reached) // 2
        is_reached = rescale(middle + bias, multiplier, shift, to.rounding) + to.zero_point >= outputs
        below, reached = np.where(is_reached, below, middle), np.where(is_reached, middle, reached)
    return Steps(low, high, outputs, reached)


def fit(steps: Steps, weights: Weights, to: Requantisation, up: int) -> Short | None:
    """Constants for one `up` that put every step where it belongs, or None."""
    short, is_open = _fit(steps, weights, to, up)
    return None if is_open.any() else short


def fitting_channels(spec: WeightedSpec, weights: Weights, up: int) -> NDArray[np.bool_]:
    """[C] channels that have constants in the short form with this `up`."""
    result: NDArray[np.bool_] = ~_fit(_staircase(spec, weights), weights, spec.requantisation, up)[1]
    return result


def _fit(steps: Steps, weights: Weights, to: Requantisation, up: int) -> tuple[Short, NDArray[np.bool_]]:
    """The constants, and for which channels there are none."""
    nearest = np.rint(weights.multiplier * 2.0 ** (weights.shift + (1 + FRACTION_BITS - up))).astype(np.int64)
    near = [nearest + distance for distance in sorted(range(-_NEIGHBOURS, _NEIGHBOURS + 1), key=abs)]
    # where hardly any step can be reached, a steeper staircase may do, with an offset that isn't too large
    steeper = [nearest << power for power in range(1, _POWERS)]
    offset, multiplier = _constants(steps, to)
    is_open = ~steps.is_constant
    for candidate in [*near, *steeper]:
        least, greatest = _offsets(steps, to, np.maximum(candidate, 1), up)
        middle = (least + greatest) >> 1
        fits = is_open & (least <= greatest) & (candidate > 0) & _is_in_range(steps, middle, candidate, up)
        offset, multiplier = np.where(fits, middle, offset), np.where(fits, candidate, multiplier)
        is_open &= ~fits
        if not is_open.any():
            break
    return Short(offset, multiplier, steps.is_constant), is_open


def _offsets(steps: Steps, to: Requantisation, multiplier: Integers, up: int) -> tuple[Integers, Integers]:
    """The least and the greatest offset of each channel with which every step is right."""
    target = (steps.outputs - to.zero_point) << (32 + FRACTION_BITS)
    needed = -(-target[None, :] // multiplier[:, None])  # least offset + (accumulator << up) that gives the output
    begins = np.maximum(steps.begins, steps.low[:, None])
    is_reached = begins <= steps.high[:, None]
    is_missed = begins - 1 >= steps.low[:, None]
    least = np.where(is_reached, needed - (begins << up), -(2**62)).max(axis=1, initial=-(2**62))
    greatest = np.where(is_missed, needed - 1 - ((begins - 1) << up), 2**62).min(axis=1, initial=2**62)
    return least, greatest


def _is_in_range(steps: Steps, offset: Integers, multiplier: Integers, up: int) -> NDArray[np.bool_]:
    """Whether nothing overflows 32 bits."""
    limit = 2**31
    first, last = offset + (steps.low << up), offset + (steps.high << up)
    return (np.abs(offset) < limit) & (first >= -limit) & (last < limit) & (multiplier < limit)


def _constants(steps: Steps, to: Requantisation) -> tuple[Integers, Integers]:
    """Offsets and multipliers of constant channels: offset 2**30, and the multiplier that makes their output of it."""
    output = to.lowest + (steps.begins <= steps.low[:, None]).sum(axis=1)
    half = ((output - to.zero_point) * 2 + 1) << (FRACTION_BITS + 1)
    return np.full(len(output), 1 << 30, np.int64), half.astype(np.int64)
