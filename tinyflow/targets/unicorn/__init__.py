"""Target implementation: the built-in simulator, Unicorn, with exact counts from a table of executed blocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.targets.unicorn.machine import Simulator


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Simulator:
    """A simulated chip; counts natively where `files` has `block_table.so`."""
    return Simulator(target, files.get("block_table.so"))
