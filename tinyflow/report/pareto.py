"""RAM against instructions: choices as they were estimated and measured, and which no other is better than."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import le
from typing import Any, NamedTuple

from tinyflow.report.formats import FORMATS, to_text
from tinyflow.report.frame import Frame

Row = Mapping[str, Any]

_MEASURED = ("ram_bytes", "invoke_instructions")
_COLUMNS = ("bench", "arena_bytes_estimate", "instructions_estimate", *_MEASURED, "latency_ms", "output")


class Choice(NamedTuple):
    """A bench, and what it is thought to take; of instructions only differences count."""

    bench: str
    arena_bytes: int
    instructions: int


def best(points: Sequence[tuple[float, ...]]) -> list[bool]:
    """Of each point whether no other is as good in all and better in one; of equal ones the first is."""
    return [
        not any(
            all(map(le, other, point)) and (other != point or before < place) for before, other in enumerate(points)
        )
        for place, point in enumerate(points)
    ]


def frame(choices: Iterable[Choice], rows: Iterable[Row]) -> Frame:
    """All choices, the largest first, with what was measured of those that were run; `best` of those."""
    measured = {row["bench"]: row for row in rows if row["status"] == "ok"}
    lines: list[dict[str, Any]] = []
    for choice in sorted(choices, key=lambda choice: (-choice.arena_bytes, choice.instructions)):
        line = dict(zip(_COLUMNS, choice, strict=False))
        if (row := measured.get(choice.bench)) is not None:
            line |= {name: row["metrics"][name] for name in (*_MEASURED, "latency_ms") if name in row["metrics"]}
            line |= {"output": row["validation"]["result"]} if row["validation"] else {}
        lines.append(line)
    known = [line for line in lines if all(name in line for name in _MEASURED)]
    for line, is_best in zip(known, best([(line[_MEASURED[0]], line[_MEASURED[1]]) for line in known]), strict=True):
        line["best"] = "yes" if is_best else "no"
    return Frame((*_COLUMNS, "best"), tuple(lines))


def documents(found: Frame) -> dict[str, bytes]:
    """The same in all forms that are written down, by the ending of the file."""
    return {"txt": to_text(found), **{ending: FORMATS[ending](found) for ending in ("csv", "json")}}
