"""Records of the dsp kernels that requantise in the short form (`model/staircase`), where it is exact for a layer.

Sums are 256 times what they are, which weights of 16 bits give for nothing. What is added behind the multiplication
may be a little more than the zero point: offsets have only 8 fraction bits, and the few channels that none of them
suits are moved by that to others.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyflow.backends.tinynn.layer import Layer
from tinyflow.backends.tinynn.layouts import Array, Int8s, block_words
from tinyflow.model import staircase
from tinyflow.model.fixed_point import Integers, Rescaling
from tinyflow.model.staircase import Form


class Kind(NamedTuple):
    """A form, how many channels are nudged together, and by multiples of what."""

    form: Form
    together: int
    step: int


# of matrix3_short.S, plane3x3_short.S, matrix8.S
PAIRS = Kind(Form(8, 11), 2, 37)
PLANES = Kind(Form(8, 10), 1, 8)
EIGHTS = Kind(Form(8, 9), 8, 5)
_NUDGES = 64


class Records(NamedTuple):
    """Of each channel; `rows` are the weights, zeros where the output is constant."""

    rows: Int8s
    offset: Integers
    multiplier: Integers
    nudge: Integers


def why_not_short(layer: Layer, kind: Kind) -> str | None:
    """Why the short form isn't exact; None where it is."""
    if layer.fields["lowest"] < layer.fields["output_zero_point"]:
        return "outputs below zero"
    return "steps of outputs that three instructions don't give" if records(layer, kind) is None else None


def _steps(layer: Layer) -> tuple[staircase.Steps, NDArray[np.float64]]:
    """Of all channels, with the real factors."""
    zero_point, clamp = layer.fields["output_zero_point"], (layer.fields["lowest"], layer.fields["highest"])
    bias, multipliers, shifts = layer.channels.T.astype(np.int64)
    factors: NDArray[np.float64] = multipliers * 2.0 ** (shifts - 31)
    rescaling = Rescaling(multipliers[:, None], shifts[:, None])
    wanted = staircase.Layer(layer.rows.astype(np.int64), bias, factors, zero_point, clamp)
    return staircase.bisected(wanted, rescaling.apply), factors


@lru_cache(maxsize=2)  # a layer is asked for its reasons first, and then packed
def records(layer: Layer, kind: Kind) -> Records | None:
    """Those of a layer, if there are any."""
    steps, factors = _steps(layer)
    zero_point = layer.fields["output_zero_point"]
    offset, multiplier, nudges = (np.zeros(len(factors), np.int64) for _ in range(3))
    places = np.arange(len(factors))
    for nudge in range(0, _NUDGES * kind.step, kind.step):
        short = staircase.fit(steps.of(places), factors[places], zero_point, kind.form, nudge)
        offset[places], multiplier[places], nudges[places] = short.offset, short.multiplier, nudge
        poor = np.unique(places[short.is_open] // kind.together)
        places = np.flatnonzero(np.isin(np.arange(len(factors)) // kind.together, poor))
        if not places.size:
            rows = np.where(steps.is_constant[:, None], 0, layer.rows).astype(np.int8)
            return Records(rows, offset, multiplier, nudges)
    return None


def pairs(layer: Layer) -> Array:
    """Weights of matrix.h between records, as matrix3_short.S reads them: [pairs of channels, words] int32."""
    short = records(layer, PAIRS)
    assert short is not None, "why_not_short was asked"
    words = block_words(short.rows, 1)
    offset, multiplier, nudge = (np.resize(column, 2 * len(words)).reshape(-1, 2) for column in short[1:])
    added = (layer.fields["output_zero_point"] << PAIRS.form.fraction_bits) + nudge[:, :1]
    behind = [multiplier[:, :1], added, offset[:, 1:], multiplier[:, 1:]]
    return np.concatenate([offset[:, :1], words, *behind], axis=1).astype(np.int32)


def planes3x3(layer: Layer) -> Array:
    """Records as plane3x3_short.S reads them, [channels, 5] int32: three taps in each of three words, a nudge."""
    short = records(layer, PLANES)
    assert short is not None, "why_not_short was asked"
    bytes_ = np.zeros((len(short.rows), 3, 4), np.int8)
    bytes_[:, :, :3] = short.rows.reshape(-1, 3, 3)
    bytes_[:, 0, 3] = short.nudge // PLANES.step
    return np.concatenate(
        [bytes_.view(np.int32)[..., 0], short.offset[:, None], short.multiplier[:, None]], axis=1
    ).astype(np.int32)


def why_not_short_eights(layer: Layer) -> str | None:
    """The same of outputs with one scale, by eights."""
    if layer.fields["lowest"] < layer.fields["output_zero_point"]:
        return "outputs below zero"
    return "steps of outputs that three instructions don't give" if _blocks(layer) is None else None


@lru_cache(maxsize=2)
def _blocks(layer: Layer) -> list[tuple[Integers, int, int]] | None:
    """Offsets, multiplier and nudge of each eight outputs with one scale, if all have them."""
    steps, factors = _steps(layer)
    form, together, step = EIGHTS
    made = []
    for first in range(0, len(factors), together):
        part = steps.of(slice(first, first + together))
        for nudge in range(0, _NUDGES * step, step):
            found = staircase.fit_together(part, factors[first], layer.fields["output_zero_point"], form, nudge)
            if found is not None:
                made.append((*found, nudge))
                break
        else:
            return None
    return made


def eights(layer: Layer) -> Array:
    """Weights of matrix.h between offsets and the rest, as matrix8.S reads them: [eights of outputs, words] int32."""
    blocks = _blocks(layer)
    assert blocks is not None, "why_not_short_eights was asked"
    added = layer.fields["output_zero_point"] << EIGHTS.form.fraction_bits
    parts = [
        np.concatenate([offset[0::2], words, [multiplier, added + nudge], offset[1::2]])
        for words, (offset, multiplier, nudge) in zip(block_words(layer.rows, 4), blocks, strict=True)
    ]
    return np.stack(parts).astype(np.int32)
