"""Which kernel of the tinynn runtime computes a layer, and the constants and scratch that it wants.

A layer's parameters come in as the fields of its C struct (recipes/runtimes/tinynn/include/tinynn.h), its weights as
the model has them; out comes a `Call`: function, struct, fields, packed arrays, scratch. It writes no C and knows no graph.
A kernel that can't compute a layer exactly (a shape, an accumulator that could overflow) is passed over for the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]

# The best variant first; each falls back to those behind it.
VARIANTS: Mapping[str, tuple[str, ...]] = {
    "ref": ("ref",),
    "c": ("c", "ref"),
    "dsp": ("dsp", "c", "ref"),
    "rv32": ("rv32", "c", "ref"),
}
WORD_BYTES = 4


@dataclass(frozen=True, eq=False)
class Constant:
    """An array that goes to flash: `<dtype>_t` elements, or records of `struct` with one row of `values` for each."""

    values: Array
    alignment: int = WORD_BYTES
    struct: str | None = None
    """`tinynn_channel` for an [N, 3] int32 array of records; None for plain numbers (`values.dtype` is their type)."""


Field = Union[int, float, tuple[int, ...], Constant, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a kernel: `function(&<struct of fields>, inputs…, output[, scratch])`."""

    function: str
    struct: str
    fields: Mapping[str, Field]
    """Initialisers by the struct's names: numbers, tuples for arrays, mappings for structs, Constants for pointers."""
    takes_scratch: bool = False
    """Whether the function has a last parameter `scratch`."""
    scratch_bytes: int = 0
    """What that points to, aligned to 4 bytes; NULL where it is 0."""
    in_place: tuple[int, ...] = ()
    """Inputs (0, 1) at whose address the output may begin."""
    notes: tuple[str, ...] = field(default=())
    """Why a faster kernel was passed over, for the report."""


def _channels(
    weights: Int8s, bias: Sequence[int] | Int32s, multipliers: Int32s, shifts: Int32s, zero_point: int
) -> Array:
    """Channel records of the ref and c variants, [C, 3] int32: the input's zero point folded into the bias.

    `weights` are [C, products of the channel].
    """
    folded = np.asarray(bias, np.int64) - zero_point * weights.reshape(len(weights), -1).astype(np.int64).sum(axis=1)
    # TFLM accumulates modulo 2**32 too
    wrapped = folded.astype(np.uint64).astype(np.uint32).astype(np.int32)
    return np.stack([wrapped, np.asarray(multipliers, np.int32), np.asarray(shifts, np.int32)], axis=1)


def _paired(rows: Int8s) -> npt.NDArray[np.int64]:
    """Rows a, b of pairs as one number 256 * a + b for each product: [pairs, products]; an odd last row meets zeros."""
    even = np.vstack([rows, np.zeros((len(rows) % 2, rows.shape[1]), np.int8)]).astype(np.int64)
    return 256 * even[0::2] + even[1::2]


def _is_exact_paired(rows: Int8s, records: Array, zero_point: int) -> str | None:
    """Why the kernels of matrix.h could go wrong with these weights and records; None where they can't.

    Their conditions: 256 * a + b is an int16; |Σ x*a| < 2**23 for every int8 x; and those of `_is_exact_rescale`.
    """
    limits = np.iinfo(np.int16)
    paired = _paired(rows)
    if paired.min() < limits.min:
        return "a weight of -128"
    if (np.abs(rows[0::2].astype(np.int64)).sum(axis=1) * 128 >= 2**23).any():
        return "sums of more than 23 bits"
    return _is_exact_rescale(rows, records, zero_point)


def _is_exact_rescale(rows: Int8s, records: Array, zero_point: int) -> str | None:
    """Why the dsp rescaling could go wrong; None where it can't: right shifts of 1 to 22, sums without overflow."""
    shifts = records[:, 2].astype(np.int64)
    if (shifts > -1).any() or (shifts < -22).any():
        return "a scale of 1/2 or more, or below 2**-23"
    largest = np.abs(records[:, 0].astype(np.int64)) + 128 * np.abs(rows.astype(np.int64)).sum(axis=1)
    offsets = abs(2 * zero_point + 1) << (-shifts - 1)
    if (largest + offsets >= 2**31 - 1).any():
        return "sums of more than 31 bits"
    return None


def _dsp_records(records: Array) -> Array:
    """Channel records for requantise.inc: bias; 2 * multiplier modulo 2**32; right shift - 1. Padded to even length."""
    doubled = (2 * records[:, 1].astype(np.int64)).astype(np.uint32).view(np.int32)
    return np.stack([records[:, 0], doubled, -records[:, 2] - 1], axis=1).astype(np.int32)


