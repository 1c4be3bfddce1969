"""Where numbers come from: tools, flags and digests, out of a bench's report and of the keys of its actions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]

_FLAGS = ("flags", "link_flags", "defines")  # last parts of the names of parameters that a person would call flags
_TOLD = ("generate", "compile", "link", "run")


@dataclass(frozen=True)
class Step:
    """One stage of the bench's own: what decided its output, in the words of its key."""

    stage: str
    key: str
    flags: str
    settings: str  # `name = value; …`, of the other parameters


def steps(provenance: Document | None) -> list[Step]:
    """The stages that a person asks about; of several actions of one stage the first, which is the bench's own."""
    found: dict[str, Step] = {}
    for action in (provenance or {}).get("actions", ()):
        if action["stage"] in _TOLD and action["stage"] not in found:
            found[action["stage"]] = _step(action)
    return list(found.values())


def _step(action: Document) -> Step:
    flags, settings = [], []
    for path, value in _parameters(action["facts"]):
        if not isinstance(value, (str, int, float, bool)):
            continue
        if any(part in _FLAGS for part in path):
            flags.append(str(value))
        elif "memory" not in path:
            settings.append(f"{'.'.join(map(str, path))} = {value}")
    return Step(action["stage"], action["key"], " ".join(flags), "; ".join(settings))


def _parameters(facts: list[str]) -> Iterator[tuple[list[Any], Any]]:
    """The parameters among the lines of a key: `parameter ["toolchain","name"] "zig"`."""
    decoder = json.JSONDecoder()
    for line in facts:
        section, _, rest = line.partition(" ")
        if section == "parameter":
            path, end = decoder.raw_decode(rest)
            yield path, json.loads(rest[end:])
