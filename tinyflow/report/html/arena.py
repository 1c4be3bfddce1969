"""The arena map: every tensor as a rectangle of lifetime by offset, as the backend's memory plan has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.core.spans import covered_bytes
from tinyflow.core.units import format_size
from tinyflow.report.html.bars import SERIES
from tinyflow.report.html.svg import Drawing, number

Document = Mapping[str, Any]

_WIDTH, _HEIGHT = 760.0, 260.0
_LEFT, _TOP, _BOTTOM = 64.0, 8.0, 22.0
_TICKS = 4
_STEPS_LABELLED = 16  # numbers along the axis, at most


def arena_map(plan: Document) -> dict[str, Any] | None:
    """The map of a plan's arena for the template, with the most bytes that live at one time: it can't be smaller.

    None where it has no arena, or doesn't say what lies in it.
    """
    arena = plan["arena"] or {}
    tensors = arena.get("tensors") or []
    if not tensors or not arena["bytes"]:
        return None
    live = most_live_bytes(plan)
    return {
        "bytes": format_size(arena["bytes"]),
        "live_bytes": format_size(live),
        "percent_used": round(100 * live / arena["bytes"], 1),
        "drawing": _draw(arena, tensors),
    }


def most_live_bytes(plan: Document) -> int:
    """The largest sum of tensors that are alive in one step; bytes that some of them share count once."""
    tensors = plan["arena"]["tensors"]
    steps = range(max(tensor["last"] for tensor in tensors) + 1)
    alive = ([t for t in tensors if t["first"] <= step <= t["last"]] for step in steps)
    return max(covered_bytes((t["offset"], t["offset"] + t["bytes"]) for t in one) for one in alive)


def _draw(arena: Document, tensors: list[Document]) -> str:
    steps = max(tensor["last"] for tensor in tensors) + 1
    across = (_WIDTH - _LEFT) / steps
    down = (_HEIGHT - _TOP - _BOTTOM) / arena["bytes"]
    drawing = Drawing(_WIDTH, _HEIGHT, f"{len(tensors)} tensors in {arena['bytes']} bytes over {steps} steps", "arena")
    for tick in range(_TICKS + 1):
        y = _TOP + (_HEIGHT - _TOP - _BOTTOM) * tick / _TICKS
        drawing.line(_LEFT, y, _WIDTH, y, style="grid")
        drawing.text(_LEFT - 6, y + 4, format_size(arena["bytes"] * tick // _TICKS), anchor="end")
    for index, tensor in enumerate(tensors):
        lifetime = tensor["last"] - tensor["first"] + 1
        tip = (
            f"{tensor['name']}: {tensor['bytes']:,} bytes at {tensor['offset']:,}, "
            f"steps {tensor['first']}-{tensor['last']}"
        )
        drawing.rectangle(
            _LEFT + tensor["first"] * across,
            _TOP + tensor["offset"] * down,
            lifetime * across,
            max(tensor["bytes"] * down, 0.5),
            style=f"s{index % SERIES}",
            tip=tip,
            text=tensor["name"],
        )
    for step in range(0, steps, -(-steps // _STEPS_LABELLED)):
        drawing.text(_LEFT + (step + 0.5) * across, _HEIGHT - 6, number(step), anchor="middle")
    return str(drawing)
