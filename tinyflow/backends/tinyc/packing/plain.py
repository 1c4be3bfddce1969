"""Operators without weights: nothing is packed, the variant has a function of its own for few of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinyflow.backends.tinyc import tables
from tinyflow.backends.tinyc.calls import VARIANTS, WORD_BYTES, Call, Constant

# variants with vectors, whose sums of int8 values have 16 bits: enough for so many
_VECTORS = ("mve", "rvv")
_NARROW_WINDOW = 255
# elements from which on a table of 256 bytes in flash is a good price for its speed
_WORTH_A_TABLE = 64

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


def plain(variant: str, operator: str, fields: Mapping[str, Any]) -> Call:
    """An operator without weights, by the name in its functions: `plain("dsp", "add", {...})`."""
    struct, in_place = _PLAIN[operator]
    call = Call(f"tinynn_{operator}_ref", struct, dict(fields), in_place=in_place)
    if "c" not in VARIANTS[variant]:
        return call
    vector = next((name for name in _VECTORS if name in VARIANTS[variant]), None)
    if vector and operator in ("add", "sub") and _has_no_left_shift(fields):
        return replace(call, function=f"tinynn_{operator}_{vector}")
    if operator in ("add", "sub") and _has_whole_input(fields):
        is_dsp = "dsp" in VARIANTS[variant] and _has_smaller_input(fields)
        return replace(call, function=f"tinynn_{operator}_{'dsp' if is_dsp else 'c'}")
    if vector and operator == "average_pool" and fields["kernel_height"] * fields["kernel_width"] <= _NARROW_WINDOW:
        sums_bytes = 2 * (fields["channels"] + -fields["channels"] % 8) if vector == "mve" else 0
        name = f"tinynn_average_pool_{vector}"
        return replace(call, function=name, takes_scratch=True, scratch_bytes=sums_bytes)
    if operator == "average_pool":
        sums_bytes = WORD_BYTES * fields["channels"]
        return replace(call, function="tinynn_average_pool_c", takes_scratch=True, scratch_bytes=sums_bytes)
    if operator in tables.TABLES and fields["elements"] >= _WORTH_A_TABLE:
        table = Constant(tables.TABLES[operator](fields).astype(np.int8), alignment=1)
        return Call("tinynn_lookup_c", "tinynn_lookup", {"table": table, "elements": fields["elements"]}, in_place=(0,))
    return call


def _has_no_left_shift(fields: Mapping[str, Any]) -> bool:
    """Whether the vector kernels compute an ADD or SUB: nothing is scaled up."""
    shifts: list[int] = [fields[f"{part}_multiplier_shift"] for part in ("left", "right", "output")]
    return max(shifts) <= 0 and min(shifts) >= -31 and fields["left_shift"] == 20


def _has_whole_input(fields: Mapping[str, Any]) -> bool:
    """Whether src/c/add.c computes an ADD or SUB: one input's multiplier is 1/2, the sum is scaled down."""
    halves = [(fields[f"{side}_multiplier"], fields[f"{side}_multiplier_shift"]) for side in ("left", "right")]
    is_down = all(-22 <= shift <= 0 for _, shift in halves) and -22 <= fields["output_multiplier_shift"] <= -1
    return is_down and (1 << 30, 0) in halves and fields["left_shift"] == 20


def _has_smaller_input(fields: Mapping[str, Any]) -> bool:
    """Whether src/dsp/add.c computes what `_has_whole_input` allows: the other input's multiplier is below 1/2."""
    return any(fields[f"{side}_multiplier_shift"] < 0 for side in ("left", "right"))
