"""Caches in front of a chip's flash, followed while the firmware runs: how often it waits for a line."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


class _Flash(ctypes.Structure):
    """`struct tf_flash` of flash_model.c."""

    _fields_ = (
        ("instructions", _Lines),
        ("data", _Lines),
        ("begin", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("last_fetched", ctypes.c_uint64),
    )


class FlashModel:
    """Watches one engine. `cache` has instruction_lines, data_lines, line_bytes."""

    def __init__(self, engine: Any, library: Path, region: Mapping[str, Any], cache: Mapping[str, int]) -> None:
        from unicorn import UC_HOOK_BLOCK, UC_HOOK_MEM_READ
        from unicorn.unicorn_py3.unicorn import uclib

        functions = ctypes.CDLL(str(library))
        first, last = region["origin"], region["origin"] + region["length_bytes"] - 1
        self._flash = _Flash(begin=first, end=last + 1)
        for lines, count in ((self._flash.instructions, "instruction_lines"), (self._flash.data, "data_lines")):
            lines.count, lines.bytes = cache[count], cache["line_bytes"]
        self._kept = functions
        pointer = ctypes.cast(ctypes.pointer(self._flash), ctypes.c_void_p)
        ranges = ((UC_HOOK_BLOCK, functions.tf_fetch, 1, 0), (UC_HOOK_MEM_READ, functions.tf_load, first, last))
        engine.ctl_flush_tb()
        for kind, function, begin, end in ranges:
            handle = ctypes.byref(ctypes.c_size_t())
            limits = (ctypes.c_uint64(begin), ctypes.c_uint64(end))
            status = uclib.uc_hook_add(engine._uch, handle, kind, function, pointer, *limits)
            if status != 0:
                raise RuntimeError(f"uc_hook_add failed with {status}")

    @property
    def misses(self) -> int:
        """Lines that had to be waited for, of both kinds, so far."""
        return int(self._flash.instructions.misses + self._flash.data.misses)
