"""Where in a recipe something stands that only turned out wrong when a tool met it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinyflow.core.action import Action, SourceFile
from tinyflow.core.errors import ToolError


def place_refused_flag(action: Action, error: Exception) -> None:
    """Give an error about a runtime's compiler flag the place of the flag in the runtime's recipe."""
    source = action.inputs.get(str(action.parameters.get("source")))
    if not isinstance(error, ToolError) or not error.refused_flag or not isinstance(source, SourceFile):
        return
    from tinyflow.recipes import yaml
    from tinyflow.recipes.catalogue import spell_path

    # A source's name is `<runtime>/<path below the recipe's folder>`.
    recipe = source.path.parents[len(Path(source.name).parts) - 2] / "runtime.yaml"
    document = yaml.parse(recipe.read_bytes())
    for steps, value in _leaves(document.value):
        if steps[0] == "flags" and value == error.refused_flag:
            place = document.place(steps)
            error.where = f"{spell_path(recipe)}:{place.line}:{place.column}"
            error.hint = f"the compiler refuses {value}; leave it out or take another toolchain\n{error.hint}"


def _leaves(value: Any, steps: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """All plain values of a recipe, with the steps that lead to them."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, entry in entries:
        yield (*steps, step), entry
        yield from _leaves(entry, (*steps, step))
