"""Target implementation: the built-in simulator, Unicorn, with exact counts from a table of executed blocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import Action, Output, SourceFile, Tool
from tinyflow.targets.unicorn import native_hook
from tinyflow.targets.unicorn.machine import Simulator

GUARD = "guard.so"


def tools() -> tuple[Tool, ...]:
    """What decides the counts, for keys."""
    return (Tool("package", "unicorn"), Tool("package", "pyelftools"))


def inputs() -> Mapping[str, Output]:
    """What a run needs besides the firmware: the block counter, compiled for the machine that we are on."""
    return {"block_table.so": _compiled(native_hook.SOURCE, "compile the simulator's block counter")}


def cycle_inputs() -> Mapping[str, Output]:
    """What an estimate of cycles needs besides: the model of a flash's caches."""
    return {"flash_model.so": _compiled(native_hook.FLASH_SOURCE, "compile the simulator's flash model")}


def guard_inputs() -> Mapping[str, Output]:
    """What a run needs besides that watches what layers write."""
    return {GUARD: _compiled(native_hook.GUARD_SOURCE, "compile the simulator's guard")}


def _compiled(source: Path, title: str) -> Output:
    name = f"{source.stem}.so"
    hook = Action(
        stage="compile",
        title=title,
        function=f"{native_hook.__name__}:build_hook",
        outputs=(name,),
        parameters={"triple": native_hook.host_triple()},
        inputs={source.name: SourceFile(source, f"targets/unicorn/{source.name}")},
        tools=(Tool("package", "ziglang"),),
    )
    return hook.output(name)


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Simulator:
    """A simulated chip; counts natively where `files` has `block_table.so`."""
    return Simulator(target, files.get("block_table.so"), files.get(GUARD))
