"""What a model that is given by the path of its file is called: the same on every machine, and by no other file.

A file in the project's folder is called by its stem, in the letters of a recipe's name. Where a recipe or another file
there has that name, and in any other folder, a digest of the path tells it apart.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from tinyflow.core.digest import of_bytes
from tinyflow.core.errors import UsageError
from tinyflow.recipes.catalogue import Catalogue, project_root, recipe_folders
from tinyflow.recipes.schema import Frontend

_OWN_SUFFIXES = (".tflite", ".onnx")
_DIGITS = 6
_DISTINGUISHED = re.compile(rf".*_[0-9a-f]{{{_DIGITS}}}")
_MOST_LETTERS = 60  # a file system takes 255 for the name of a bench's folder


def suffixes() -> tuple[str, ...]:
    """What names of models' files end with: those that we read, and those that a frontend of the recipes takes."""
    return _suffixes(os.environ.get("TINYFLOW_RECIPES", ""), Path.cwd())


@cache  # for each word of a command line and each file of a folder
def _suffixes(named: str, here: Path) -> tuple[str, ...]:
    folders = recipe_folders({"TINYFLOW_RECIPES": named}, project_root(here) or here)
    return (*_OWN_SUFFIXES, *(f".{name}" for name in Catalogue(folders).names(Frontend)))


def is_path(model: str) -> bool:
    """Whether this names a file, not a recipe."""
    return model.endswith(suffixes())


def file_of(model: str) -> str:
    """The path of a model's file, where the folder is named that has it alone, as SavedModels are; else what is given.

    Raises UsageError for a folder with none or several.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return model
    names = sorted(file.name for file in folder.iterdir() if is_path(file.name) and file.is_file())
    if len(names) != 1:
        what = f'"{model}" is a folder with {len(names)} models'
        raise UsageError(
            what, hint=f"name one: {', '.join(names)}" if names else f"they end with {', '.join(suffixes())}"
        )
    return f"{model.rstrip('/')}/{names[0]}"


def name_of(model: str) -> str:
    """The name of the model in a file, which need not exist; relative paths begin at the working directory."""
    here = Path.cwd()
    root = (project_root(here) or here).resolve()
    path = Path(model).expanduser()
    folder = (here / path.parent).resolve()
    folded = _fold(path)
    if folder == root and len(folded) <= _MOST_LETTERS and not _is_taken(folded, path.name, root):
        return folded
    place = Path(os.path.relpath(folder / path.name, root)).as_posix()
    return f"{folded[:_MOST_LETTERS]}_{of_bytes(os.fsencode(place)).partition(':')[2][:_DIGITS]}"


def _fold(path: Path) -> str:
    return re.sub(r"[^a-z0-9_]", "_", path.stem.lower())


def _is_taken(folded: str, name: str, root: Path) -> bool:
    """Whether a recipe, another file of this folder, or one told apart by a digest is or could be called so."""
    files = [file.name for file in root.iterdir() if is_path(file.name) and _fold(file) == folded]
    recipes = (folder / "models" / f"{folded}.yaml" for folder in recipe_folders(os.environ, root))
    return (
        bool(_DISTINGUISHED.fullmatch(folded)) or any(file != name for file in files) or any(map(Path.is_file, recipes))
    )
