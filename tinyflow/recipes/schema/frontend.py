"""A frontend's recipe: what makes a `.tflite` or `.onnx` file of another framework's, in an environment of its own."""

from __future__ import annotations

from typing import Annotated, Literal

from tinyflow.recipes.fields import Check, Duration, RelativePath
from tinyflow.recipes.schema.part import Recipe, part
from tinyflow.recipes.schema.words import check_places


def _check_command(command: tuple[str, ...]) -> None:
    check_places(command, ("model", "files", "out"))
    if not command or command[0].startswith(("{", "/")):
        raise ValueError("a command starts with a program of its environment, such as python {files}/convert.py")
    if not any("{out}" in word for word in command):
        raise ValueError("a command needs {out}, the file that it is to write")


@part
class Frontend(Recipe):
    """What converts files of one framework; its name is what their names end with: `keras` takes `net.keras`."""

    packages: tuple[str, ...] = ()
    """Requirements of pip, pinned: what is installed in the environment that the command runs in."""
    command: Annotated[tuple[str, ...], Check(_check_command)]
    """A program of that environment and its words, with `{model}`, `{files}` and `{out}` for paths."""
    files: tuple[RelativePath, ...] = ()
    """Files and folders (`name/`) beside the recipe that the command needs."""
    beside: tuple[RelativePath, ...] = ()
    """What else belongs to a model: patterns of files in its folder; `{stem}` is its name without the end."""
    makes: Literal["tflite", "onnx"]
    """What the command writes to `{out}`."""
    timeout_s: Duration = 600.0
