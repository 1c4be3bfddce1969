"""A profile (`profile.json`) as tables: one line per layer, one per function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.core import safe_text
from tinyflow.report.formats import to_text
from tinyflow.report.frame import Frame
from tinyflow.report.rows import reference_layers, spell_cycle_model, spell_reference_layers

Document = Mapping[str, Any]

_CAUSES = ("issue_%", "load_%", "branch_%", "flash_%")  # of the cycles
_COSTS = ("share_%", "MACs")
_MORE_COSTS = ("loads", "stores", "arena_bytes")
_FUNCTIONS = ("function", "instructions", "share_%", "calls")
_FEWEST_SHARE = 0.0005  # functions below are told together


def layers(document: Document) -> Frame:
    """Layers in order, what belongs to none, and the sum."""
    total, unit = document["total"], _unit(document)
    rows = [
        {
            "layer": str(layer["index"]),
            "operator": layer["operator"],
            "functions": " ".join(layer["functions"]),
            **_numbers(layer, unit, total[unit]),
        }
        for layer in document["layers"]
    ]
    rows.append({"layer": "other", **_numbers(document["other"], unit, total[unit])})
    rows.append({"layer": "all", **_numbers(total, unit, total[unit])})
    known = {name for row in rows for name in row}
    columns = ("layer", "operator", unit, *_COSTS, f"{unit}/MAC", *(name for name in _MORE_COSTS if name in known))
    return Frame(_with_cycles(document, (*columns, "functions")), tuple(_timed(document, row) for row in rows))


def _unit(document: Document) -> str:
    """What layers are counted in."""
    return "cycles" if "cycles" in document["total"] else "instructions"


def _with_cycles(document: Document, columns: tuple[str, ...]) -> tuple[str, ...]:
    """The columns, behind the share those of cycles where there are any."""
    if "cycle_model" not in document:
        return columns
    behind = columns.index("share_%") + 1
    times = ("latency_ms",) if document["cycle_model"]["clock_hz"] else ()
    return (*columns[:behind], "cycles_estimate", *times, *_CAUSES, *columns[behind:])


def _timed(document: Document, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with what its estimated cycles take at the chip's clock, where both are known."""
    clock_hz, cycles = document.get("cycle_model", {}).get("clock_hz"), row.get("cycles_estimate")
    return {**row, "latency_ms": round(cycles / clock_hz * 1e3, 4)} if clock_hz and cycles is not None else {**row}


def _numbers(costs: Document, unit: str, every: int) -> dict[str, Any]:
    """`every`: of all layers."""
    count, macs = costs.get(unit), costs.get("macs")
    numbers = {"MACs": macs or None, **{name: costs.get(name) for name in (unit, *_MORE_COSTS)}, **_cycles(costs)}
    if count is not None:
        numbers["share_%"] = round(100 * count / every, 1) if every else 0.0
        if macs:
            numbers[f"{unit}/MAC"] = round(count / macs, 2)
    return {name: value for name, value in numbers.items() if value is not None}


def _cycles(costs: Document) -> dict[str, Any]:
    """The estimate, and what it is made of in percent of it."""
    cycles, causes = costs.get("cycles_estimate"), costs.get("cycles_by_cause", {})
    shares = {f"{cause}_%": round(100 * part / cycles, 1) for cause, part in causes.items()} if cycles else {}
    return {"cycles_estimate": cycles, **shares}


def functions(document: Document) -> Frame:
    """Functions by what they cost, the small ones in one line."""
    found = document["functions"]
    rows = [
        {
            "function": function["name"],
            "instructions": function["instructions"],
            "share_%": round(100 * function["share"], 1),
            "calls": function["calls"],
            **{name: value for name, value in _cycles(function).items() if value is not None},
        }
        for function in found
        if function["share"] >= _FEWEST_SHARE
    ]
    small = [function for function in found if function["share"] < _FEWEST_SHARE]
    if small:
        share = round(100 * sum(function["share"] for function in small), 1)
        cost = sum(function["instructions"] for function in small)
        rows.append({"function": f"{len(small)} smaller ones", "instructions": cost, "share_%": share})
    return Frame(_with_cycles(document, _FUNCTIONS), tuple(_timed(document, row) for row in rows))


def profile_text(bench: str, document: Document) -> str:
    """Both tables, for a terminal."""
    tables = [to_text(frame).decode() for frame in (layers(document), functions(document)) if frame.rows]
    found = reference_layers(document)
    references = f"{spell_reference_layers(found)}\n" if found else ""
    notes = ((layer, note) for layer in document["layers"] for note in layer.get("notes", ()))
    references += "".join(f"layer {layer['index']} {layer['operator']}: {note}\n" for layer, note in notes)
    known = {layer["index"] for layer in document["layers"] if _unit(document) in layer}
    chains = "".join(_chain(chain, known.issuperset(chain["layers"])) for chain in document.get("chains", ()))
    told = f"{_estimate(document)}{chains}{references}"
    return "\n".join([f"{safe_text.shown(bench)}, the first sample\n{tables[0]}{told}", *tables[1:]])


def _chain(chain: Document, is_apart: bool) -> str:
    """Which layers run row by row, what lies between them, and where their cost is."""
    *before, last = map(str, chain["layers"])
    how = f"{chain['rows']} at most at once, in {chain['calls']} calls"
    return (
        f"layers {', '.join(before)} and {last} run row by row, {how}: "
        f"{sum(chain['bytes'].values()):,} bytes lie between them, not {chain['whole_bytes']:,}; "
        f"{'what moves rows and calls kernels' if is_apart else 'the cost of all'} is in {last}\n"
    )


def _estimate(document: Document) -> str:
    """What the cycles are worth, or why there are none."""
    if _unit(document) == "cycles":
        return "cycles are those of the chip's counter, from the beginning of a layer to that of the next\n"
    if "no_cycles" in document:
        return f"no cycles are estimated: {document['no_cycles']}\n"
    model = document.get("cycle_model")
    if model is None:
        return ""
    cycles, clock_hz = document["total"]["cycles_estimate"], model["clock_hz"]
    time = f"; {cycles / clock_hz:.3g} s at {clock_hz / 1e6:g} MHz" if clock_hz else ""
    return f"cycles are estimated, not counted{time} (model {spell_cycle_model(model)})\n"
