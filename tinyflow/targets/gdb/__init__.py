"""Target implementation: a real board, or anything else behind a GDB server, as `gdb` of the target's recipe says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import Tool
from tinyflow.core.errors import UsageError
from tinyflow.targets.programs import tools
from tinyflow.targets.protocol import Capabilities, Machine


def capabilities(target: Mapping[str, Any]) -> Capabilities:
    """See `protocol`."""
    words = target.get("machine", {})
    if not (words.get("connect") or words.get("server")):
        hint = "its recipe says `gdb: {connect: host:port}` or `gdb: {server: [command]}`: docs/boards.md"
        raise UsageError("nothing says where its GDB server is", hint=hint)
    return Capabilities((Tool("package", "pyelftools"), *tools(words)), counts_calls=True)


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Machine:  # noqa: ARG001 (the protocol's)
    """The board, once nobody else has it."""
    from tinyflow.targets.gdb.board import Board

    return Board(target)
