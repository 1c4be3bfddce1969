"""What a model that is given by the path of its file is called: the same on every machine, and by no other file.

A file in the project's folder is called by its stem, in the letters of a recipe's name. Where a recipe or another file
there has that name, and in any other folder, a digest of the path tells it apart.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from tinyflow.core.digest import of_bytes
from tinyflow.recipes.catalogue import project_root, recipe_folders

SUFFIXES = (".tflite", ".onnx")
_DIGITS = 6
_DISTINGUISHED = re.compile(rf".*_[0-9a-f]{{{_DIGITS}}}")
_MOST_LETTERS = 60  # a file system takes 255 for the name of a bench's folder


# what other frameworks' files end with → what to type for one that is taken; too heavy to depend on
_KERAS = (
    "import tensorflow as tf; open('{stem}.tflite', 'wb').write("
    "tf.lite.TFLiteConverter.from_keras_model(tf.keras.models.load_model('{name}')).convert())"
)
_TORCH = (
    "import torch; torch.onnx.export(torch.export.load('{name}'), (), '{stem}.onnx', dynamo=True, external_data=False)"
)
_CONVERSIONS = {
    ".pdmodel": "paddle2onnx --model_dir . --model_filename {name} --params_filename {stem}.pdiparams"
    " --save_file {stem}.onnx",
    ".keras": f'python -c "{_KERAS}"',
    ".h5": f'python -c "{_KERAS}"',
    ".pt2": f'python -c "{_TORCH}"',
}


def conversion(text: str) -> str:
    """What makes a file that can be taken of another framework's, by a text that names it; empty where none does."""
    for suffix, command in _CONVERSIONS.items():
        path, found, _ = text.rpartition(suffix)
        if found:
            name = Path(f"{path}{suffix}")
            return f"convert it beside itself: {command.format(name=name.name, stem=name.stem)}"
    return ""


def is_path(model: str) -> bool:
    """Whether this names a file, not a recipe."""
    return model.endswith(SUFFIXES)


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
