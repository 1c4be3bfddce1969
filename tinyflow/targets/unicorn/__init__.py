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
ACCESSES = "accesses.so"
_TABLE = "block_table.so"


def capabilities(target: Mapping[str, Any]) -> Capabilities:
    """See `protocol`."""
    words_for(target)
    return Capabilities(
        tools=(Tool("package", "unicorn"), Tool("package", "pyelftools")),
        inputs={_TABLE: _looker("block_table.c", "block counter")},
        guard={GUARD: _looker("guard.c", "guard")},
        trace={"flash_model.so": _looker("flash_model.c", "flash model", "cache_lines.h")},
        accesses={ACCESSES: _looker("accesses.c", "watch over accesses", "cache_lines.h")},
    )


def words_for(target: Mapping[str, Any]) -> Mapping[str, Any]:
    """`model`, a constant of Unicorn's, and `cpuid` of a Cortex-M.

    Raises UsageError for a processor that the simulator lacks: one whose recipe has none.
    """
    words: Mapping[str, Any] = target.get("machine", {})
    if "model" not in words:
        hint = "its recipe says `simulators: {unicorn: {model: …}}` where it has"
        raise UsageError(f"the built-in simulator has no {target['cpu']}", hint=hint)
    return words


def _looker(source: str, what: str, *more: str) -> Output:
    """What looks on, compiled for the machine that we are on; `more` headers."""
    headers = [] if source == "block_table.c" else ["it_block.h", *more]
    return compiled(Path(__file__).with_name(source), f"compile the simulator's {what}", headers=headers)


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Machine:
    """A simulated chip."""
    from tinyflow.targets.unicorn.machine import Simulator

    return Simulator(target, files[_TABLE], files.get(GUARD))
