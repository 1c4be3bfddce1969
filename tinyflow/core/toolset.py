"""What decides an action's outputs besides its value and its inputs: the machine, tools, our code. One look a session.

Very many actions share one toolset, so what was found is kept; whether the code is still the same can be asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xxhash import xxh3_128

from tinyflow.core import digest, key
from tinyflow.core.action import Action


@dataclass(frozen=True)
class Toolset:
    """The facts of one toolset."""

    facts: tuple[key.Fact, ...]  # as they are in the key
    stamps: Mapping[Path, digest.Stamp]  # of our modules, taken before they were read
    seal: Any = field(init=False)  # of these facts: a hash object to go on from

    def __post_init__(self) -> None:
        object.__setattr__(self, "seal", xxh3_128(f"{key.KEY_VERSION}\n{self.text}\n".encode()))

    @property
    def text(self) -> str:
        """The facts, a line each."""
        return "\n".join(f"{section} {name} {value}" for section, name, value in self.facts)

    def is_edited(self) -> bool:
        """Whether the code may have changed since these facts were found."""
        try:
            return any(digest.stamp_of(path) != stamp for path, stamp in self.stamps.items())
        except OSError:
            return True


class Toolsets:
    """The toolsets met in one session; safe to use from several threads."""

    def __init__(self, memo: digest.Memo) -> None:
        self._memo = memo
        self._known: dict[tuple[object, ...], Toolset] = {}  # threads only get and set, which is atomic

    def of(self, action: Action) -> Toolset:
        """The toolset of an action. Raises ToolError where a tool is missing."""
        name = (action.function, action.implementation, action.tools)
        known = self._known.get(name)
        if known is None:
            facts, stamps = key.toolset_facts(action, self._memo)
            known = self._known[name] = Toolset(facts, stamps)
        return known

    def forget(self) -> None:
        """Look again from now on."""
        self._known.clear()
