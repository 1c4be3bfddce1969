"""Words of commands, in which `{name}` stands for a path."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable


def check_places(command: Iterable[str], places: Collection[str]) -> None:
    """ValueError for a name in braces that is none of these."""
    for word in command:
        for name in re.findall(r"\{(\w+)\}", word):
            if name not in places:
                known = ", ".join(f"{{{place}}}" for place in places)
                raise ValueError(f"nothing is called {{{name}}}; a command knows {known}")
