"""Words of a recipe's command, in which `{name}` stands for a path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tinyflow.core.action import Workspace


def files_folder(workspace: Workspace) -> Path:
    """Where the inputs `files/…` lie, which are the command's own."""
    for name, path in workspace.inputs.items():
        if name.startswith("files/"):
            return path.parents[len(Path(name).parts) - 2]
    return workspace.folder


def filled(word: str, places: Mapping[str, Path | str], folder: Path) -> str:
    """A word with its placeholders filled in; paths are relative to the folder in which the command runs."""

    def spelled(match: re.Match[str]) -> str:
        place = places[match[1]]
        return place if isinstance(place, str) else str(place.relative_to(folder))

    return re.sub(r"\{(\w+)\}", spelled, word)
