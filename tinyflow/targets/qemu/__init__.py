"""Target implementation: boards of QEMU's system emulators, for processors that the built-in simulator lacks.

QEMU runs the firmware; its GDB stub, on the standard streams, loads, calls, reads and writes; a plugin of ours counts.
Nothing of it is in the firmware.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.action import Tool
from tinyflow.targets.protocol import Capabilities, Machine
from tinyflow.targets.qemu import counter
from tinyflow.targets.qemu.boards import board


def capabilities(target: Mapping[str, Any]) -> Capabilities:
    """See `protocol`; a plugin counts."""
    made = board(target)
    tools = (Tool("binary", made.program, hint=made.package_hint), Tool("package", "pyelftools"))
    return Capabilities(tools, {counter.LIBRARY: counter.library()}, counts_calls=True)


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Machine:
    """A board of QEMU with the target's processor."""
    from tinyflow.targets.qemu.machine import Qemu

    return Qemu(target, files[counter.LIBRARY])
