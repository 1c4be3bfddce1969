"""Headers of a runtime that a program of the user's writes."""

from __future__ import annotations

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError
from tinyflow.stages.command_words import files_folder, filled


def headers(workspace: Workspace) -> None:
    """Run the parameter `command` (words), which leaves `headers/`. Inputs `files/…` are the command's own.

    Raises ToolError where it fails and ModelError where it leaves nothing, or what is no plain file.
    """
    made = workspace.outputs["headers/"]
    places = {"files": files_folder(workspace), "out": made}
    workspace.run([filled(word, places, workspace.folder) for word in workspace.parameters["command"]])
    found = sorted(made.rglob("*"))
    strange = next((path for path in found if path.is_symlink() or not (path.is_file() or path.is_dir())), None)
    if strange is not None or not any(path.is_file() for path in found):
        what = "left no file in {out}" if strange is None else f"left {strange.name}, which is no plain file"
        raise ModelError(f"the command of `generated` {what}", hint="it writes into the folder that {out} stands for")
