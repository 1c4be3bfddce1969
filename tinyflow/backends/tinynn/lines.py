"""Sums to int8 outputs by one multiplication and one shift, where that is TFLM's double rounding for every sum.

The output is a function of the sum that never falls, with a step for each of its values. So a line gives the same
outputs where it does right before and at each step, and at the least and the largest sum; that is tried. Sums are
first moved to where the first step is near 0, so that a negative one is the lowest output without a multiplication.

    x = floor((sum + moved) * 2^8 * factor / 2^32) + offset + lowest * 2^shift, less 2^8 where x <= zero point * 2^shift
    output = min(x / 2^shift, highest)

What is taken off where outputs lie below the zero point is TFLM's rounding of halves away from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from tinyflow.backends.tinynn.layer import Layer
from tinyflow.backends.tinynn.layouts import Array, padded
from tinyflow.model.fixed_point import Integers, Rescaling

# of the struct's word that also holds the offset
_SHIFT_BITS = 5
# a sum is multiplied with so many places behind the point
_PLACES = 8
_TRIES = 8


def why_not_lines(layer: Layer) -> str | None:
    """Why a layer's rescaling is not such a line; None where it is."""
    return None if _found(layer)[1].all() else "its rounding is not that of one multiplication"


def line_records(layer: Layer, multiple: int = 1) -> Array:
    """Bias, factor, offset * 32 + shift of each channel, for layers that are lines; filled up."""
    return padded(_found(layer)[0], multiple)


@lru_cache(maxsize=8)
def _found(layer: Layer) -> tuple[Array, Array]:
    """Records, and where they are right."""
    bias, multipliers, shifts = layer.channels.astype(np.int64).T
    weights = layer.rows.astype(np.int64)
    least, most = (bias + ends(127 * weights, -128 * weights).sum(axis=1) for ends in (np.minimum, np.maximum))
    steps = _steps(layer)
    sums = np.concatenate([steps - 1, steps, least[:, None], most[:, None]], axis=1)
    is_met = (least[:, None] < steps) & (steps <= most[:, None])
    sums = np.clip(sums, least[:, None], most[:, None])
    lowest, highest, zero = (layer.fields[name] for name in ("lowest", "highest", "output_zero_point"))
    wanted = np.clip(Rescaling(multipliers, shifts).apply(sums.T).T + zero, lowest, highest)
    places = _PLACES - shifts
    records, is_right = np.zeros((len(bias), 3), np.int64), np.zeros(len(bias), np.bool_)
    for moved, offset in _candidates(layer, steps[:, 0]):
        if is_right.all():
            break
        heights = (_values(layer) - lowest << places[:, None]) - offset[:, None]
        heights += (_values(layer) <= zero) << _PLACES
        factors = _nearest_factor(steps + moved[:, None], heights, is_met, 2 * multipliers)
        x = (sums + moved[:, None]) * factors[:, None] >> 32 - _PLACES
        x += (offset + (lowest << places))[:, None]
        x -= (zero > lowest) * (x < (zero << places)[:, None] + (1 << _PLACES)) << _PLACES
        outputs = np.where(sums + moved[:, None] < 0, lowest, np.minimum(x >> places[:, None], highest))
        fits = (x < 2**31).all(axis=1) & (places <= 32 - _PLACES) & (np.abs(bias + moved) < 2**30)
        fits &= (sums + moved[:, None] < 2 ** (31 - _PLACES)).all(axis=1)
        fits &= (offset >= (zero > lowest) << _PLACES) & (offset < 1 << 26)
        is_new = ~is_right & fits & (outputs == wanted).all(axis=1)
        made = np.stack([bias + moved, factors, offset << _SHIFT_BITS | places], axis=1)
        records[is_new], is_right = made[is_new], is_right | is_new
    return (records & (2**32 - 1)).astype(np.uint32).view(np.int32), is_right


def _nearest_factor(steps: Integers, heights: Integers, is_met: Array, factors: Integers) -> Integers:
    """The factor nearest to what real numbers give that leads to these heights at steps, and not before them."""
    scaled = -(heights << 32 - _PLACES)
    least = np.where(is_met & (steps > 0), -(scaled // np.maximum(steps, 1)), 0).max(axis=1)
    most = np.where(is_met & (steps > 1), -(scaled // np.maximum(steps - 1, 1)) - 1, 2**32 - 1).min(axis=1)
    nearest: Integers = np.minimum(np.maximum(factors, least), np.minimum(most, 2**32 - 1))
    return nearest


def _candidates(layer: Layer, first: Integers) -> Iterator[tuple[Integers, Integers]]:
    """How sums are moved, and what is then added to their products, the likeliest first."""
    _, multipliers, shifts = layer.channels.astype(np.int64).T
    above = layer.fields["output_zero_point"] - layer.fields["lowest"]
    # the line of real numbers: half a step, half a product
    middle = (((above << 1) + 1 << (_PLACES - shifts)) + (1 << _PLACES)) >> 1
    for step in range(_TRIES):
        moved = step - first
        for more in (0, -1, 1):
            yield moved, middle - (moved * multipliers >> 31 - _PLACES) + more


def _values(layer: Layer) -> Integers:
    """All outputs but the lowest."""
    lowest = layer.fields["lowest"]
    return np.arange(lowest + 1, max(layer.fields["highest"], lowest + 1) + 1, dtype=np.int64)


def _steps(layer: Layer) -> Integers:
    """The least sums of each channel that have these outputs."""
    _, multipliers, shifts = layer.channels.astype(np.int64).T[:, :, None]
    above = _values(layer) - layer.fields["output_zero_point"]
    # as a product that is rounded to the nearest, then divided, halves away from zero
    high = (above << -shifts) - (1 << -shifts - 1) + (above <= 0)
    least: Integers = -((-(high << 31) + (1 << 30)) // multipliers)
    return least
