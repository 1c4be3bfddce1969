"""Pictures of a camera: which sensor, which of its pixels, what their values are in a network's input."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# QQVGA, QVGA, VGA: what small sensors send; the smallest that holds the network's picture is taken.
_SENSORS = ((160, 120), (320, 240), (640, 480))
_RECORDED = _SENSORS[0]
# What pixels are in training, mostly: the range of the input's type comes near one of these.
_RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-128.0, 127.0))
_NEAR = 0.05  # of the range


def why_not(description: Mapping[str, Any]) -> str:
    """What of a network doesn't look at pictures."""
    inputs = [port for port in description["ports"] if port["kind"] == "input"]
    if len(inputs) != 1:
        return f"it has {len(inputs)} inputs"
    (port,) = inputs
    if port["dtype"] not in ("int8", "uint8") or not port["scale"]:
        return f"its input is {port['dtype']}{'' if port['scale'] else ' without a scale'}"
    shape = port["shape"]
    if len(shape) != 4 or shape[0] != 1 or shape[3] not in (1, 3):
        return f"its input is {shape}, no picture"
    if max(shape[1:3]) > 2 * min(shape[1:3]):  # features over time look like that
        return f"its input is {shape}, longer than a camera's picture"
    width, height = _SENSORS[-1]
    if shape[2] > width or shape[1] > height:
        return f"its input is {shape}, larger than {width} x {height}"
    return ""


def values(description: Mapping[str, Any]) -> Mapping[str, Any]:
    """What its templates read."""
    port = next(port for port in description["ports"] if port["kind"] == "input")
    _, rows, columns, channels = port["shape"]
    width, height = next(one for one in _SENSORS if columns <= one[0] and rows <= one[1])
    lowest, highest, why = _range(port)
    scale = float(port["scale"].rstrip("f"))
    reals = (lowest + (highest - lowest) * level / 255 for level in range(256))
    levels = [math.floor(real / scale + 0.5) + port["zero_point"] for real in reals]
    is_grey = channels == 1
    return {
        **{"rows": rows, "columns": columns, "channels": channels, "width": width, "height": height},
        "step": min(width // columns, height // rows),
        **{"lowest": f"{lowest:g}", "highest": f"{highest:g}", "why": why},
        "levels": [min(max(level, int(port["lowest"])), int(port["highest"])) for level in levels],
        "format": "grey" if is_grey else "rgb565",
        "recorded": "one byte a pixel" if is_grey else "RGB565",
        "pixel_bytes": 1 if is_grey else 2,
        "lines": [[byte for x in range(_RECORDED[0]) for byte in _pixel(x, y, is_grey)] for y in range(_RECORDED[1])],
    }


def _range(port: Mapping[str, Any]) -> tuple[float, float, str]:
    """Which real numbers the darkest and the brightest pixel are, and why so."""
    scale = float(port["scale"].rstrip("f"))
    ends = [scale * (int(port[name]) - port["zero_point"]) for name in ("lowest", "highest")]
    for known in _RANGES:
        if all(abs(end - wanted) <= _NEAR * (known[1] - known[0]) for end, wanted in zip(ends, known, strict=True)):
            return *known, "as the input's scale suggests"
    return ends[0], ends[1], "all that the input can hold: change it if the network was trained on others"


def _pixel(x: int, y: int, is_grey: bool) -> tuple[int, ...]:
    """Someone before a wall: a head and shoulders, lighter towards the top left."""
    head = (x - 84) ** 2 + (y - 46) ** 2 < 22**2
    body = y > 66 and (x - 84) ** 2 * 2 + (y - 120) ** 2 * 3 < 96**2
    light = 200 - (x + y) * 2 // 3
    red, green, blue = (light + 40, light + 6, light - 20) if head else (40, 60, light) if body else (light, light, 150)
    red, green, blue = (min(max(value, 0), 255) for value in (red, green, blue))
    if is_grey:
        return ((77 * red + 150 * green + 29 * blue) >> 8,)
    word = red >> 3 << 11 | green >> 2 << 5 | blue >> 3
    return word >> 8, word & 255
