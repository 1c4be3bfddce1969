"""A folder of recipes that tests write into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tinyflow.recipes.catalogue import Catalogue, data_folder

BUILT_IN = data_folder() / "recipes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty recipe folder."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    return folder


@pytest.fixture
def write(folder: Path) -> Callable[[str, str], Path]:
    """Write `targets/x.yaml` and the like into the folder."""

    def write(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def catalogue(folder: Path) -> Catalogue:
    """The folder's recipes before the built-in ones."""
    return Catalogue([folder, BUILT_IN])
