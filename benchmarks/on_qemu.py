"""Processors that only QEMU has: where their memory lies, and the counter that QEMU loads."""

from __future__ import annotations

from pathlib import Path

import kept

from tinyflow.targets.qemu import counter

PLACES = {
    "cortex-m55": (("flash", 0x01000000, 2 << 20), ("ram", 0x21000000, 4 << 20)),
    "rv32gcv": (("flash", 0x80000000, 1 << 20), ("ram", 0x80100000, 5 << 20)),
    "rv64gcv": (("flash", 0x80000000, 1 << 20), ("ram", 0x80100000, 5 << 20)),
    "cortex-a9": (("flash", 0x00100000, 2 << 20), ("ram", 0x00800000, 5 << 20)),
    "cortex-a72": (("flash", 0x40100000, 2 << 20), ("ram", 0x40800000, 5 << 20)),
    "xtensa-lx6": (("flash", 0x00100000, 2 << 20), ("ram", 0x00800000, 5 << 20)),
}


def plugin() -> Path:
    """QEMU's counter."""
    return kept.path(counter.library())
