"""A user's own placement: the form of `arena.tensors` in plan.json, of which names and offsets count.

It is held against what steps may do; nothing here looks for a place.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tinyflow.backends.programs import memory
from tinyflow.backends.programs.memory import Memory
from tinyflow.backends.programs.steps import Program
from tinyflow.core.errors import ModelError
from tinyflow.model.graph_check import shortened
from tinyflow.model.memory.arena import Overlap, Placed

_HINT = "names and offsets go as `arena.tensors` of plan.json has them, of a bench with the same other options"
_SHOWN = 4


_MOST_BYTES = 1 << 31


class _Given(NamedTuple):
    """What a file says."""

    line: int
    name: str
    offset: int


def placed(
    program: Program, file: str, text: str, alignment: int, *, has_chase: bool = True, keeps_input: bool = False
) -> Memory:
    """The places that the file gives to all that the program keeps in its arena.

    ModelError with all that is wrong: names that are unknown or missing, alignment, what lies over another.
    """
    needed = memory.needed(program, keeps_input=keeps_input)
    left: dict[str, list[tuple[str, int]]] = {}
    for key in sorted(needed, key=lambda key: needed[key].first):
        left.setdefault(needed[key].name, []).append(key)
    wrong: list[tuple[int, str]] = []
    found: dict[tuple[str, int], Placed] = {}
    lines: dict[tuple[str, int], int] = {}
    for line, name, offset in _read(file, text):
        keys = left.get(name)
        if not keys:
            why = "has a place already" if name in left else "is nothing that this program keeps in its arena"
            wrong.append((line, f"{shortened(name)} {why}"))
            continue
        key = keys.pop(0)
        found[key], lines[key] = needed[key].at(offset), line
        if offset % alignment:
            wrong.append((line, f"{shortened(name)} begins at {offset}, which is no multiple of {alignment}"))
    if missing := [name for name, keys in left.items() for _ in keys]:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        wrong.append((0, f"no place for {', '.join(map(shortened, missing[:_SHOWN]))}{more}"))
    allowed = _allowed(program, has_chase=has_chase)
    for one, other in itertools.combinations(found, 2):
        if what := _collision(program, (one, found[one]), (other, found[other]), allowed, alignment):
            wrong.append((lines[other], what.format(lines[one])))
    if wrong:
        (line, what), *others = sorted(wrong, key=lambda told: (not told[0], *told))
        told = [what, *(f"{_where(file, line)}: {what}" for line, what in others[: _SHOWN - 1])]
        told += [f"{len(others) + 1 - _SHOWN} more"] if len(others) >= _SHOWN else []
        raise ModelError("; ".join(told), where=_where(file, line), hint=_HINT)
    total = max((place.end for place in found.values()), default=0)
    return Memory(total, *({key: found[k, key] for k, key in found if k == kind} for kind in memory.KINDS))


def _where(file: str, line: int) -> str:
    return f"{file}:{line}" if line else file


def _read(file: str, text: str) -> Iterator[_Given]:
    """Its entries. ModelError where it isn't of this form."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelError(f"not JSON: {error.msg}", where=f"{file}:{error.lineno}", hint=_HINT) from None
    if isinstance(document, dict) and isinstance(document.get("arena"), dict):  # plan.json as it is
        text, document = text[text.index('"arena"') :], document["arena"]
    entries = document.get("tensors") if isinstance(document, dict) else document
    if not isinstance(entries, list):
        raise ModelError("neither a list of tensors nor an object with `tensors`", where=f"{file}:1", hint=_HINT)
    # an entry has one name, and nothing else has
    lines = [text.count("\n", 0, match.start()) + 1 for match in re.finditer(r'"name"\s*:', text)]
    for number, entry in enumerate(entries):
        line = lines[number] if len(lines) == len(entries) else 1
        name, offset = (entry.get(key) if isinstance(entry, dict) else None for key in ("name", "offset"))
        if not isinstance(name, str) or type(offset) is not int or not 0 <= offset < _MOST_BYTES:
            raise ModelError(f"entry {number} lacks a name, or an offset from 0", where=f"{file}:{line}", hint=_HINT)
        yield _Given(line, name, offset)


def _allowed(program: Program, *, has_chase: bool) -> Mapping[tuple[int, int], list[Overlap]]:
    """Tensor that a step reads, tensor that it writes → how the latter may lie over the former."""
    found: dict[tuple[int, int], list[Overlap]] = {}
    for _, output, sources in memory.in_place_of(program):
        for source in sources:
            if program.tensors[source].size_bytes >= program.tensors[output].size_bytes:
                # at its beginning alone
                found.setdefault((source, output), []).append(Overlap(step=1 << 62))
    for step in program.steps if has_chase else ():
        for source, output, overlap in memory.overlaps_of(program, step):
            found.setdefault((source, output), []).append(overlap)
    return found


def _collision(
    program: Program,
    one: tuple[tuple[str, int], Placed],
    other: tuple[tuple[str, int], Placed],
    allowed: Mapping[tuple[int, int], list[Overlap]],
    alignment: int,
) -> str:
    """How one lies in another's way, if it does; `{}` is the other's line."""
    (_, first), (_, second) = one, other
    if not first.is_alive_with(second) or first.offset >= second.end or second.offset >= first.end:
        return ""
    best: list[int] = []
    for ((kind, source), dying), ((other_kind, output), born) in ((one, other), (other, one)):
        if kind != other_kind or kind != memory.KINDS[0] or dying.last != born.first:
            continue
        for overlap in allowed.get((source, output), ()):
            distance = born.offset - dying.offset
            if overlap.lead is not None and distance <= -overlap.lead:
                return ""
            if overlap.step and distance % math.lcm(overlap.step, alignment) == 0:
                return ""
            best += [] if overlap.lead is None else [dying.offset - overlap.lead]
    step = program.steps[min(max(first.first, second.first), len(program.steps) - 1)]
    layer = f"{step.operator} {program.graph.operators[step.operator].name}"
    over, under = (shortened(one.name).replace("{", "{{").replace("}", "}}") for one in (second, first))
    what = f"{over}, bytes {second.offset} to {second.end - 1}, lies over {under} of line {{}} in layer {layer}"
    return what + (f"; it may where the output begins at {max(best)} or before" if best and max(best) >= 0 else "")
