"""Stage deployment: what somebody installs, types and writes to have a bench's network in a program; all counted."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import tinyflow
from tinyflow.core.action import Workspace
from tinyflow.stages.firmware.description import names_of
from tinyflow.stages.firmware.forms import program_of
from tinyflow.stages.firmware.program import network_of
from tinyflow.targets.engine.worker import installed

_COMMENTS = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def deployment(workspace: Workspace) -> None:
    """Write `deployment.json`: bytes of distributions and of all that they require, commands, lines of the example.

    Parameters: as of `program.example`, commands, requires (distributions; those that aren't installed are left out).
    """
    workspace.keep_local()  # what is installed here
    there = [name for name in workspace.parameters["requires"] if _is_there(name)]
    sources = program_of(workspace, {**network_of(workspace), **names_of(workspace.parameters)})
    told = {
        "install_bytes": installed(there)["installed_bytes"] + _checkout_bytes(),
        "commands": len(workspace.parameters["commands"]),
        "written_lines": lines_of_c(sources["main.c"]),
    }
    workspace.write_json("deployment.json", told)


def lines_of_c(text: str) -> int:
    """Lines that do something: neither empty nor comments."""
    return sum(bool(line.strip()) for line in _COMMENTS.sub("", text).splitlines())


def _is_there(name: str) -> bool:
    try:
        return bool(distribution(name).version)
    except PackageNotFoundError:
        return False


def _checkout_bytes() -> int:
    """What a distribution that is installed for changing has where it was checked out: no record counts it."""
    package = Path(tinyflow.__file__).parent
    if (package / "_data").is_dir():
        return 0
    folders = (package, *(package.parent / name for name in ("recipes", "templates")))
    files = (path for folder in folders for path in folder.rglob("*") if path.suffix != ".pyc")
    return sum(path.stat().st_size for path in files if path.is_file())
