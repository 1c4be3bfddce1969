"""Target implementation: a real board, or anything else behind a GDB server, as `gdb` of the target's recipe says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import Tool
from tinyflow.core.errors import UsageError
from tinyflow.targets.programs import how_to_get, program
from tinyflow.targets.protocol import Capabilities, Machine


def capabilities(target: Mapping[str, Any]) -> Capabilities:
    """See `protocol`."""
    words = target.get("machine", {})
    if not (words.get("connect") or words.get("server")):
        hint = "its recipe says `gdb: {connect: host:port}` or `gdb: {server: [command]}`: docs/boards.md"
        raise UsageError("nothing says where its GDB server is", hint=hint)
    tools = [Tool("package", "pyelftools")]
    for name in ("server", "loader"):
        if words.get(name):
            tools.append(Tool("binary", program(words[name][0]), how_to_get(words[name][0])))
    return Capabilities(tuple(tools), counts_calls=True)


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Machine:  # noqa: ARG001 (the protocol's)
    """The board, once nobody else has it."""
    from tinyflow.targets.gdb.board import Board

    return Board(target)
