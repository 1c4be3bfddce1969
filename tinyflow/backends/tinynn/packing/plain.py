"""Operators without weights: which function of the variant computes them, or a table of all results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.backends.tinynn import tables
from tinyflow.backends.tinynn.calls import WORD_BYTES, Call, Constant, Field
from tinyflow.backends.tinynn.packing.conditions import (
    Condition,
    both,
    has_dense_rows,
    has_four_channels,
    has_no_left_shift,
    has_smaller_input,
    has_whole_input,
    is_halved,
    is_scaled_down,
)
from tinyflow.backends.tinynn.variants import VARIANTS

# the variant's call in place of ref's, None where it can't compute the layer
_Choice = Callable[[Call], Call | None]

_VECTORS = ("mve", "rvv")

# elements whose sum has 16 bits
_NARROW_WINDOW = 255
# elements from which on a table of 256 bytes in flash is a good price for its speed
_WORTH_A_TABLE = 64
# whose code takes more flash than a table and its reading
_LARGER_THAN_A_TABLE = ("logistic", "tanh", "hard_swish")
# and one of 1 KiB
_WORTH_EXPONENTIALS = 128
# bytes from which on a call of memcpy for each row is as good
_LONG = 16
# of src/c/transpose.c
_BLOCK = 4
# of src/mve/gather.c, of which eight must stay below 2**16
_LARGEST_MVE_STRIDE = 1 << 13

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
    for name in VARIANTS[variant]:
        choose = _KERNELS.get((operator, name))
        made = choose(call) if choose else None
        if made is not None:
            return made
    return call


def _as(suffix: str, holds: Condition = lambda _: True) -> _Choice:
    """The variant's function with the parameters of ref, where its condition holds."""

    def choose(call: Call) -> Call | None:
        return replace(call, function=call.function.replace("_ref", suffix)) if holds(call.fields) else None

    return choose


def _narrow_average_pool(variant: str) -> _Choice:
    """Sums of 16 bits."""

    def choose(call: Call) -> Call | None:
        fields: Mapping[str, Any] = call.fields
        if fields["kernel_height"] * fields["kernel_width"] > _NARROW_WINDOW:
            return None
        if variant == "dsp" and not has_four_channels(fields):
            return None
        call = replace(call, function=f"tinynn_average_pool_{variant}")
        if variant == "dsp":
            return call
        sums_bytes = 2 * (fields["channels"] + -fields["channels"] % 8) if variant == "mve" else 0
        return replace(call, takes_scratch=True, scratch_bytes=sums_bytes)

    return choose


def _average_pool(call: Call) -> Call:
    fields: Mapping[str, Any] = call.fields
    sums_bytes = WORD_BYTES * fields["channels"]
    return replace(call, function="tinynn_average_pool_c", takes_scratch=True, scratch_bytes=sums_bytes)


def _lookup(variant: str) -> _Choice:
    """A table of all 256 results."""

    def choose(call: Call) -> Call | None:
        fields: Mapping[str, Any] = call.fields
        operator = call.function.removeprefix("tinynn_").removesuffix("_ref")
        if fields["elements"] < _WORTH_A_TABLE and operator not in _LARGER_THAN_A_TABLE:
            return None
        return _by_table(variant, tables.TABLES[operator](fields), fields["elements"])

    return choose


def _by_table(variant: str, table: npt.NDArray[Any], elements: int) -> Call:
    """Any function of one int8 value, as the table of its results for -128 … 127."""
    fields: Mapping[str, Field] = {"table": Constant(table.astype(np.int8), alignment=1), "elements": elements}
    return Call(f"tinynn_lookup_{variant}", "tinynn_lookup", fields, in_place=(0,))


def by_table(
    variant: str, operator: str, fields: Mapping[str, Any], elements: int, number: int, *, is_left: bool
) -> Call | None:
    """An operator of two inputs, one of which is one number, as a table of the other's; None where that doesn't pay.

    `is_left`: the one that is no number.
    """
    shifts = [value for name, value in fields.items() if name.endswith("multiplier_shift")]
    if variant == "ref" or elements < _WORTH_A_TABLE or max(shifts, default=0) > 0:
        return None
    inputs = [tables.VALUES, np.full_like(tables.VALUES, number)]
    table = tables.BINARY_TABLES[operator](fields, *(inputs if is_left else reversed(inputs)))
    return _by_table(variant if variant in _VECTORS else "c", table, elements)


