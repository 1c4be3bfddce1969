"""What was removed from a model that was shrunk, and why (`shrink.json`), for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinyflow.core import safe_text
from tinyflow.core.units import format_size
from tinyflow.report.formats import to_text
from tinyflow.report.frame import Frame
from tinyflow.report.tables import UNLIKE_TRAINED

Document = Mapping[str, Any]

_COLUMNS = ("layer", "operator", "channels", "kept", "why")
_SIZES: dict[str, tuple[str, Callable[[int], str]]] = {
    "macs": ("MACs", "{:,}".format),
    "weights_bytes": ("weights", format_size),
    "peak_live_bytes": ("largest live set", format_size),
    "operators": ("operators", str),
    "tensors": ("tensors", str),
}
_REASONS_SHOWN = 4


def sizes(document: Document) -> str:
    """What became of the model's sizes, in one line; only those that changed."""
    before, after = document["before"], document["after"]
    told = [
        f"{word} {spell(before[name])} → {spell(after[name])}{_percent(before[name], after[name])}"
        for name, (word, spell) in _SIZES.items()
        if before[name] != after[name]
    ]
    return ", ".join(told) or "nothing can be removed: any channel may matter to some input"


def layers(document: Document) -> Frame:
    """Operators that went whole, changed, or lost channels of their output, by the original model's numbers."""
    gone = [
        {"layer": entry["operator"], "operator": entry["name"], "why": f"all of it: {entry['why']}"}
        for entry in document["operators"]
    ]
    changed = [
        {"layer": entry["operator"], "operator": entry["name"], "why": entry["why"]}
        for entry in document.get("changed", ())
    ]
    narrowed = [
        {
            "layer": entry["operator"],
            "operator": entry["name"],
            "channels": entry["channels"],
            "kept": entry["kept"],
            "why": _reasons(entry["removed"]),
        }
        for entry in document["channels"]
    ]
    return Frame(_COLUMNS, tuple(sorted([*gone, *changed, *narrowed], key=lambda row: row["layer"])))


def removed_text(model: str, document: Document, weights: str) -> str:
    """Both, for a terminal, and what made-up weights say of trained ones."""
    table = layers(document)
    note = f"synthetic weights: {UNLIKE_TRAINED}\n" if weights == "synthetic" else ""
    return f"{safe_text.shown(model)}: {sizes(document)}\n{to_text(table).decode() if len(table) else ''}{note}"


def _reasons(removed: Mapping[str, list[int]]) -> str:
    """How many channels went for which reason, most first."""
    counts = sorted(((len(channels), reason) for reason, channels in removed.items()), key=lambda item: -item[0])
    told = [f"{count} {reason}" for count, reason in counts[:_REASONS_SHOWN]]
    if rest := sum(count for count, _ in counts[_REASONS_SHOWN:]):
        told.append(f"{rest} for other reasons")
    return ", ".join(told)


def _percent(before: int, after: int) -> str:
    return f" ({100 * (after - before) / before:+.1f} %)" if before else ""
