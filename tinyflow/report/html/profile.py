"""The profile of one invoke: instructions per function as counted, and per layer where that follows from the counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyflow.core.units import format_count, format_size

Document = Mapping[str, Any]

_FEWEST_PERCENT = 0.05  # functions below are told together
# Where kernels of layers call common ones, a layer's own functions say little of what the layer costs.
_COMMON_MOST_PERCENT = 5.0


@dataclass(frozen=True)
class Line:
    """One line of a profile; `percent` is its part of all instructions of an invoke."""

    name: str
    detail: str
    instructions: str
    percent: float
    per_mac: str = ""
    macs: str = ""
    outputs: str = ""
    is_shared: bool = False


def functions(run: Document) -> list[Line]:
    """Instructions per function, most first; the many small ones in one line at the end."""
    counted = run.get("functions") or []
    total = sum(function["instructions"] for function in counted) or 1
    lines = []
    small: list[Document] = []
    for function in counted:
        percent = 100 * function["instructions"] / total
        if percent < _FEWEST_PERCENT:
            small.append(function)
            continue
        calls = f"{function['calls']} call{'s' if function['calls'] != 1 else ''}"
        lines.append(Line(function["name"], calls, f"{function['instructions']:,}", percent))
    if small:
        rest = sum(function["instructions"] for function in small)
        lines.append(Line(f"{len(small)} smaller functions", "", f"{rest:,}", 100 * rest / total))
    return lines


def layers(plan: Document, run: Document | None) -> list[Line]:
    """One line for each layer of the plan, in the order of execution, then what no layer has for itself.

    A function that several layers call is divided among them where they are equal (operator, MACs, output), for then
    each takes the same; otherwise a layer's count is not known and is left out.
    """
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
        lines.append(Line("functions of no layer", "", f"{common:,}", 100 * common / total))
    return lines


def _layer_line(
    layer: Document, counted: Mapping[str, int], callers: Mapping[str, Sequence[object]], total: int, has_ratio: bool
) -> Line:
    names = layer["functions"]
    is_known = bool(names) and all(name in counted and len(set(callers[name])) == 1 for name in names)
    count = sum(counted[name] / len(callers[name]) for name in names) if is_known else None
    macs = layer["macs"]
    return Line(
        name=f"{layer['index']} {layer['operator']}",
        detail=", ".join(names) + (f" ({layer['path']})" if layer.get("path", "kernel") != "kernel" else ""),
        instructions=f"{round(count):,}" if count is not None else "",
        percent=100 * count / total if count is not None else 0.0,
        per_mac=f"{count / macs:.2f}" if count is not None and macs and has_ratio else "",
        macs=format_count(macs) if macs else "",
        outputs=format_size(layer["outputs_bytes"]) if "outputs_bytes" in layer else "",
        is_shared=count is not None and any(len(callers[name]) > 1 for name in names),
    )
