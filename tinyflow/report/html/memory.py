"""The memory map: regions of the chip, how full each is, and what fills it, section by section and symbol by symbol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tinyflow.core.units import format_size
from tinyflow.report.html.svg import Drawing

Document = Mapping[str, Any]

_WIDTH = 760.0
_HEIGHT = 30.0  # of all its rectangles, which the style sheet says
_NARROWEST = 2.0  # a symbol with less room is drawn with the others of its section
# `.data` lies in both: its initial values in flash, the variables in RAM.
_SECTIONS = {"flash": (".text", ".rodata", ".data"), "ram": (".data", ".bss")}
_COLOURS = {".text": "s0", ".rodata": "s2", ".data": "s1", ".bss": "s4", "reserved": "s7"}


class _Part(NamedTuple):
    name: str
    section: str
    size_bytes: int


def regions(sizes: Document) -> list[dict[str, Any]]:
    """The regions that firmware was linked for, each with its drawing and its words for the template.

    None on a machine without a memory map of its own.
    """
    found = []
    for name, region in sizes["regions"].items():
        parts = list(_parts(name, region["used"], sizes["symbols"]))
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
                "drawing": _draw(name, parts, used),
            }
        )
    return found


def _parts(region: str, used_bytes: int, symbols: Sequence[Document]) -> Iterator[_Part]:
    """What fills a region. What no symbol accounts for is the stack, the heap and padding that the linker reserved."""
    known = 0
    for section in _SECTIONS.get(region, ()):
        for symbol in symbols:
            if symbol["section"] == section and symbol["bytes"]:
                known += symbol["bytes"]
                yield _Part(symbol["name"], section, symbol["bytes"])
    if used_bytes > known:
        rest = "stack, heap, alignment" if region == "ram" else "literals, vectors, alignment"
        yield _Part(rest, "reserved", used_bytes - known)


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
