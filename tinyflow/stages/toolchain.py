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
    """What clang or gcc quotes where it complains of no place in a source: options among it, whole and in parts."""
    found: list[str] = []
    for line in log.splitlines():
        if re.search(r"\berror: |unrecogni[sz]ed|bad value", line) and not re.match(r"in/\S+:\d+", line):
            quoted = re.findall(r"['‘]([^'’]+)['’]", line)
            found += [*quoted, *(word for text in quoted for word in text.split())]
            found += [option + value for option in quoted for value in quoted if option.endswith("=")]
    return tuple(dict.fromkeys(found))


def shorter(error: ToolError, what: str, hint: str) -> ToolError:
    """The same error in fewer words."""
    return ToolError(what, hint=hint, command=error.command, status=error.status, log=error.log)
