"""Records of the dsp kernels that requantise in the short form (`model/staircase`), where it is exact for a layer.

Sums are 256 times what they are, which weights of 16 bits give for nothing. What is added behind the multiplication
may be a little more than the zero point: offsets have only 8 fraction bits, and the few channels that none of them
suits are moved by that to others.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tinyflow.backends.tinynn.layer import Layer
from tinyflow.backends.tinynn.layouts import Array, Int8s, pair_words
from tinyflow.model import staircase
from tinyflow.model.fixed_point import Integers, Rescaling
from tinyflow.model.staircase import Form

# of matrix3_short.S
PAIRS = Form(8, 11)
# what is tried, and how far apart
_NUDGES, _STEP = 64, 37


class Records(NamedTuple):
    """Of each channel; `rows` are the weights, zeros where the output is constant."""

    rows: Int8s
    offset: Integers
    multiplier: Integers
    nudge: Integers


def why_not_short(layer: Layer, form: Form, together: int) -> str | None:
    """Why the short form isn't exact; None where it is. So many channels are nudged `together`."""
    if layer.fields["lowest"] < layer.fields["output_zero_point"]:
        return "outputs below zero"
    return "steps of outputs that three instructions don't give" if records(layer, form, together) is None else None


@lru_cache(maxsize=2)  # a layer is asked for its reasons first, and then packed
def records(layer: Layer, form: Form, together: int) -> Records | None:
    """Those of a layer, if there are any."""
    zero_point, clamp = layer.fields["output_zero_point"], (layer.fields["lowest"], layer.fields["highest"])
    bias, multipliers, shifts = (column.astype(np.int64)[:, None] for column in layer.channels.T)
    rescaling = Rescaling(multipliers, shifts)
    steps = staircase.bisected(
        layer.rows.astype(np.int64), clamp, lambda sums: rescaling.apply(sums + bias) + zero_point
    )
    factors = (multipliers * 2.0 ** (shifts - 31)).ravel()
    offset, multiplier, nudges = (np.zeros(len(factors), np.int64) for _ in range(3))
    is_open = np.ones(len(factors), np.bool_)
    for nudge in range(0, _NUDGES * _STEP, _STEP):
        short = staircase.fit(steps, factors, zero_point, form, nudge)
        is_poor = np.add.reduceat(short.is_open, range(0, len(factors), together)) > 0
        fits = is_open & ~np.repeat(is_poor, together)[: len(factors)]
        offset, multiplier = np.where(fits, short.offset, offset), np.where(fits, short.multiplier, multiplier)
        nudges = np.where(fits, nudge, nudges)
        is_open &= ~fits
        if not is_open.any():
            rows = np.where(steps.is_constant[:, None], 0, layer.rows).astype(np.int8)
            return Records(rows, offset, multiplier, nudges)
    return None


def pairs(layer: Layer) -> Array:
    """Weights of matrix.h between records, as matrix3_short.S reads them: [pairs of channels, words] int32."""
    short = records(layer, PAIRS, 2)
    assert short is not None, "why_not_short was asked"
    words = pair_words(short.rows, 1)
    words = words.reshape(len(words), -1).view(np.int32)
    offset, multiplier, nudge = (np.resize(column, 2 * len(words)).reshape(-1, 2) for column in short[1:])
    added = (layer.fields["output_zero_point"] << PAIRS.fraction_bits) + nudge[:, :1]
    behind = [multiplier[:, :1], added, offset[:, 1:], multiplier[:, 1:]]
    return np.concatenate([offset[:, :1], words, *behind], axis=1).astype(np.int32)
