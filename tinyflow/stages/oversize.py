"""Firmware that is too big for its target: how much it needs, and for what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tinyflow.core.errors import DoesNotFit
from tinyflow.core.units import format_size

Region = Mapping[str, Any]

# Far above any microcontroller's own memory.
_ROOM_BYTES = 64 * 1024**2
_NAMED_SYMBOLS = 3
_NAMED_SHARE = 0.01
_OVERFLOW = re.compile(r"will not fit in region|region `\S+' overflowed|overflowed by \d+ bytes")
_HINTS = {
    "ram": ("choose a target with more RAM, or a smaller model", ", or a backend that needs no heap"),
    "flash": ("choose a target with more flash, a smaller model, or optimise for size (Os)", ""),
}


def is_overflow(log: str) -> bool:
    """Whether a linker (LLD or GNU ld) complains of too little memory."""
    return _OVERFLOW.search(log) is not None


def enlarged(memory: Sequence[Region]) -> list[Region]:
    """The same regions with room for everything, as far as the next region lets them."""

    def room(region: Region) -> int:
        begin: int = region["origin"]
        above: list[int] = [other["origin"] for other in memory if other["origin"] > begin]
        return min([_ROOM_BYTES, *(origin - begin for origin in above)])

    return [{**region, "length_bytes": room(region)} for region in memory]


def explain(sizes: Mapping[str, Any], target: Mapping[str, Any]) -> DoesNotFit:
    """The refusal; `sizes` are those of a link with room for everything."""
    full = [r for r in target["memory"] if sizes["regions"][r["name"]]["used"] > r["length_bytes"]]
    whats = [_shortage(region, sizes, target) for region in full]
    has_heap = target.get("heap_bytes", 0) > 0
    hints = dict.fromkeys(_HINTS[region["kind"]] for region in full)
    error = DoesNotFit("; ".join(whats), hint="; ".join(base + more * has_heap for base, more in hints))
    ram = [sizes["regions"][region["name"]]["used"] for region in target["memory"] if region["kind"] == "ram"]
    # RAM as linked, with all that is set aside for stack and heap
    error.documents = {"sizes.json": {**sizes, "ram_bytes": sum(ram)}}
    return error


def _shortage(region: Region, sizes: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    need = sizes["regions"][region["name"]]["used"]
    parts = [(name, size) for name, size in _parts(region["kind"], sizes, target) if size >= need * _NAMED_SHARE]
    rest = need - sum(size for _, size in parts)
    words = [f"{name} {format_size(size)}" for name, size in (*parts, ("the rest", rest)) if size > 0]
    kind = {"ram": "RAM as linked"}.get(region["kind"], region["kind"])
    return (
        f"needs {format_size(need)} of {kind}, {target['name']} has {format_size(region['length_bytes'])}: "
        + ", ".join(words)
    )


def _parts(kind: str, sizes: Mapping[str, Any], target: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The largest symbols in a kind of memory; for RAM also stack and heap."""
    is_ram = kind == "ram"
    symbols = [s for s in sizes["symbols"] if (s["section"] in (".data", ".bss")) == is_ram]
    parts = [(s["name"], s["bytes"]) for s in symbols[:_NAMED_SYMBOLS]]
    return [*parts, ("stack", target["stack_bytes"]), ("heap", target.get("heap_bytes", 0))] if is_ram else parts
