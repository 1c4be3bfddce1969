"""Caches in front of a chip's flash, followed while the firmware runs: how often it waits for a line."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.targets.elf import addresses
from tinyflow.targets.unicorn import native_hook

_MOST_LINES = 1024  # MOST_LINES of flash_model.c


class _Lines(ctypes.Structure):
    """`struct tf_lines` of flash_model.c."""

    _fields_ = (
        ("line", ctypes.c_uint64 * _MOST_LINES),
        ("used", ctypes.c_uint64 * _MOST_LINES),
        ("now", ctypes.c_uint64),
        ("misses", ctypes.c_uint64),
        ("count", ctypes.c_uint32),
        ("ways", ctypes.c_uint32),
        ("bytes", ctypes.c_uint32),
    )


class FlashModel(ctypes.Structure):
    """`struct tf_flash` of flash_model.c; watches one engine. `timing` is that of a target's recipe, `flash_timing`."""

    instructions: _Lines
    data: _Lines
    _fields_ = (
        ("instructions", _Lines),
        ("data", _Lines),
        ("begin", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("last_fetched", ctypes.c_uint64),
        ("is_shared", ctypes.c_uint32),
        ("has_prefetch", ctypes.c_uint32),
    )

    def __init__(self, engine: Any, library: Path, region: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
        from unicorn import UC_HOOK_BLOCK, UC_HOOK_MEM_READ

        flash = addresses(region)
        is_shared = timing["data"] is None
        super().__init__(begin=flash.start, end=flash.stop, is_shared=is_shared, has_prefetch=timing["prefetch"])
        for lines, name in ((self.instructions, "instructions"), (self.data, "data")):
            cache = timing[name] or timing["instructions"]
            lines.count, lines.bytes = cache["lines"], timing["line_bytes"]
            lines.ways = cache["ways"] or cache["lines"]
        self._functions = ctypes.CDLL(str(library))
        native_hook.add(engine, UC_HOOK_BLOCK, self._functions.tf_fetch, self)
        native_hook.add(engine, UC_HOOK_MEM_READ, self._functions.tf_load, self, flash[0], flash[-1])

    @property
    def misses(self) -> int:
        """Lines that had to be waited for, of both kinds, so far."""
        return int(self.instructions.misses + self.data.misses)
