"""A profile (`profile.json`) as tables: one line per layer, one per function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.core import safe_text
from tinyflow.report.formats import to_text
from tinyflow.report.frame import Frame

Document = Mapping[str, Any]

_COSTS = ("instructions", "share_%", "MACs", "instructions/MAC", "loads", "stores", "cycles_estimate", "arena_bytes")
_LAYERS = ("layer", "operator", *_COSTS, "functions")
_FUNCTIONS = ("function", "instructions", "share_%", "calls")
_FEWEST_SHARE = 0.0005  # functions below are told together


def layers(document: Document) -> Frame:
    """Layers in order, what belongs to none, and the sum."""
    total = document["total"]
    rows = [
        {
            "layer": str(layer["index"]),
            "operator": layer["operator"],
            "functions": " ".join(layer["functions"]),
            **_numbers(layer, total["instructions"]),
        }
        for layer in document["layers"]
    ]
    rows.append({"layer": "other", **_numbers(document["other"], total["instructions"])})
    rows.append({"layer": "all", **_numbers(total, total["instructions"])})
    columns = _LAYERS if "cycle_model" in document else tuple(name for name in _LAYERS if name != "cycles_estimate")
    return Frame(columns, tuple(rows))


def _numbers(costs: Document, all_instructions: int) -> dict[str, Any]:
    instructions, macs = costs.get("instructions"), costs.get("macs")
    names = ("instructions", "loads", "stores", "cycles_estimate", "arena_bytes")
    numbers = {"MACs": macs or None, **{name: costs.get(name) for name in names}}
    if instructions is not None:
        numbers["share_%"] = round(100 * instructions / all_instructions, 1) if all_instructions else 0.0
        if macs:
            numbers["instructions/MAC"] = round(instructions / macs, 2)
    return {name: value for name, value in numbers.items() if value is not None}


def functions(document: Document) -> Frame:
    """Functions by what they cost, the small ones in one line."""
    found = document["functions"]
    rows = [
        {
            "function": function["name"],
            "instructions": function["instructions"],
            "share_%": round(100 * function["share"], 1),
            "calls": function["calls"],
        }
        for function in found
        if function["share"] >= _FEWEST_SHARE
    ]
    small = [function for function in found if function["share"] < _FEWEST_SHARE]
    if small:
        share = round(100 * sum(function["share"] for function in small), 1)
        cost = sum(function["instructions"] for function in small)
        rows.append({"function": f"{len(small)} smaller ones", "instructions": cost, "share_%": share})
    return Frame(_FUNCTIONS, tuple(rows))


def profile_text(bench: str, document: Document) -> str:
    """Both tables, for a terminal."""
    tables = [to_text(frame).decode() for frame in (layers(document), functions(document))]
    return f"{safe_text.shown(bench)}, the first sample\n{tables[0]}{_estimate(document)}\n{tables[1]}"


def _estimate(document: Document) -> str:
    """What the cycles are worth, where there are any."""
    model = document.get("cycle_model")
    if model is None:
        return ""
    cycles, clock_hz = document["total"]["cycles_estimate"], model["clock_hz"]
    time = f"; {cycles / clock_hz:.3g} s at {clock_hz / 1e6:g} MHz" if clock_hz else ""
    return f"cycles are estimated, not counted{time} (model {model['name']}: {model['error']})\n"
