"""Target implementation: the built-in simulator, Unicorn, with exact counts from a table of executed blocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import Action, Output, SourceFile, Tool
from tinyflow.targets.unicorn import native_hook
from tinyflow.targets.unicorn.machine import Simulator


def tools() -> tuple[Tool, ...]:
    """What decides the counts, for keys."""
    return (Tool("package", "unicorn"), Tool("package", "pyelftools"))


def inputs() -> Mapping[str, Output]:
    """What a run needs besides the firmware: the block counter, compiled for the machine that we are on."""
    hook = Action(
        stage="compile",
        title="compile the simulator's block counter",
        function=f"{native_hook.__name__}:build_hook",
        outputs=("block_table.so",),
        parameters={"triple": native_hook.host_triple()},
        inputs={"block_table.c": SourceFile(native_hook.SOURCE, "targets/unicorn/block_table.c")},
        tools=(Tool("package", "ziglang"),),
    )
    return {"block_table.so": hook.output("block_table.so")}


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Simulator:
    """A simulated chip; counts natively where `files` has `block_table.so`."""
    return Simulator(target, files.get("block_table.so"))
