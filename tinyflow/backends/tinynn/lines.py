"""Sums to int8 outputs by one multiplication and one shift, where that is TFLM's double rounding for every sum.

The output is a function of the sum that never falls, with a step for each of its values. So a line gives the same
outputs where it does right before and at each step, and at the least and the largest sum; that is tried. Sums are
first moved to where the first step is near 0, so that a negative one is the lowest output without a multiplication.

    x = floor((sum + moved) * factor / 2^dropped) + offset + lowest * 2^shift, less 2^places where x <= zero * 2^shift
    output = min(x / 2^shift, highest)

What is taken off where outputs lie below the zero point is TFLM's rounding of halves away from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tinyflow.backends.tinynn.layer import Layer
from tinyflow.backends.tinynn.layouts import Array, padded
from tinyflow.model.fixed_point import Integers, Rescaling

# of the struct's word that also holds the offset
_SHIFT_BITS = 5
# so that outputs have 31 bits before it
_LARGEST_SHIFT = 24
_TRIES = 32


class Line(NamedTuple):
    """How a processor multiplies."""

    places: int
    """Behind the point of a product, whose halves TFLM rounds."""
    dropped: int
    """Bits of it."""
    is_cut: bool = False
    """Whether sums of more bits than places leave are the highest output, too."""

    @property
    def limit(self) -> int:
        """Sums are smaller, or cut."""
        return 1 << (31 - self.places)


# MULHU of a sum that is shifted to the left; two multiplications of 32 bits, by 13 and 14 bits of a factor
RV32, ARMV6M = Line(8, 24), Line(13, 14, is_cut=True)


def why_not_lines(layer: Layer, line: Line) -> str | None:
    """Why a layer's rescaling is not such a line; None where it is."""
    return None if _found(layer, line)[1].all() else "its rounding is not that of one multiplication"


def line_records(layer: Layer, line: Line, multiple: int = 1) -> Array:
    """Bias, factor, offset * 32 + shift of each channel, for layers that are lines; filled up."""
    return padded(_found(layer, line)[0], multiple)


@lru_cache(maxsize=8)
def _found(layer: Layer, line: Line) -> tuple[Array, Array]:
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
    shift = line.places - shifts
    records, is_right = np.zeros((len(bias), 3), np.int64), np.zeros(len(bias), np.bool_)
    for moved, offset in _candidates(layer, line, steps[:, 0]):
        if is_right.all() or (shift > _LARGEST_SHIFT).any():
            break
        heights = (_values(layer) - lowest << shift[:, None]) - offset[:, None]
        heights += (_values(layer) <= zero) << line.places
        factors = _nearest_factor(line, steps + moved[:, None], heights, is_met, multipliers)
        from_first = sums + moved[:, None]
        is_above = from_first >= line.limit
        x = np.minimum(from_first, line.limit - 1) * factors[:, None] >> line.dropped
        x += (offset + (lowest << shift))[:, None]
        x -= (zero > lowest) * (x < (zero << shift)[:, None] + (1 << line.places)) << line.places
        outputs = np.where(from_first < 0, lowest, np.minimum(x >> shift[:, None], highest))
        fits = (x < 2**31).all(axis=1) & (np.abs(bias + moved) < 2**30)
        fits &= (offset >= (zero > lowest) << line.places) & (offset < 1 << 26)
        if line.is_cut:
            outputs = np.where(is_above, highest, outputs)
        else:
            fits &= ~is_above.any(axis=1)
        is_new = ~is_right & fits & (outputs == wanted).all(axis=1)
        made = np.stack([bias + moved, factors, offset << _SHIFT_BITS | shift], axis=1)
        records[is_new], is_right = made[is_new], is_right | is_new
    return (records & (2**32 - 1)).astype(np.uint32).view(np.int32), is_right


def _nearest_factor(line: Line, steps: Integers, heights: Integers, is_met: Array, multipliers: Integers) -> Integers:
    """The factor nearest to what real numbers give that leads to these heights at steps, and not before them."""
    bits = line.places + line.dropped
    scaled, largest = -(heights << line.dropped), (1 << bits) - 1
    least = np.where(is_met & (steps > 0), -(scaled // np.maximum(steps, 1)), 0).max(axis=1)
    most = np.where(is_met & (steps > 1), -(scaled // np.maximum(steps - 1, 1)) - 1, largest).min(axis=1)
    nearest: Integers = np.minimum(np.maximum(multipliers >> 31 - bits if bits < 31 else 2 * multipliers, least), most)
    return np.minimum(nearest, largest)


def _candidates(layer: Layer, line: Line, first: Integers) -> Iterator[tuple[Integers, Integers]]:
    """How sums are moved, and what is then added to their products, the likeliest first."""
    _, multipliers, shifts = layer.channels.astype(np.int64).T
    above = layer.fields["output_zero_point"] - layer.fields["lowest"]
    # the line of real numbers: half a step, half a product
    middle = (((above << 1) + 1 << (line.places - shifts)) + (1 << line.places)) >> 1
    for step in range(_TRIES):
        moved = step - first
        for more in (0, -1, 1):
            yield moved, middle - (moved * multipliers >> 31 - line.places) + more


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
