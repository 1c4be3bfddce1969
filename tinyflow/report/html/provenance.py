"""Where numbers come from: tools, flags and digests, out of a bench's report and of the keys of its actions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]

_FLAGS = ("flags", "link_flags", "defines")  # last parts of the names of parameters that a person would call flags
_TOLD = ("generate", "compile", "link", "run")


def steps(provenance: Document | None) -> list[dict[str, str]]:
    """The stages that a person asks about; of several actions of one stage the first, which is the bench's own.

    With what decided its output, in the words of its key: flags, and `name = value; …` of the other parameters.
    """
    found: dict[str, dict[str, str]] = {}
    for action in (provenance or {}).get("actions", ()):
        if action["stage"] in _TOLD and action["stage"] not in found:
            found[action["stage"]] = _step(action)
    return list(found.values())


def _step(action: Document) -> dict[str, str]:
    flags, settings = [], []
    for path, value in _parameters(action["facts"]):
        if not isinstance(value, (str, int, float, bool)):
            continue
        if any(part in _FLAGS for part in path):
            flags.append(str(value))
        elif "memory" not in path:
            settings.append(f"{'.'.join(map(str, path))} = {value}")
    told = {"flags": " ".join(flags), "settings": "; ".join(settings)}
    return {"stage": action["stage"], "key": action["key"], **told}


def _parameters(facts: list[str]) -> Iterator[tuple[list[Any], Any]]:
    """The parameters among the lines of a key: `parameter ["toolchain","name"] "zig"`."""
    decoder = json.JSONDecoder()
    for line in facts:
        section, _, rest = line.partition(" ")
        if section == "parameter":
            path, end = decoder.raw_decode(rest)
            yield path, json.loads(rest[end:])
