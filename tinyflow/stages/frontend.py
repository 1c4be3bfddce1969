"""Frontend: another framework's file becomes a `.tflite` or `.onnx`, by a command in an environment of its own."""

from __future__ import annotations

from tinyflow.core import environments
from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError
from tinyflow.stages.command_words import files_folder, filled


def frontend(workspace: Workspace) -> None:
    """Make the one output of input `source/<file>`, which parameter `file` names, by parameter `command` (words).

    Parameter `environment` is the name of the Python environment whose program the first word is. Inputs `source/…`
    are what belongs to the file, `files/…` the command's own. Raises ToolError where it fails, ModelError where it
    leaves nothing.
    """
    (written,) = workspace.outputs.values()
    places = {
        "model": workspace.inputs[f"source/{workspace.parameters['file']}"],
        "files": files_folder(workspace),
        "out": written,
    }
    program, *words = workspace.parameters["command"]
    first = environments.program(workspace.parameters["environment"], program)
    workspace.run([first, *(filled(word, places, workspace.folder) for word in words)])
    if not written.is_file() or written.is_symlink() or not written.stat().st_size:
        raise ModelError(f"{program} left no file in {{out}}", hint="correct the command of the frontend's recipe")
