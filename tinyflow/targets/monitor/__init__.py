"""Target implementation: a board without a debug probe, whose firmware answers over a serial line.

The firmware has a main of its own (`recipes/runtimes/monitor`), as `monitor` of the target's recipe describes the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import Tool
from tinyflow.core.distribution import pip_install
from tinyflow.core.errors import UsageError
from tinyflow.targets import own_main
from tinyflow.targets.programs import tools
from tinyflow.targets.protocol import Capabilities, Machine


def capabilities(target: Mapping[str, Any]) -> Capabilities:
    """See `protocol`."""
    words = target.get("machine", {})
    if not words.get("port"):
        hint = "its recipe says `monitor: {port: /dev/ttyUSB0, uart: …}`: docs/boards.md"
        raise UsageError("nothing says at which port it is", hint=hint)
    own_main.check(target, "monitor")
    packages = (Tool("package", "pyelftools"), Tool("package", "pyserial", pip_install("boards")))
    return Capabilities((*packages, *tools(words)))


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Machine:  # noqa: ARG001 (the protocol's)
    """The board, once nobody else has its port."""
    from tinyflow.targets.monitor.machine import Monitor

    return Monitor(target)
