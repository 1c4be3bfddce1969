"""Target implementation: the built-in simulator, Unicorn, with exact counts from a table of executed blocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import Output, Tool
from tinyflow.core.errors import UsageError
from tinyflow.targets.native import compiled
from tinyflow.targets.protocol import Capabilities, Machine

GUARD = "guard.so"
_TABLE = "block_table.so"


def capabilities(cpu: str, words: Mapping[str, Any]) -> Capabilities:
    """See `protocol`."""
    check_words(cpu, words)
    return Capabilities(
        tools=(Tool("package", "unicorn"), Tool("package", "pyelftools")),
        inputs={_TABLE: _looker("block_table.c", "block counter")},
        guard={GUARD: _looker("guard.c", "guard")},
        trace={"flash_model.so": _looker("flash_model.c", "flash model")},
    )


def check_words(cpu: str, words: Mapping[str, Any]) -> None:
    """Raise UsageError for a processor that the simulator lacks: without a `model` in its recipe."""
    if "model" not in words:
        hint = "its recipe says `machines: {unicorn: {model: …}}` where it has"
        raise UsageError(f"the built-in simulator has no {cpu}", hint=hint)


def _looker(source: str, what: str) -> Output:
    """What looks on, compiled for the machine that we are on."""
    return compiled(Path(__file__).with_name(source), f"compile the simulator's {what}")


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Machine:
    """A simulated chip."""
    from tinyflow.targets.unicorn.machine import Simulator

    return Simulator(target, files[_TABLE], files.get(GUARD))
