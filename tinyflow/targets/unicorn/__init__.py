"""Target implementation: the built-in simulator, Unicorn, with exact counts from a table of executed blocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import Output, Tool
from tinyflow.targets.native import compiled
from tinyflow.targets.unicorn import native_hook
from tinyflow.targets.unicorn.machine import Simulator
from tinyflow.targets.unicorn.processor import processor

GUARD = "guard.so"


def tools() -> tuple[Tool, ...]:
    """What decides the counts, for keys."""
    return (Tool("package", "unicorn"), Tool("package", "pyelftools"))


def inputs() -> Mapping[str, Output]:
    """What a run needs besides the firmware: the block counter, compiled for the machine that we are on."""
    return {"block_table.so": compiled(native_hook.SOURCE, "compile the simulator's block counter")}


def cycle_inputs() -> Mapping[str, Output]:
    """What an estimate of cycles needs besides: the model of a flash's caches."""
    return {"flash_model.so": compiled(native_hook.FLASH_SOURCE, "compile the simulator's flash model")}


def guard_inputs() -> Mapping[str, Output]:
    """What a run needs besides that watches what layers write."""
    return {GUARD: compiled(native_hook.GUARD_SOURCE, "compile the simulator's guard")}


def check_cpu(cpu: str) -> None:
    """Raise UsageError for a processor that the simulator lacks."""
    processor(cpu)


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Simulator:
    """A simulated chip; counts natively where `files` has `block_table.so`."""
    return Simulator(target, files.get("block_table.so"), files.get(GUARD))
