"""A state of somebody's git repository as plain files."""

from __future__ import annotations

import shutil
from pathlib import Path

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ToolError


def checkout(workspace: Workspace) -> None:
    """Make `files/` of commit `rev` of the repository `url`: links as they are spelled, no submodules, no history.

    Raises ToolError for what git refuses.
    """
    url, rev = workspace.parameters["url"], workspace.parameters["rev"]
    repository, files = workspace.folder / "repository", workspace.outputs["files/"]
    git = ["git", "-c", "core.symlinks=false", "-c", "core.autocrlf=false", "-c", "advice.detachedHead=false", "-C"]
    workspace.run(["git", "init", "--quiet", repository])
    try:
        workspace.run([*git, repository, "fetch", "--quiet", "--depth=1", url, rev])
    except ToolError as error:
        if error.status is None or error.killed_by is not None:
            raise
        # a server that gives branches and tags alone
        workspace.run([*git, repository, "fetch", "--quiet", url, "+refs/*:refs/theirs/*"])
    workspace.run([*git, repository, "checkout", "--quiet", rev])
    shutil.rmtree(repository / ".git")
    for path in sorted(repository.iterdir()):
        shutil.move(path, Path(files, path.name))
