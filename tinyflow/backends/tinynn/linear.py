"""ADD and SUB of int8 as a linear function of both inputs: found, and tried with all pairs of values.

Where TFLM rounds twice, a function that is rounded once is rarely different; it is where halves are met exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from tinyflow.model.arithmetic import binary
from tinyflow.model.arithmetic.unary import VALUES
from tinyflow.model.fixed_point import INT32_MAX, INT32_MIN, Integers

# 2^16 of SMLAW, less the 8 bits that a byte is shifted up by
SMLAW_PLACES = 8
# what is tried around the nearest factors, the likeliest first
_NEAR = (0, 1, -1)
# to which add_blocks.S adds 128
_LARGEST_SUM = INT32_MAX - (128 << 16)
_USED = "left_zero_point right_zero_point output_zero_point lowest highest".split()  # noqa: SIM905


class Linear(NamedTuple):
    """As in struct tinynn_add_linear."""

    left: int
    right: int
    constant: int


def linear(operator: str, fields: Mapping[str, Any], shift: int, places: int) -> Linear | None:
    """What gives TFLM's bytes for every pair, with so many fraction bits; None where nothing was found that does.

    Factors have `places` more, which are dropped from each product.
    """
    names = (*_USED, "left_shift", *(f"{side}_multiplier{how}" for side in _SIDES for how in ("", "_shift")))
    return _linear(operator, tuple((name, fields[name]) for name in names), shift, places)


_SIDES = ("left", "right", "output")


@lru_cache(maxsize=1 << 10)
def _linear(operator: str, constants: tuple[tuple[str, int], ...], shift: int, places: int) -> Linear | None:
    known = dict(constants)
    wanted = binary.result(operator.upper(), known, VALUES[:, None], VALUES[None, :])
    of_left, of_right, of_output = (
        known[f"{side}_multiplier"] * 2.0 ** (known[f"{side}_multiplier_shift"] - 31) for side in _SIDES
    )
    scale = of_output * 2 ** known["left_shift"]
    factors = of_left * scale, of_right * scale * (-1 if operator == "sub" else 1)
    ideal = [round(factor * 2 ** (shift + places)) for factor in factors]
    zero = known["output_zero_point"] - factors[0] * known["left_zero_point"] - factors[1] * known["right_zero_point"]
    base = round((zero + 0.5) * 2**shift) + 1
    for a, b in product(_NEAR, _NEAR):
        left, right = ideal[0] + a, ideal[1] + b
        products = (left * VALUES >> places)[:, None] + (right * VALUES >> places)[None, :]
        # what constants lead to the results, all of them, that an activation doesn't cut off
        least = ((wanted << shift) - products)[wanted > known["lowest"]].max(initial=INT32_MIN)
        most = (((wanted + 1) << shift) - 1 - products)[wanted < known["highest"]].min(initial=INT32_MAX)
        found = Linear(left, right, int(min(max(base, least), most)))
        if not all(INT32_MIN <= number <= INT32_MAX for number in found):
            return None
        made = _made(found, shift, places)
        if made is None:
            return None
        if (np.clip(made, known["lowest"], known["highest"]) == wanted).all():
            return found
    return None


def _made(found: Linear, shift: int, places: int) -> Integers | None:
    """All outputs before an activation; None where a sum has more than 32 bits."""
    first = found.constant + (found.left * VALUES >> places)
    total = first[:, None] + (found.right * VALUES >> places)[None, :]
    if min(first.min(), total.min()) < INT32_MIN or max(first.max(), total.max()) > _LARGEST_SUM:
        return None
    clipped: Integers = np.clip(total >> shift, -128, 127)
    return clipped
