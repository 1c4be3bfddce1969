"""How the kernels of tinynn want weights and channel records in flash, and when their shortcuts are exact.

Weights come as rows: [output channels, products of one output] int8. Records are [output channels, 3] int32, as the
struct tinynn_channel. A row's bounds hold for every int8 input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinyflow.model.fixed_point import INT32_MAX, INT32_MIN, Integers, OutOfRange, Rescaling

Array = npt.NDArray[Any]
Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]

# |int8| ≤ 128
_LARGEST_INPUT = 128
# and without its zero point
_LARGEST_CENTRED = 255
_LARGEST_INT16_INPUT = 1 << 15
# TINYNN_LARGEST_RIGHT_SHIFT of tinynn.h: beyond it `(2 * zero_point + 1) << shift` of the kernels could leave 31 bits
LARGEST_RIGHT_SHIFT = 22
# MultiplyByQuantizedMultiplier of TFLM for 64 bits
_LARGEST_WIDE_SHIFT = 7
# sizes of blocks in the kernels with vectors
MVE_STEP, MVE_CHANNELS = 16, 4
RVV_LANES = 32
# of rv32/fields6x2.S
LONGEST_RUN = 8


class Channels(NamedTuple):
    """Bias, multiplier and shift of each output, as the model has them."""

    bias: Sequence[int] | Int32s
    multipliers: Int32s
    shifts: Int32s


def records(rows: Int8s | Integers, model: Channels, zero_point: int) -> Array:
    """Bias with the input's zero point folded in, multiplier, shift: what the variant ref reads."""
    folded = np.asarray(model.bias, np.int64) - zero_point * rows.astype(np.int64).sum(axis=1)
    # modulo 2**32, as TFLM accumulates
    wrapped = folded.astype(np.uint64).astype(np.uint32).view(np.int32)
    return np.stack([wrapped, np.asarray(model.multipliers, np.int32), np.asarray(model.shifts, np.int32)], axis=1)


def wide_records(bias: Integers, rescaling: Rescaling, *, has_wide_sums: bool) -> Array:
    """The same of a layer with int16 inputs, [output channels, 4]: the struct tinynn_wide_channel.

    A channel that is scaled to nothing, by a multiplier of 0, gets a scale and a bias that no kernel minds.
    Raises ValueError for scales that TFLM doesn't shift by.
    """
    multipliers, shifts = rescaling.multipliers, rescaling.shifts
    is_nothing = multipliers == 0
    bias, shifts = np.where(is_nothing, 0, bias), np.where(is_nothing, -2, shifts)
    if has_wide_sums:
        if (shifts > _LARGEST_WIDE_SHIFT).any():
            raise OutOfRange("a factor of 128 and more between scales is not supported")
        multipliers = np.minimum((multipliers + (1 << 15)) >> 16, 2**15 - 1)
    halves = bias.astype("<i8").view("<i4").reshape(-1, 2)
    return np.concatenate([halves, np.stack([multipliers, shifts], axis=1)], axis=1).astype(np.int32)


def why_not_narrow(rows: Int8s, wide: Array) -> str | None:
    """Why a layer with int16 inputs can't do with sums of 32 bits and one rounding shift; None where it can."""
    if (wide[:, 2] >= 1 << 15).any():
        return "biases of int32"
    if wide[:, 3].max() > -2:
        return "a scale of 1/4 or more"
    bias = wide[:, 0].astype(np.int64) % 2**32 + (wide[:, 1].astype(np.int64) << 32)
    most = np.abs(bias) + np.abs(rows.astype(np.int64)).sum(axis=1) * _LARGEST_INT16_INPUT
    return "sums of more than 32 bits" if (most >= 2**31).any() else None


def narrow_records(wide: Array) -> Array:
    """Bias, 2^16 * multiplier, n of a rescale by 2^-n of the high word of their product: of layers like these."""
    return np.stack([wide[:, 0], wide[:, 2] << 16, -1 - wide[:, 3]], axis=1).astype(np.int32)


