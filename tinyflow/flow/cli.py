"""The console script `tinyflow`: doit with our loader and commands, from any folder.

In a checkout `[tool.doit]` of pyproject.toml gives plain `doit` the same.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from typing import NoReturn

from doit.doit_cmd import DoitMain
from doit.plugin import PluginDict, PluginEntry

from tinyflow.core.errors import UsageError
from tinyflow.flow.command_list import PLUGINS
from tinyflow.flow.commands.command import HELP, refuse
from tinyflow.flow.loader import Loader
from tinyflow.flow.streams import plain_output

_VERSION = ("--version",)


class _Main(DoitMain):  # type: ignore[misc]  # doit has no types
    BIN_NAME = "tinyflow"

    def get_cmds(self) -> PluginDict:
        """Ours, which are all; doit would look for more in every installed package."""
        commands = PLUGINS["COMMAND"].items()
        return PluginDict({name: PluginEntry("COMMAND", name, place) for name, place in commands})


class PluginLoader(Loader):
    """Of plain `doit`, which tells its own version and commands before it asks any of these."""

    def __init__(self) -> None:
        super().__init__()
        if {*sys.argv[1:2]} & {*_VERSION, *HELP}:
            sys.exit(run(sys.argv[1:], self, "doit"))


def run(words: list[str], loader: Loader, name: str = _Main.BIN_NAME) -> int:
    """Run one command line of the program that has this name; its exit status."""
    if words[:1] == [*_VERSION]:
        from tinyflow.flow.version import describe

        print(*describe(), sep="\n")
        return 0
    if "" in words:  # doit looks at the first letter of each
        return refuse(UsageError("an argument is empty", hint="is a variable of the shell not set?"))
    if words and words[0] in HELP:
        words = ["help", *(word for word in words if word not in HELP)]
    program = _Main(loader, config_filenames=(), extra_config={"GLOBAL": {"backend": "memory"}, **PLUGINS})
    with plain_output():  # what doit itself says, too
        program.BIN_NAME = name
        return int(program.run(words))


def leave(status: int) -> NoReturn:
    """End this process as `sys.exit` does, without taking its objects apart: a plan has very many."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(status)


def main() -> int:
    """Run this process's command line; its exit status."""
    return run(sys.argv[1:], Loader())


def program() -> NoReturn:
    """The console script."""
    leave(main())
