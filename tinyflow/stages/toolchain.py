"""What the stages that call a compiler share: which toolchain it is, and how its complaints are told."""

from __future__ import annotations

import importlib
import re
from typing import cast

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ToolError
from tinyflow.toolchains.protocol import Cpu, Toolchain

_SHOWN_LINES = 12


def toolchain_of(workspace: Workspace) -> tuple[Toolchain, Cpu]:
    """The toolchain's module, and its entry for the processor."""
    chosen = workspace.parameters["toolchain"]
    return cast(Toolchain, importlib.import_module(chosen["implementation"])), chosen["cpu"]


def first_lines(log: str, word: str) -> str:
    """The tool's own message: a few lines from the first one with `word` on."""
    lines = log.splitlines()
    start = next((index for index, line in enumerate(lines) if word in line), 0)
    return "\n".join(lines[start : start + _SHOWN_LINES])


def refused_words(log: str) -> tuple[str, ...]:
    """The words of complaints without a place in a source: options are among them, whole or in parts."""
    lines = (line for line in log.splitlines() if "error: " in line and not re.match(r"in/\S+:\d+", line))
    words = (word for line in lines for word in re.split(r"[\s'‘’\":,;()\[\]]+", line))
    return tuple(dict.fromkeys(filter(None, words)))


def shorter(error: ToolError, what: str, hint: str) -> ToolError:
    """The same error in fewer words."""
    return ToolError(what, hint=hint, command=error.command, status=error.status, log=error.log)
