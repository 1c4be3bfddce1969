"""Target implementation: RV64 boards of QEMU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import Output, Tool
from tinyflow.targets.qemu import counter
from tinyflow.targets.qemu.boards import board
from tinyflow.targets.qemu.machine import Qemu

_PROGRAM = "qemu-system-riscv64"


def tools() -> tuple[Tool, ...]:
    """What decides the counts, for keys."""
    hint = "apt install qemu-system-misc (Debian and Ubuntu; versions 6 to 8)"
    return (Tool("binary", _PROGRAM, hint=hint), Tool("package", "pyelftools"))


def inputs() -> Mapping[str, Output]:
    """What a run needs besides the firmware: the plugin that counts."""
    return {counter.LIBRARY: counter.library()}


def check_cpu(cpu: str) -> None:
    """Raise UsageError for a processor that no board has."""
    board(cpu)


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Qemu:
    """A board of QEMU with the target's processor."""
    return Qemu(_PROGRAM, target, files[counter.LIBRARY])
