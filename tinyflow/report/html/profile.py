"""The profile of one invoke: instructions per function as counted, and per layer as profiled, or as the counts tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyflow.core.units import format_count, format_size
from tinyflow.report.metrics import BY_NAME

Document = Mapping[str, Any]

CAUSES = ("issue", "load", "branch", "flash")  # in the order in which shares of the cycles are told
_FEWEST_PERCENT = 0.05  # functions below are told together
# Where kernels of layers call common ones, a layer's own functions say little of what the layer costs.
_COMMON_MOST_PERCENT = 5.0


@dataclass(frozen=True)
class Line:
    """One line of a profile; `percent` is its part of all instructions of an invoke, `index` the layer's number."""

    name: str
    detail: str
    instructions: str
    percent: float
    per_mac: str = ""
    macs: str = ""
    outputs: str = ""
    is_shared: bool = False
    cycles: str = ""
    causes: str = ""
    time: str = ""
    index: int | None = None
    shape: str = ""  # of its first output, with the type
    parameters: str = ""
    is_rest: bool = False  # what is no layer's, or no single function's


def functions(run: Document, profile: Document | None = None) -> list[Line]:
    """Instructions per function, most first; the many small ones in one line at the end."""
    counted = (profile or run).get("functions") or []
    total = sum(function["instructions"] for function in counted) or 1
    clock_hz = clock_of(profile)
    lines = []
    small: list[Document] = []
    for function in counted:
        percent = 100 * function["instructions"] / total
        if percent < _FEWEST_PERCENT:
            small.append(function)
            continue
        calls = f"{function['calls']} call{'s' if function['calls'] != 1 else ''}"
        lines.append(Line(function["name"], calls, **_costs(function, total, clock_hz)))
    if small:
        rest = sum(function["instructions"] for function in small)
        lines.append(Line(f"{len(small)} smaller functions", "", f"{rest:,}", 100 * rest / total, is_rest=True))
    return lines


def layers(plan: Document, run: Document | None, profile: Document | None = None) -> list[Line]:
    """One line for each layer of the plan, in the order of execution, then what no layer has for itself.

    Without `profile.json` a function that several layers call is divided among them where they are equal (operator,
    MACs, output), for then each takes the same; otherwise a layer's count is not known and is left out.
    """
    if profile is not None and any("instructions" in layer for layer in profile.get("layers", ())):
        return _profiled(plan, profile)
    counted = {function["name"]: function["instructions"] for function in (run or {}).get("functions") or []}
    total = sum(counted.values()) or 1
    callers = defaultdict(list)
    for layer in plan["layers"]:
        for name in layer["functions"]:
            callers[name].append((layer["operator"], layer["macs"], layer.get("outputs_bytes")))
    common = sum(count for name, count in counted.items() if name not in callers)
    has_ratio = 100 * common / total <= _COMMON_MOST_PERCENT
    lines = [_layer_line(layer, counted, callers, total, has_ratio) for layer in plan["layers"]]
    if common:
        lines.append(Line("functions of no layer", "", f"{common:,}", 100 * common / total, is_rest=True))
    return lines


def _profiled(plan: Document, profile: Document) -> list[Line]:
    total, clock_hz = profile["total"]["instructions"] or 1, clock_of(profile)
    paired = zip(plan["layers"], profile["layers"], strict=True)
    lines = []
    for layer, costs in paired:
        # a chain's last layer may have the cost of all
        known = _costs(costs, total, clock_hz) if "instructions" in costs else {"instructions": "", "percent": 0.0}
        per_mac = _per_mac(costs["instructions"], layer["macs"]) if "instructions" in costs else ""
        lines.append(Line(**_naming(layer), **known, per_mac=per_mac))
    if profile["other"]["instructions"]:
        lines.append(Line("of no layer", "", **_costs(profile["other"], total, clock_hz), is_rest=True))
    return lines


def clock_of(profile: Document | None) -> int | None:
    """The clock that estimated cycles are counted in, where there is one."""
    clock_hz: int | None = (profile or {}).get("cycle_model", {}).get("clock_hz")
    return clock_hz


def _costs(costs: Document, total: int, clock_hz: int | None) -> dict[str, Any]:
    cycles = costs.get("cycles_estimate", 0)
    parts = costs.get("cycles_by_cause", {}) if cycles else {}
    return {
        "instructions": f"{costs['instructions']:,}",
        "percent": 100 * costs["instructions"] / total,
        "cycles": f"{cycles:,}" if cycles else "",
        "time": BY_NAME["latency_ms"].format(cycles / clock_hz * 1e3) if cycles and clock_hz else "",
        "causes": ", ".join(f"{100 * parts[cause] / cycles:.0f}" for cause in CAUSES if cause in parts),
    }


def _naming(layer: Document) -> dict[str, Any]:
    macs = layer["macs"]
    path = f" ({layer['path']})" if layer.get("path", "kernel") != "kernel" else ""
    reference = f" (not a faster one: {layer['reference']})" if layer.get("reference") else ""
    return {
        "index": layer["index"],
        "name": f"{layer['index']} {layer['operator']}",
        "detail": ", ".join(layer["functions"]) + path + reference,
        "macs": format_count(macs) if macs else "",
        "outputs": format_size(layer["outputs_bytes"]) if "outputs_bytes" in layer else "",
    }


def _per_mac(count: float, macs: int) -> str:
    return f"{count / macs:.2f}" if macs else ""


def _layer_line(
    layer: Document, counted: Mapping[str, int], callers: Mapping[str, Sequence[object]], total: int, has_ratio: bool
) -> Line:
    names = layer["functions"]
    is_known = bool(names) and all(name in counted and len(set(callers[name])) == 1 for name in names)
    count = sum(counted[name] / len(callers[name]) for name in names) if is_known else None
    return Line(
        **_naming(layer),
        instructions=f"{round(count):,}" if count is not None else "",
        percent=100 * count / total if count is not None else 0.0,
        per_mac=_per_mac(count, layer["macs"]) if count is not None and has_ratio else "",
        is_shared=count is not None and any(len(callers[name]) > 1 for name in names),
    )
