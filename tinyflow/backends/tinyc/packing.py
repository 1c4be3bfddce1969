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
    constants = {"weights": Constant(weights.ravel()), "channels": Constant(records, struct="tinynn_channel")}
    patch_bytes = weights[0].size
    return Call(
        "tinynn_conv2d_ref", "tinynn_conv2d", {**constants, **fields}, takes_scratch=True, scratch_bytes=patch_bytes
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
    constants = {"weights": Constant(weights.ravel()), "channels": Constant(records, struct="tinynn_channel")}
    sums_bytes = WORD_BYTES * fields["output_channels"]
    return Call(
        "tinynn_depthwise_ref", "tinynn_depthwise", {**constants, **fields}, takes_scratch=True, scratch_bytes=sums_bytes
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
    constants = {"weights": Constant(weights.ravel()), "channels": Constant(records, struct="tinynn_channel")}
    return Call("tinynn_fully_connected_ref", "tinynn_fully_connected", {**constants, **fields}, takes_scratch=True)


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
