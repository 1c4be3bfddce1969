"""The memory map: regions of the chip, how full each is, and what fills it, section by section and symbol by symbol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tinyflow.core.units import format_size
from tinyflow.report.html.svg import Drawing
from tinyflow.report.metrics import BY_NAME

Document = Mapping[str, Any]

_WIDTH = 760.0
_HEIGHT = 30.0  # of all its rectangles, which the style sheet says
_NARROWEST = 2.0  # a symbol with less room is drawn with the others of its section
# of RAM, beside variables; and of flash, beside symbols
_USED, _ASIDE, _REST = "stack and heap", "set aside", "others"
# `.data` lies in both: its initial values in flash, the variables in RAM.
_SECTIONS = {"flash": (".text", ".rodata", ".data"), "ram": (".data", ".bss")}
_COLOURS = {".text": "s0", ".rodata": "s2", ".data": "s1", ".bss": "s4", _USED: "s5", _ASIDE: "s7", _REST: "s7"}


class _Part(NamedTuple):
    name: str
    section: str
    size_bytes: int


def regions(sizes: Document, metrics: Mapping[str, float]) -> list[dict[str, Any]]:
    """The regions that firmware was linked for, each with its drawing and its words for the template.

    None on a machine without a memory map of its own. `metrics` tell how much of what is set aside for stack and heap
    was used, where it ran.
    """
    found = []
    used_bytes = round(metrics.get("stack_peak_bytes", 0) + metrics.get("heap_peak_bytes", 0))
    for name, region in sizes["regions"].items():
        parts = list(_parts(name, region["used"], sizes["symbols"], used_bytes))
        used, size = region["used"], region["size"]
        totals = {part.section: 0 for part in parts}
        for part in parts:
            totals[part.section] += part.size_bytes
        found.append(
            {
                "name": name,
                "used": format_size(used),
                "size": format_size(size),
                "percent": round(100 * used / size, 1),
                "sections": [(section, _COLOURS[section], format_size(total)) for section, total in totals.items()],
                "told": _told(totals, metrics),
                "drawing": _draw(name, parts, used),
            }
        )
    return found


def _told(totals: Mapping[str, int], metrics: Mapping[str, float]) -> str:
    """What the linker's number has to do with RAM, where they differ."""
    if not totals.get(_ASIDE) or _USED not in totals:
        return ""
    ram = BY_NAME["ram_bytes"].format(metrics["ram_bytes"])
    aside = format_size(totals[_ASIDE])
    return f"RAM as linked: RAM, which is {ram}, and {aside} set aside for stack and heap and not used"


def _parts(region: str, used_bytes: int, symbols: Sequence[Document], stack_bytes: int) -> Iterator[_Part]:
    """What fills a region. What no symbol accounts for is what the linker sets aside for the stack, the heap, padding.

    `stack_bytes`: what was used of these, 0 where nobody knows.
    """
    known = 0
    for section in _SECTIONS.get(region, ()):
        for symbol in symbols:
            if symbol["section"] == section and symbol["bytes"]:
                known += symbol["bytes"]
                yield _Part(symbol["name"], section, symbol["bytes"])
    if used_bytes > known:
        rest = used_bytes - known
        if region != "ram":
            yield _Part("literals, vectors, alignment", _REST, rest)
            return
        if stack_bytes:
            yield _Part("stack at its deepest, heap at its fullest", _USED, min(stack_bytes, rest))
        if rest > stack_bytes:
            yield _Part("set aside for stack and heap, and alignment", _ASIDE, rest - stack_bytes)


def _draw(region: str, parts: Sequence[_Part], used_bytes: int) -> str:
    drawing = Drawing(_WIDTH, _HEIGHT, f"what fills {region}", "memory")
    x, scale = 0.0, _WIDTH / max(used_bytes, sum(part.size_bytes for part in parts), 1)
    for section in dict.fromkeys(part.section for part in parts):
        members = [part for part in parts if part.section == section]
        with drawing.group(_COLOURS[section]):
            for part in _drawn(members, scale):
                width = part.size_bytes * scale
                tip = f"{part.name} ({section}): {part.size_bytes:,} bytes"
                drawing.rectangle(x, 0, width, _HEIGHT, tip=tip, text=part.name, is_full=True)
                x += width
    return str(drawing)


def _drawn(parts: Sequence[_Part], scale: float) -> Iterator[_Part]:
    """The parts with room of their own, biggest first, and one for all others together."""
    ordered = sorted(parts, key=lambda part: (-part.size_bytes, part.name))
    wide = [part for part in ordered if part.size_bytes * scale >= _NARROWEST]
    yield from wide
    small = ordered[len(wide) :]
    if len(small) == 1:
        yield small[0]
    elif small:
        yield _Part(f"{len(small)} smaller symbols", small[0].section, sum(part.size_bytes for part in small))
