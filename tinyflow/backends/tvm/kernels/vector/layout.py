"""How weights and constants lie for the vector instructions of tf_vector.h."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinyflow.backends.tvm.kernels.kernel import Array, Weights
from tinyflow.backends.tvm.kernels.rescaling import pack_scale, scale_numbers
from tinyflow.backends.tvm.kernels.specs import DepthwiseSpec, WeightedSpec

# two weights whose products with -128 are added up in 16 bits
_MOST_OF_A_PAIR = 255


@dataclass(frozen=True)
class Lanes:
    """What the files behind tf_vector.h want of layouts."""

    step: int  # products that are read at once
    block: int  # channels that are computed together
    taps_block: int  # of a depthwise convolution
    is_filled: bool  # whether all blocks have that many channels
    is_even_first: bool  # whether a block's constants are those of its even channels, then of its odd ones
    shift_sign: int


LANES: Mapping[str, Lanes] = {
    "mve": Lanes(16, 4, 8, is_filled=True, is_even_first=True, shift_sign=-1),
    "rvv": Lanes(1, 32, 32, is_filled=False, is_even_first=False, shift_sign=1),
}


def filled(number: int, unit: int) -> int:
    """The least multiple of the unit that isn't below the number."""
    return -(-number // unit) * unit


def sizes(spec: WeightedSpec, channels: int, lanes: Lanes, block: int, products: int) -> tuple[int, int]:
    """Weights and constants, with those of channels that fill the last block."""
    channels = filled(channels, block) if lanes.is_filled else channels
    return channels * products, channels * scale_numbers(spec.requantisation)


def pack_blocks(
    spec: WeightedSpec, given: Weights, lanes: Lanes, segments: int, block: int, repeated: int = 1
) -> Mapping[str, Array]:
    """Weights and constants in the layout of the header: blocks of channels, one behind the other."""
    values, scale = pack_scale(spec, given)
    if spec.requantisation.up is None:
        scale = _long(scale, lanes)
    values, scale = np.tile(values, (repeated, 1)), np.tile(scale, (repeated, 1))
    missing = -len(values) % block if lanes.is_filled else 0
    values, scale = np.pad(values, ((0, missing), (0, 0))), np.pad(scale, ((0, missing), (0, 0)))
    is_taps = isinstance(spec, DepthwiseSpec)
    if is_taps or lanes.step == 1:
        _check_pairs(values, segments)
    starts = range(0, len(values), block)
    weights = [_arranged(values[at : at + block], lanes, segments, is_taps) for at in starts]
    order = [*range(0, block, 2), *range(1, block, 2)] if is_taps and lanes.is_even_first else slice(None)
    constants = [scale[at : at + block][order].T.ravel() for at in starts]
    return {"weights": np.concatenate(weights), "scale": np.concatenate(constants)}


def _arranged(values: Array, lanes: Lanes, segments: int, is_taps: bool) -> Array:
    """The weights of one block, [channel, product]."""
    if is_taps or lanes.step == 1:
        return np.ascontiguousarray(values.T).ravel()
    runs = values.reshape(len(values), segments, -1)
    steps = np.pad(runs, ((0, 0), (0, 0), (0, -runs.shape[2] % lanes.step)))
    return np.ascontiguousarray(steps.reshape(len(values), segments, -1, lanes.step).transpose(1, 2, 0, 3)).ravel()


def _long(scale: Array, lanes: Lanes) -> Array:
    """Offset, multiplier and shift with the sign that the header wants; ValueError where a shift is none."""
    offset, multiplier, shift = scale.T
    shift = np.where(multiplier == 0, 1, shift)
    if (shift < 1).any() or (shift > 31).any():
        raise ValueError("the long form shifts to the right by 1 to 31")
    return np.stack([offset, multiplier, shift * lanes.shift_sign], axis=1).astype(np.int32)


def _check_pairs(values: Array, segments: int) -> None:
    """ValueError where two products that are added up in 16 bits might not fit."""
    runs = np.abs(values.astype(np.int32)).reshape(len(values), segments, -1)
    even = runs.shape[2] // 2 * 2
    if (runs[:, :, 0:even:2] + runs[:, :, 1:even:2] > _MOST_OF_A_PAIR).any():
        raise ValueError("two products don't fit 16 bits")
