"""Target implementation: the built-in simulator, Unicorn, with exact counts from a table of executed blocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import Tool
from tinyflow.targets.native import compiled
from tinyflow.targets.protocol import Capabilities
from tinyflow.targets.unicorn import native_hook
from tinyflow.targets.unicorn.machine import Simulator
from tinyflow.targets.unicorn.processor import check_name

GUARD = "guard.so"
_TABLE = "block_table.so"


def capabilities(cpu: str) -> Capabilities:
    """See `protocol`; what looks on is compiled for the machine that we are on."""
    check_name(cpu)
    return Capabilities(
        tools=(Tool("package", "unicorn"), Tool("package", "pyelftools")),
        inputs={_TABLE: compiled(native_hook.SOURCE, "compile the simulator's block counter")},
        guard={GUARD: compiled(native_hook.GUARD_SOURCE, "compile the simulator's guard")},
        trace={"flash_model.so": compiled(native_hook.FLASH_SOURCE, "compile the simulator's flash model")},
    )


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Simulator:
    """A simulated chip; counts natively where `files` has `block_table.so`."""
    return Simulator(target, files.get(_TABLE), files.get(GUARD))
