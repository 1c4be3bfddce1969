"""CONV_2D of 3x3 taps by Winograd's F(2x2, 3x3) in integers: weights, scratch, what it costs beside the direct kernel.

A tile of 2x2 outputs is made of B d Bᵀ of 4x4 inputs d and G w Gᵀ of 3x3 taps w (src/dsp/conv2d_winograd.c), where
twice the usual G has whole numbers, so that results are four times the sums of products. Each number of B d Bᵀ is a
sum of four inputs at most, 4 * 128 = 512; each of G w Gᵀ a sum of nine taps at most, 9 * 128 = 1152: both have 16 bits,
and the two products of a SMLAD have 22. A sum over channels may leave 32 bits. But all that follows are additions and
subtractions, which are right modulo 2^32, and their result is four times the sum of products that the direct kernel
makes: with 4 * 128 * Σ |w| < 2^31 it has 32 bits, and the shift by two that follows is exact.

Inputs are what they are, and padding holds their zero point, whose products are in the biases: so these bounds hold for
every zero point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinyflow.backends.arrays import Constant
from tinyflow.backends.tinynn import layouts
from tinyflow.backends.tinynn.calls import Field
from tinyflow.backends.tinynn.layer import Fields, Layer
from tinyflow.backends.tinynn.layouts import Array, Int8s
from tinyflow.backends.tinynn.scratch import Scratch, products_of

PLACES = 16
# of conv2d_winograd.c
_TILES, _PAIR = 3, 2
_G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
_ORDER = [1, 2, 0, 3]
# Instructions, measured: of the direct kernel for three pixels of a pair of outputs, and for each four products of it;
# of this for a group of tiles and a pair of outputs, and for eight products of it at each place; for a tile, and eight
# inputs of it; for eight weights of an output
_DIRECT, _DIRECT_FOUR = 80, 17
_GROUP, _GROUP_EIGHT, _TILE, _INPUTS, _WEIGHTS = 520, 544, 130, 450, 360
# what a lower number of instructions must be, to be worth the code
WORTH_IT = 0.9
_MOST_LOTS = 24


def why_not_winograd(rows: Int8s) -> str | None:
    """Why four times a sum of products could have more than 32 bits; None where it can't."""
    most = 4 * 128 * np.abs(rows.astype(np.int64)).sum(axis=1)
    return "four times the sums have more than 32 bits" if (most >= 2**31).any() else None


def is_possible(f: Fields) -> bool:
    """Whether shapes are what the kernel computes."""
    return bool(
        f["kernel_height"] == f["kernel_width"] == 3
        and f["stride_y"] == f["stride_x"] == f["dilation_y"] == f["dilation_x"] == 1
        and f["input_channels"] % 8 == f["output_channels"] % _PAIR == 0
    )


def transformed(weights: Int8s) -> Array:
    """G w Gᵀ: [out, 3, 3, in] → [pairs of outputs, 16, words of two inputs, a and b, 2] int16.

    Places are columns of rows 1, 2, 0, 3. Of four inputs 0 and 2 are in the first word, 1 and 3 in the second.
    """
    outputs, _, _, inputs = weights.shape
    values = np.einsum("iy,oyxc,jx->ojic", _G[_ORDER], weights.astype(np.int64), _G).astype(np.int16)
    words = values.reshape(outputs // _PAIR, _PAIR, PLACES, inputs // 4, 2, 2)
    return np.ascontiguousarray(words.transpose(0, 2, 3, 5, 1, 4))


def packed(layer: Layer) -> Mapping[str, Field]:
    """Of struct tinynn_conv2d_winograd."""
    fields = {name: layer.fields[name] for name in layer.fields if name not in ("groups", "is_transformed")}
    weights = transformed(layer.weights) if layer.fields["is_transformed"] else layer.weights
    records = Constant(layouts.right_records(layer.channels), struct="tinynn_channel")
    return {
        "conv2d": {"weights": Constant(weights), "channels": records, **fields},
        "groups": layer.fields["groups"],
        "is_transformed": layer.fields["is_transformed"],
    }


def _scratch_bytes(f: Fields) -> int:
    channels, outputs = f["input_channels"], f["output_channels"]
    of_pair = 0 if f["is_transformed"] else PLACES * channels // 2 * _PAIR * 4
    of_group = _TILES * (PLACES * channels // 2 * 4 + 4 * 4)
    return int(f["groups"] * of_group + of_pair + channels + outputs)


SCRATCH = Scratch(
    "groups of tiles, transformed; a pair of channels' transformed weights; a pixel of padding, one aside",
    _scratch_bytes,
)


def _tiles(f: Fields) -> int:
    return int(-(-f["output_height"] // 2) * -(-f["output_width"] // 2))


def _groups(f: Fields) -> int:
    return -(-_tiles(f) // _TILES)


def instructions(f: Fields) -> int:
    """About as many as the kernel takes for an image."""
    pairs, eights = f["output_channels"] // _PAIR, f["input_channels"] // 8
    lots = 0 if f["is_transformed"] else -(-_groups(f) // f["groups"])
    products = _groups(f) * pairs * (_GROUP + _GROUP_EIGHT * eights)
    return int(products + _tiles(f) * (_TILE + eights * _INPUTS) + lots * pairs * _PAIR * eights * _WEIGHTS)


def _direct_instructions(f: Fields) -> int:
    threes, pairs = -(-f["output_height"] * f["output_width"] // 3), f["output_channels"] // _PAIR
    return int(threes * (pairs * (_DIRECT + products_of(f) // 4 * _DIRECT_FOUR) + 3 * products_of(f)))


def offers(f: Fields) -> Iterator[dict[str, Any]]:
    """Fields `groups` and `is_transformed` with which it is worth it, the quickest first."""
    if not is_possible(f):
        return
    every = _groups(f)
    counts = sorted({-(-every // lots) for lots in range(1, _MOST_LOTS + 1)})
    tried = [{"groups": 1, "is_transformed": 1}, *({"groups": count, "is_transformed": 0} for count in counts)]
    costs = [instructions({**f, **offer}) for offer in tried]
    limit = WORTH_IT * _direct_instructions(f)
    yield from (tried[place] for place in np.argsort(costs, kind="stable") if costs[place] <= limit)
