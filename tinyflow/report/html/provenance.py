"""Where numbers come from: tools, flags and digests, out of a bench's report and of the keys of its actions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tinyflow.core.key import facts_of

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
    for section, path, text in facts_of("\n".join(action["facts"])):
        value = json.loads(text) if section == "parameter" else None
        if not isinstance(value, (str, int, float, bool)):
            continue
        if any(part in _FLAGS for part in path):
            flags.append(str(value))
        elif "memory" not in path:
            settings.append(f"{'.'.join(map(str, path))} = {value}")
    told = {"flags": " ".join(flags), "settings": "; ".join(settings)}
    return {"stage": action["stage"], "key": action["key"], **told}
