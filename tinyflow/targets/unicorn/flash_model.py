"""Caches in front of a chip's flash, followed while the firmware runs: how often it waits for a line."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.targets.elf import addresses
from tinyflow.targets.unicorn import native_hook

_MOST_LINES = 128  # MOST_LINES of flash_model.c


class _Lines(ctypes.Structure):
    """`struct tf_lines` of flash_model.c."""

    _fields_ = (
        ("line", ctypes.c_uint64 * _MOST_LINES),
        ("used", ctypes.c_uint64 * _MOST_LINES),
        ("now", ctypes.c_uint64),
        ("misses", ctypes.c_uint64),
        ("count", ctypes.c_uint32),
        ("bytes", ctypes.c_uint32),
    )


class FlashModel(ctypes.Structure):
    """`struct tf_flash` of flash_model.c; watches one engine. `cache` has instruction_lines, data_lines, line_bytes."""

    instructions: _Lines
    data: _Lines
    _fields_ = (
        ("instructions", _Lines),
        ("data", _Lines),
        ("begin", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("last_fetched", ctypes.c_uint64),
    )

    def __init__(self, engine: Any, library: Path, region: Mapping[str, Any], cache: Mapping[str, int]) -> None:
        from unicorn import UC_HOOK_BLOCK, UC_HOOK_MEM_READ

        flash = addresses(region)
        super().__init__(begin=flash.start, end=flash.stop)
        for lines, count in ((self.instructions, "instruction_lines"), (self.data, "data_lines")):
            lines.count, lines.bytes = cache[count], cache["line_bytes"]
        self._functions = ctypes.CDLL(str(library))
        native_hook.add(engine, UC_HOOK_BLOCK, self._functions.tf_fetch, self)
        native_hook.add(engine, UC_HOOK_MEM_READ, self._functions.tf_load, self, flash[0], flash[-1])

    @property
    def misses(self) -> int:
        """Lines that had to be waited for, of both kinds, so far."""
        return int(self.instructions.misses + self.data.misses)
