"""Which options a backend takes: a name and the values that it may have. Imports no TVM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.core.errors import RecipeError

# each option with the values that it takes, the default first; None stands for any
Options = Mapping[str, tuple[Any, ...] | None]


def check_options(backend: str, given: Mapping[str, Any], known: Options) -> None:
    """Raise RecipeError for the first option that isn't known or can't have its value."""
    for name, value in given.items():
        if name not in known:
            raise RecipeError(f"backend {backend} has no option {name}", hint=f"its options: {', '.join(known)}")
        values = known[name]
        if values is not None and value not in values:
            raise RecipeError(f"backend {backend}: {name} can't be {value!r}", hint=f"one of {values}")