def _padded_rows(array: Array, multiple: int) -> Array:
    """Rows of zeros behind, up to a multiple."""
    return np.pad(array, ((0, -len(array) % multiple), (0, 0)))


def _matrix_words(rows: Int8s, pairs_in_block: int) -> Array:
    """Weights for matrix.h: [blocks, groups of four products, pairs, 2 words, 2 halfwords] int16.

    The words of a group hold products k, k+2 and k+1, k+3.
    """
    rows = _padded_rows(np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))), 2 * pairs_in_block)
    halves = _paired(rows).astype(np.int16).reshape(-1, pairs_in_block, rows.shape[1] // 4, 2, 2)
    return np.ascontiguousarray(halves.transpose(0, 2, 1, 4, 3))


def conv2d(
    variant: str,
    fields: Mapping[str, int],
    weights: Int8s,
    bias: Sequence[int] | Int32s,
    multipliers: Int32s,
    shifts: Int32s,
) -> Call:
    """CONV_2D: `weights` [out, kh, kw, in], `bias` [out] as in the model; `fields` are all others of the struct."""
    records = _channels(weights, bias, multipliers, shifts, fields["input_zero_point"])
    rows = weights.reshape(len(weights), -1)
    notes: tuple[str, ...] = ()
    if "dsp" in VARIANTS[variant]:
        refusal = _is_exact_paired(rows, records, fields["output_zero_point"])
        if refusal is None:
            return _conv2d_dsp(fields, weights, records)
        notes = (f"not tinynn_conv2d_dsp: {refusal}",)
    constants = {"weights": Constant(weights.ravel()), "channels": Constant(records, struct="tinynn_channel")}
    patch_bytes = weights[0].size
    return Call(
        "tinynn_conv2d_ref",
        "tinynn_conv2d",
        {**constants, **fields},
        takes_scratch=True,
        scratch_bytes=patch_bytes,
        notes=notes,
    )


def _conv2d_dsp(fields: Mapping[str, int], weights: Int8s, records: Array) -> Call:
    """See src/dsp/conv2d.c. Scratch: activations of three pixels; a place aside for outputs; four rows at the edge."""
    outputs, height, row_bytes = len(weights), weights.shape[1], weights[0, 0].size
    rows = np.pad(weights.reshape(outputs, height, row_bytes), ((0, 0), (0, 0), (0, -row_bytes % 4)))
    constants = {
        "weights": Constant(_matrix_words(rows.reshape(outputs, -1), 1)),
        "channels": Constant(_padded_rows(_dsp_records(records), 2), struct="tinynn_channel"),
    }
    pixels = fields["batches"] * fields["output_height"] * fields["output_width"]
    has_edges = weights.shape[1:3] != (1, 1)
    scratch_bytes = 3 * 2 * rows[0].size
    if outputs % 2 or pixels % 3 or has_edges:
        scratch_bytes += 3 * (outputs + outputs % 2)
    if has_edges:
        scratch_bytes += 4 * row_bytes
    return Call(
        "tinynn_conv2d_dsp",
        "tinynn_conv2d",
        {**constants, **fields},
        takes_scratch=True,
        scratch_bytes=scratch_bytes,
    )


def depthwise(
    variant: str,
    fields: Mapping[str, int],
    weights: Int8s,
    bias: Sequence[int] | Int32s,
    multipliers: Int32s,
    shifts: Int32s,
) -> Call:
    """DEPTHWISE_CONV_2D: `weights` [1, kh, kw, out] or [kh, kw, out]; the rest as `conv2d`."""
    taps = weights.reshape(fields["kernel_height"], fields["kernel_width"], fields["output_channels"])
    by_channel = np.ascontiguousarray(np.moveaxis(taps, -1, 0))
    records = _channels(by_channel, bias, multipliers, shifts, fields["input_zero_point"])
    if "dsp" in VARIANTS[variant]:
        refusal = _is_exact_rescale(by_channel.reshape(len(by_channel), -1), records, fields["output_zero_point"])
        if _has_plane3x3(fields) and refusal is None:
            return _depthwise3x3_dsp(fields, by_channel, records)
    constants = {"weights": Constant(weights.ravel()), "channels": Constant(records, struct="tinynn_channel")}
    sums_bytes = WORD_BYTES * fields["output_channels"]
    return Call(
        "tinynn_depthwise_ref",
        "tinynn_depthwise",
        {**constants, **fields},
        takes_scratch=True,
        scratch_bytes=sums_bytes,
    )


def _has_plane3x3(fields: Mapping[str, int]) -> bool:
    """Whether src/dsp/depthwise3x3.c computes such a layer."""
    ones = ("depth_multiplier", "dilation_y", "dilation_x")
    is_3x3 = (fields["kernel_height"], fields["kernel_width"]) == (3, 3)
    return is_3x3 and all(fields[name] == 1 for name in ones) and fields["stride_x"] in (1, 2)


def _depthwise3x3_dsp(fields: Mapping[str, int], by_channel: Int8s, records: Array) -> Call:
    constants = {
        "weights": Constant(np.append(by_channel.ravel(), np.int8(0))),
        "channels": Constant(_dsp_records(records), struct="tinynn_channel"),
    }
    rows = (fields["output_height"] - 1) * fields["stride_y"] + 3
    columns = (fields["output_width"] - 1) * fields["stride_x"] + 3
    pixels = [fields[f"{side}_height"] * fields[f"{side}_width"] for side in ("input", "output")]
    return Call(
        "tinynn_depthwise3x3_dsp",
        "tinynn_depthwise",
        {**constants, **fields},
        takes_scratch=True,
        scratch_bytes=2 * rows * (columns + columns % 2),
        in_place=(0,) if pixels[1] <= pixels[0] and fields["batches"] == 1 else (),
    )


def fully_connected(
    variant: str,
    fields: Mapping[str, int],
    input_zero_point: int,
    weights: Int8s,
    bias: Sequence[int] | Int32s,
    multipliers: Int32s,
    shifts: Int32s,
) -> Call:
    """FULLY_CONNECTED: `weights` [out, in]; multipliers and shifts [out], equal ones for a per-tensor scale."""
    records = _channels(weights, bias, multipliers, shifts, input_zero_point)
    if "dsp" in VARIANTS[variant]:
        refusal = _is_exact_paired(weights, records, fields["output_zero_point"])
        if refusal is None:
            return _fully_connected_dsp(fields, weights, records)
    constants = {"weights": Constant(weights.ravel()), "channels": Constant(records, struct="tinynn_channel")}
    return Call("tinynn_fully_connected_ref", "tinynn_fully_connected", {**constants, **fields}, takes_scratch=True)


def _fully_connected_dsp(fields: Mapping[str, int], weights: Int8s, records: Array) -> Call:
    inputs = fields["inputs"]
    constants = {
        "weights": Constant(_matrix_words(weights, 2)),
        "channels": Constant(_padded_rows(_dsp_records(records), 4), struct="tinynn_channel"),
    }
    return Call(
        "tinynn_fully_connected_dsp",
        "tinynn_fully_connected",
        {**constants, **fields},
        takes_scratch=True,
        scratch_bytes=inputs + -inputs % 4 if inputs % 4 else 0,
    )


# operators without weights: name → (struct, inputs that the output may overwrite)
_PLAIN: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "average_pool": ("tinynn_pool", ()),
    "max_pool": ("tinynn_pool", ()),
    "add": ("tinynn_add", (0, 1)),
    "sub": ("tinynn_add", (0, 1)),
    "mul": ("tinynn_mul", (0, 1)),
    "minimum": ("tinynn_minmax", (0, 1)),
    "maximum": ("tinynn_minmax", (0, 1)),
    "add_broadcast": ("tinynn_add", ()),
    "sub_broadcast": ("tinynn_add", ()),
    "mul_broadcast": ("tinynn_mul", ()),
    "minimum_broadcast": ("tinynn_minmax", ()),
    "maximum_broadcast": ("tinynn_minmax", ()),
    "softmax": ("tinynn_softmax", (0,)),
    "logistic": ("tinynn_sigmoid", (0,)),
    "tanh": ("tinynn_sigmoid", (0,)),
    "requantise": ("tinynn_requantise", (0,)),
    "leaky_relu": ("tinynn_leaky_relu", (0,)),
    "hard_swish": ("tinynn_hard_swish", (0,)),
    "quantise": ("tinynn_affine", ()),
    "dequantise": ("tinynn_affine", ()),
    "copy": ("tinynn_copy", ()),
    "copy_rows": ("tinynn_copy_rows", ()),
    "gather": ("tinynn_gather", ()),
    "pad": ("tinynn_pad", ()),
    "mean": ("tinynn_mean", ()),
    "resize_nearest": ("tinynn_resize_nearest", ()),
}


def plain(variant: str, operator: str, fields: Mapping[str, Field]) -> Call:
    """An operator without weights, by the name in its functions: `plain("dsp", "add", {...})`."""
    struct, in_place = _PLAIN[operator]
    return Call(f"tinynn_{operator}_ref", struct, dict(fields), in_place=in_place)