def byte_quads(rows: Int8s, channels: int) -> Int8s:
    """Weights for pairs of int16: [blocks of `channels` rows, groups of four products, `channels`, 4].

    In the order 0, 2, 1, 3, from which SXTB16 takes two neighbours. Both are filled up with zeros.
    """
    full = padded(np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))), channels)
    quads = full.reshape(-1, channels, full.shape[1] // 4, 4)[..., [0, 2, 1, 3]]
    return np.ascontiguousarray(quads.transpose(0, 2, 1, 3))


def largest_sums(rows: Int8s, channels: Array) -> npt.NDArray[np.int64]:
    """The most that each accumulator can be, whatever the input: bound on |bias + Σ input * weight|."""
    magnitudes: npt.NDArray[np.int64] = np.abs(rows.astype(np.int64)).sum(axis=1)
    return np.abs(channels[:, 0].astype(np.int64)) + _LARGEST_INPUT * magnitudes


def outputs_between(
    rescaling: Rescaling, middle: Array, swing: Integers, output_zero_point: int, clamp: tuple[int, int]
) -> tuple[npt.NDArray[np.bool_], Integers]:
    """Where they are known, and the least and the largest output of each channel, [2, C], of sums so near `middle`.

    Sums that leave 32 bits wrap around and may be any; behind a scale that is small enough they are nothing, still.
    """
    bounds = np.stack([middle - swing, middle + swing])
    wraps = (bounds[0] < INT32_MIN) | (bounds[1] > INT32_MAX)
    bounds = np.where(wraps, [[INT32_MIN], [INT32_MAX]], bounds)
    is_known = rescaling.is_exact(bounds[0], bounds[1])
    # rescaling is monotone, so that what lies between the bounds lies between their results
    outputs: Integers = np.clip(rescaling.apply(np.where(is_known, bounds, 0)) + output_zero_point, *clamp)
    return is_known, outputs


def with_constants_apart(
    rows: Int8s, channels: Array, output_zero_point: int, clamp: tuple[int, int]
) -> tuple[Int8s, Array]:
    """The same layer; channels that have one value whatever the input become zeros with a bias and a scale of 1/4.

    Their own scale may be 0, or smaller than the fast kernels take.
    """
    rescaling = Rescaling(channels[:, 1].astype(np.int64), channels[:, 2].astype(np.int64))
    swing = _LARGEST_INPUT * np.abs(rows.astype(np.int64)).sum(axis=1)
    is_tame, (least, most) = outputs_between(rescaling, channels[:, 0], swing, output_zero_point, clamp)
    is_constant = is_tame & (least == most)
    quarter = np.stack([4 * (least - output_zero_point), np.full_like(least, 1 << 30), np.full_like(least, -1)], axis=1)
    return (
        np.where(is_constant[:, None], np.int8(0), rows),
        np.where(is_constant[:, None], quarter, channels).astype(np.int32),
    )


def why_not_right(rows: Int8s, channels: Array, output_zero_point: int) -> str | None:
    """Why rescaling by right shifts alone could go wrong (rescale_right.h, requantise.inc); None where it can't."""
    shifts = -channels[:, 2].astype(np.int64)
    if shifts.min() < 1:
        return "a scale of 1/2 or more"
    if shifts.max() > LARGEST_RIGHT_SHIFT:
        return "a scale below 2**-23"
    return why_not_right_where_possible(rows, channels, output_zero_point)


def why_not_right_where_possible(rows: Int8s, channels: Array, output_zero_point: int) -> str | None:
    """The same of a kernel that leaves channels of other scales to the definition (any_shift.h)."""
    is_right = (channels[:, 2] <= -1) & (channels[:, 2] >= -LARGEST_RIGHT_SHIFT)
    rows, channels = rows[is_right], channels[is_right]
    shifts = -channels[:, 2].astype(np.int64)
    sums = largest_sums(rows, channels)
    # twice the product before its shift, and both roundings
    scaled = 2 * (sums * channels[:, 1] >> 31) + 4
    if (sums >= 2**30).any() or (scaled + (abs(2 * output_zero_point + 1) << shifts) >= 2**31).any():
        return "sums of more than 30 bits"
    return None


def right_records(channels: Array) -> Array:
    """Bias, 2 * multiplier modulo 2**32, right shift - 1: what rescale_right.h and requantise.inc read."""
    factors = (2 * channels[:, 1].astype(np.int64)).astype(np.uint32).view(np.int32)
    return np.stack([channels[:, 0], factors, -channels[:, 2] - 1], axis=1).astype(np.int32)


def rounded_up(size: int, multiple: int) -> int:
    """The next multiple."""
    return -(-size // multiple) * multiple


def padded(array: Array, multiple: int) -> Array:
    """Rows of zeros behind, up to a multiple."""
    return np.pad(array, ((0, -len(array) % multiple), (0, 0)))


def tiles(rows: Int8s, channels: int) -> Int8s:
    """Weights for tile.h: [blocks of `channels` rows, products, `channels`]."""
    blocks = padded(rows, channels).reshape(-1, channels, rows.shape[1])
    return np.ascontiguousarray(blocks.transpose(0, 2, 1))


def _pairs(rows: Int8s) -> npt.NDArray[np.int64]:
    """Rows a, b of each pair as one number 256 * a + b for each product: [pairs, products]."""
    wide = padded(rows, 2).astype(np.int64)
    numbers: npt.NDArray[np.int64] = 256 * wide[0::2] + wide[1::2]
    return numbers


def why_not_pairs(rows: Int8s) -> str | None:
    """Why pairs of channels can't share halfwords (matrix.h); None where they can.

    |Σ input * a| must stay below 2**23.
    """
    if _pairs(rows).min() < np.iinfo(np.int16).min:
        return "a weight of -128 above a negative one"
    if (_LARGEST_INPUT * np.abs(rows[0::2].astype(np.int64)).sum(axis=1) >= 2**23).any():
        return "sums of more than 23 bits"
    return None


def pair_words(rows: Int8s, pairs_in_block: int) -> Array:
    """Weights for matrix.h: [blocks, groups of four products, pairs, 2 words, 2 halfwords] int16.

    The first word of a group has products k and k+2, the second k+1 and k+3. Both are filled up with zeros.
    """
    groups = -(-rows.shape[1] // 4)
    full = padded(np.pad(rows, ((0, 0), (0, 4 * groups - rows.shape[1]))), 2 * pairs_in_block)
    halves = _pairs(full).astype(np.int16).reshape(-1, pairs_in_block, groups, 2, 2)
    return np.ascontiguousarray(halves.transpose(0, 2, 1, 4, 3))


def block_words(rows: Int8s, pairs_in_block: int) -> Int32s:
    """The same as words: [blocks, words]."""
    words = pair_words(rows, pairs_in_block)
    return words.reshape(len(words), -1).view(np.int32)


def why_not_small_sums(rows: Int8s, channels: Array) -> str | None:
    """Why 256 times a sum with its bias could leave 32 bits; None where it can't."""
    return "sums of more than 23 bits" if (largest_sums(rows, channels) >= 2**23).any() else None


def why_not_halved(channels: Array) -> str | None:
    """Why the vector kernels (mve/rescale.h, rvv/rescale.h) can't rescale; None where every scale is below 1/2."""
    return "a scale of 1/2 or more" if channels[:, 2].max() > -1 else None


def why_not_tap_pairs(rows: Int8s, distance: int = 1) -> str | None:
    """Why products of neighbouring taps, or so far apart, can't share 16 bits (mve, rvv, neon); None where they can."""
    magnitudes = np.abs(rows.astype(np.int64))
    magnitudes = np.pad(magnitudes, ((0, 0), (0, -magnitudes.shape[1] % (2 * distance))))
    sums = magnitudes.reshape(len(rows), -1, 2, distance).sum(axis=2)
    return "two weights of -128" if sums.max() > 255 else None


def runs_in_fields(rows: Int8s, channels: int) -> list[list[int]]:
    """Of each block of rows the lengths of runs of products whose sums have 16 bits in each, whatever the input."""
    weights = padded(rows, channels).astype(np.int64).reshape(-1, channels, rows.shape[1])
    ends = np.iinfo(np.int8)
    steps = np.stack([weights * ends.min, weights * ends.max])
    least, most = steps.min(axis=0), steps.max(axis=0)
    limits = np.iinfo(np.int16)
    runs: list[list[int]] = [[] for _ in weights]
    lowest, highest = np.zeros_like(least[:, :, 0]), np.zeros_like(most[:, :, 0])
    lengths = np.zeros(len(weights), np.int64)
    for k in range(rows.shape[1]):
        lowest, highest = lowest + least[:, :, k], highest + most[:, :, k]
        is_over = ((lowest < limits.min) | (highest > limits.max)).any(axis=1) | (lengths == LONGEST_RUN)
        for block in np.flatnonzero(is_over):
            runs[block].append(int(lengths[block]))
        lengths = np.where(is_over, 1, lengths + 1)
        lowest[is_over], highest[is_over] = least[is_over, :, k], most[is_over, :, k]
    for run, length in zip(runs, lengths.tolist(), strict=True):
        run.append(length)
    return runs


def in_runs(rows: Int8s, channels: int, step: int) -> Int8s:
    """Weights of each block by its runs: a byte of `step` times the length, [length, `channels`]; 0 after the last."""
    blocks = tiles(rows, channels)
    parts: list[Int8s] = []
    for block, lengths in zip(blocks, runs_in_fields(rows, channels), strict=True):
        for first, length in zip(np.cumsum([0, *lengths]), lengths, strict=False):
            parts += [np.array([step * length], np.uint8).view(np.int8), block[first : first + length].ravel()]
        parts.append(np.zeros(1, np.int8))
    return np.concatenate(parts)


def vector_records(channels: Array, lanes: int, sign: int = 1) -> Array:
    """Blocks of [lanes] biases, [lanes] multipliers, [lanes] shifts times `sign`; the last block may be smaller."""
    signed = channels * np.array([1, 1, sign], np.int32)
    blocks = [signed[start : start + lanes].T.reshape(-1, 3) for start in range(0, len(signed), lanes)]
    return np.concatenate(blocks).astype(np.int32)


def dot_blocks(rows: Int8s, channels: int, step: int) -> Int8s:
    """Weights for sums of whole vectors: [blocks of `channels` rows, steps, `channels`, `step`], zeros filled up."""
    full = padded(np.pad(rows, ((0, 0), (0, -rows.shape[1] % step))), channels)
    return np.ascontiguousarray(full.reshape(-1, channels, full.shape[1] // step, step).transpose(0, 2, 1, 3))


def why_no_room(lstm: Mapping[str, Any]) -> str | None:
    """Against src/dsp/recurrent.c for an LSTM: sums, shifted to the left, could leave int32, or shifts are too far."""
    for part in ("input", "state"):
        factors = zip(lstm[f"{part}_weights"], lstm[f"{part}_multipliers"], lstm[f"{part}_shifts"], strict=True)
        for gate, (weights, multiplier, shift) in enumerate(factors):
            bias = np.abs(lstm["bias"][gate].values.astype(np.int64)) if part == "input" else 0
            most = _LARGEST_CENTRED * np.abs(weights.values.astype(np.int64)).sum(axis=1) + bias
            if not multiplier or shift < -13 or (shift > 0 and int(most.max()) >= 1 << (31 - shift)):
                return f"sums of {part}s that are shifted by {shift}"
    if any(lstm[f"{name}_shift"] > -1 or not lstm[f"{name}_multiplier"] for name in ("keep", "update", "output")):
        return "products that aren't scaled down"
    return None