def _softmax(call: Call) -> Call:
    """Exponentials from a table, or each computed once."""
    fields: Mapping[str, Any] = call.fields
    if fields["rows"] * fields["columns"] < _WORTH_EXPONENTIALS:
        scratch_bytes = WORD_BYTES * fields["columns"]
        return replace(call, function="tinynn_softmax_c", takes_scratch=True, scratch_bytes=scratch_bytes)
    made: Mapping[str, Field] = {
        "exponentials": Constant(tables.exponentials(fields).astype(np.int32)),
        "rows": fields["rows"],
        "columns": fields["columns"],
    }
    return Call("tinynn_softmax_table_c", "tinynn_softmax_table", made, in_place=call.in_place)


def _mean(variant: str) -> _Choice:
    """Where the reduced axes are neighbours."""

    def choose(call: Call) -> Call | None:
        fields: Mapping[str, Any] = call.fields
        groups: list[tuple[int, int]] = [(0, 1)]
        for size, is_reduced in zip(fields["shape"], fields["reduced"], strict=True):
            if size > 1 and groups[-1][0] == is_reduced:
                groups[-1] = is_reduced, groups[-1][1] * size
            elif size > 1:
                groups.append((is_reduced, size))
        sizes = [size for _, size in groups] + [1] * (3 - len(groups))
        if len(sizes) > 3:
            return None
        axes = {"shape": (1, 1, *sizes), "reduced": (0, 0, 0, 1, 0)}
        return replace(call, function=f"tinynn_mean_{variant}", fields={**call.fields, **axes})

    return choose


_ADDS: Mapping[str, Condition] = {
    "mve": has_no_left_shift,
    "rvv": has_no_left_shift,
    "dsp": has_smaller_input,
    "c": has_whole_input,
}
_MULS: Mapping[str, Condition] = {"mve": is_halved, "dsp": is_scaled_down, "c": is_scaled_down}


def _gather(variant: str) -> _Choice:
    """By the innermost axis: dense in the input as well or not."""

    def choose(call: Call) -> Call | None:
        fields: Mapping[str, Any] = call.fields
        stride, size = fields["strides"][-1], fields["shape"][-1]
        if stride == 1 and variant == "c":
            return replace(call, function="tinynn_gather_c")
        if stride == 1:  # of ref's long rows the compiler makes vectors by itself
            return call if size >= _LONG else None
        if variant == "c":
            blocks = (*fields["strides"][:3], stride, *fields["shape"][3:], fields["offset"])
            is_transposed = fields["strides"][3] == 1 and all(value % _BLOCK == 0 for value in blocks)
            return replace(call, function="tinynn_transpose_c") if is_transposed else None
        is_near = variant == "rvv" or 0 < stride < _LARGEST_MVE_STRIDE
        return replace(call, function=f"tinynn_gather_{variant}") if is_near else None

    return choose


# (operator, variant) → its choice
_KERNELS: Mapping[tuple[str, str], _Choice] = {
    **{(name, variant): _lookup(variant) for name in tables.TABLES for variant in ("mve", "rvv", "c")},
    **{(name, v): _as(f"_{v}", holds) for name in ("add", "sub") for v, holds in _ADDS.items()},
    **{
        (f"{name}_broadcast", v): _as(f"_{v}", both(holds, has_dense_rows))
        for name in ("add", "sub")
        for v, holds in _ADDS.items()
    },
    **{("mul", v): _as(f"_{v}", holds) for v, holds in _MULS.items()},
    **{("mul_broadcast", v): _as(f"_{v}", both(holds, has_dense_rows)) for v, holds in _MULS.items()},
    **{(name, "dsp"): _as("_dsp") for name in ("minimum", "maximum")},
    **{(f"{name}_broadcast", "dsp"): _as("_dsp", has_dense_rows) for name in ("minimum", "maximum")},
    **{("average_pool", name): _narrow_average_pool(name) for name in ("mve", "rvv", "dsp")},
    ("average_pool", "c"): _average_pool,
    ("max_pool", "dsp"): _as("_dsp"),
    ("max_pool", "c"): _as("_c", has_four_channels),
    # of ref the compiler makes vectors by itself
    **{("max_pool", name): _as("_ref") for name in _VECTORS},
    **{(name, "rvv"): _as("_ref") for name in ("mul", "mul_broadcast")},
    **{("mean", name): _mean(name) for name in ("dsp", "c")},
    ("softmax", "c"): _softmax,
    ("copy_rows", "c"): _as("_c", lambda fields: bool(fields["bytes"] < _LONG)),
    **{("gather", name): _gather(name) for name in (*_VECTORS, "c")},
    ("resize_nearest", "c"): _as("_c"),
}
