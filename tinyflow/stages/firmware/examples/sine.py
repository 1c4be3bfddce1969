"""A function of one number: TensorFlow Lite Micro's hello_world."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_STEPS = 64
_RANGE = 2 * math.pi  # hello_world's kXrange


def why_not(description: Mapping[str, Any]) -> str:
    """What of a network isn't a function of one number."""
    for port in description["ports"]:
        if port["count"] != 1:
            return f"its {port['name']} has {port['count']} values"
        if not (port["scale"] or port["dtype"] == "float32"):
            return f"its {port['name']} is {port['dtype']} without a scale"
    if len(description["ports"]) != 2:
        return f"it has {len(description['ports'])} inputs and outputs"
    return "" if not description["feed"] else "its input is fed in rows"


def values(_: Mapping[str, Any]) -> Mapping[str, Any]:
    """What its template reads."""
    return {"steps": _STEPS, "range": f"{_RANGE:.9g}f"}
