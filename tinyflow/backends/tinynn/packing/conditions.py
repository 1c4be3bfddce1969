"""When the fast kernels of operators without weights compute a layer: questions on the fields of its C struct."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Condition = Callable[[Mapping[str, Any]], bool]


def has_four_channels(fields: Mapping[str, Any]) -> bool:
    """What pool.h needs."""
    return bool(fields["channels"] >= 4)


def has_no_left_shift(fields: Mapping[str, Any]) -> bool:
    """Whether the vector kernels compute an ADD or SUB: nothing is scaled up."""
    shifts: list[int] = [fields[f"{part}_multiplier_shift"] for part in ("left", "right", "output")]
    return max(shifts) <= 0 and min(shifts) >= -31 and fields["left_shift"] == 20


def has_whole_input(fields: Mapping[str, Any]) -> bool:
    """Whether src/c/add.c computes an ADD or SUB: one input's multiplier is 1/2, the sum is scaled down."""
    halves = [(fields[f"{side}_multiplier"], fields[f"{side}_multiplier_shift"]) for side in ("left", "right")]
    is_down = all(-22 <= shift <= 0 for _, shift in halves) and -22 <= fields["output_multiplier_shift"] <= -1
    # a scale of less than 2**-32 of the other's has the multiplier 0, which the kernels don't compute with
    return is_down and (1 << 30, 0) in halves and all(halves[side][0] for side in (0, 1)) and fields["left_shift"] == 20


def has_smaller_input(fields: Mapping[str, Any]) -> bool:
    """Whether src/dsp/add.c computes it: as `has_whole_input`, and the other input's multiplier is below 1/2."""
    is_smaller = any(fields[f"{side}_multiplier_shift"] < 0 for side in ("left", "right"))
    return is_smaller and has_whole_input(fields)


def has_dense_rows(fields: Mapping[str, Any]) -> bool:
    """What broadcast_rows.h needs."""
    broadcast = fields["broadcast"]
    return bool(broadcast["left_strides"][-1] == broadcast["right_strides"][-1] == 1)


def is_scaled_down(fields: Mapping[str, Any]) -> bool:
    """Whether src/c/mul.c and src/dsp/mul.c compute a MUL; the product has 17 bits."""
    return bool(-22 <= fields["output_multiplier_shift"] <= -1)


def is_halved(fields: Mapping[str, Any]) -> bool:
    """Whether src/mve/mul.c computes a MUL."""
    return bool(-31 <= fields["output_multiplier_shift"] <= -1)


def both(*conditions: Condition) -> Condition:
    """All of them."""
    return lambda fields: all(condition(fields) for condition in conditions)
