"""Requantisation as a staircase, and arithmetic in three instructions that climbs the same one.

TFLite rescales an accumulator and rounds twice. Whatever the rule, its result is a staircase that never falls: output q
begins at some accumulator a[q]. The short form

    q = saturate(((offset + (accumulator << up)) * multiplier >> 32) + added >> fraction bits)

is a staircase too, and equals TFLite's for every accumulator that can occur if all its (at most 255) steps are at the
same places. `fit` finds such offsets and multipliers channel by channel, or says that there are none. The bias is part
of the offset. It suits ReLU layers: without one, TFLite rounds halves away from zero, a staircase of two slopes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyflow.model.fixed_point import Integers

# multipliers to try: so many on either side of the nearest one, and so many times twice as large
_NEIGHBOURS = 16
_POWERS = 16
# accumulators on either side of where a step must be but for rounding
_NEAR = 3


class Form(NamedTuple):
    """Places to shift accumulators up, and bits of the sum that are fraction."""

    up: int
    fraction_bits: int


@dataclass(frozen=True)
class Steps:
    """The staircase of each channel: where each output begins, within the accumulators that can occur (no bias)."""

    low: Integers  # [C] least accumulator
    high: Integers  # [C] greatest
    lowest: int  # output
    outputs: Integers  # [Q] all others
    begins: Integers  # [C, Q] least accumulator with at least that output; high + 1 where there is none

    @property
    def is_constant(self) -> NDArray[np.bool_]:
        """[C] channels with one output, whatever the input."""
        is_flat = (self.begins <= self.low[:, None]) | (self.begins > self.high[:, None])
        result: NDArray[np.bool_] = np.asarray(is_flat.all(axis=1))
        return result

    def of(self, channels: NDArray[Any] | slice) -> Steps:
        """Of some channels."""
        return replace(self, low=self.low[channels], high=self.high[channels], begins=self.begins[channels])


class Short(NamedTuple):
    """The short form's constants of each channel; weights of constant channels have to be replaced by 0."""

    offset: Integers
    multiplier: Integers
    is_open: NDArray[np.bool_]
    """Channels for which there are none."""


class Layer(NamedTuple):
    """What is requantised: weights [C, products] of int8 inputs, biases and real factors [C]."""

    rows: Integers
    bias: Integers
    factors: NDArray[np.float64]
    zero_point: int
    clamp: tuple[int, int]


def bisected(layer: Layer, rescale: Callable[[Integers], Integers]) -> Steps:
    """Bisect for the beginning of each output, all channels at once; `rescale` is the rule, for [C, Q] sums."""
    rows, bias, factors, zero_point, clamp = layer

    def output_of(sums: Integers) -> Integers:
        return rescale(sums + bias[:, None]) + zero_point

    low = np.minimum(rows * -128, rows * 127).sum(axis=1)
    high = np.maximum(rows * -128, rows * 127).sum(axis=1)
    outputs = np.arange(clamp[0] + 1, clamp[1] + 1, dtype=np.int64)
    first, last = low[:, None] - 1, high[:, None] + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        about = np.nan_to_num((outputs - zero_point - 0.5) / factors[:, None]) - bias[:, None]
    near = np.clip(about, first, last).astype(np.int64)
    below, reached = np.maximum(near - _NEAR, first), np.minimum(near + _NEAR, last)
    below = np.where((below > first) & (output_of(below) >= outputs), first, below)
    reached = np.where((reached < last) & (output_of(reached) < outputs), last, reached)
    while (reached - below > 1).any():
        middle = (below + reached) // 2
        is_reached = output_of(middle) >= outputs
        below, reached = np.where(is_reached, below, middle), np.where(is_reached, middle, reached)
    return Steps(low, high, clamp[0], outputs, reached)


def fit(steps: Steps, factors: NDArray[np.float64], zero_point: int, form: Form, nudge: int = 0) -> Short:
    """Constants that put every step where it belongs.

    `added` is the zero point in fraction bits plus `nudge`, a small number: it moves all steps a little.
    """
    nearest, near = _near(factors, form)
    # where hardly any step can be reached, a steeper staircase may do, with an offset that isn't too large
    steeper = [nearest << power for power in range(1, _POWERS)]
    target = _target(steps, zero_point, form, nudge)
    offset, multiplier = _constants(steps, zero_point, form, nudge)
    places = np.flatnonzero(~steps.is_constant)
    left = steps.of(places)
    for candidates in [*near, *steeper]:
        candidate = candidates[places]
        least, greatest = _offsets(left, target, np.maximum(candidate, 1), form.up)
        middle = (least + greatest) >> 1
        fits = (least <= greatest) & (candidate > 0) & _is_in_range(left, middle, candidate, form.up)
        offset[places[fits]], multiplier[places[fits]] = middle[fits], candidate[fits]
        if fits.any():
            places, left = places[~fits], left.of(~fits)
        if not places.size:
            break
    is_open = np.zeros(len(offset), np.bool_)
    is_open[places] = True
    return Short(offset, multiplier, is_open)


def fit_together(steps: Steps, factor: float, zero_point: int, form: Form, nudge: int) -> tuple[Integers, int] | None:
    """Offsets of channels with one factor, and the one multiplier with which they put every step where it belongs."""
    target = _target(steps, zero_point, form, nudge)
    for candidate in _near(np.array([factor]), form)[1]:
        if candidate > 0:
            least, greatest = _offsets(steps, target, candidate, form.up)
            middle = (least + greatest) >> 1
            if ((least <= greatest) & _is_in_range(steps, middle, candidate, form.up)).all():
                return middle, int(candidate[0])
    return None


def _near(factors: NDArray[np.float64], form: Form) -> tuple[Integers, list[Integers]]:
    """Multipliers: the nearest one, and all that are tried around it."""
    nearest = np.rint(factors * 2.0 ** (32 + form.fraction_bits - form.up)).astype(np.int64)
    return nearest, [nearest + distance for distance in sorted(range(-_NEIGHBOURS, _NEIGHBOURS + 1), key=abs)]


def _target(steps: Steps, zero_point: int, form: Form, nudge: int) -> Integers:
    """What offset and accumulator times the multiplier are where an output begins, at least."""
    target: Integers = (((steps.outputs - zero_point) << form.fraction_bits) - nudge) << 32
    return target


def _offsets(steps: Steps, target: Integers, multiplier: Integers, up: int) -> tuple[Integers, Integers]:
    """The least and the greatest offset of each channel with which every step is right."""
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


def _constants(steps: Steps, zero_point: int, form: Form, nudge: int) -> tuple[Integers, Integers]:
    """Of constant channels: offset 2**30, and the multiplier that makes the middle of their output's step of it."""
    output = steps.lowest + (steps.begins <= steps.low[:, None]).sum(axis=1)
    middle = (((output - zero_point) * 2 + 1) << (form.fraction_bits - 1)) - nudge
    return np.full(len(output), 1 << 30, np.int64), (middle << 2).astype(np.int64)
