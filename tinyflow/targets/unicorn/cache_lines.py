"""Lines that a small memory in front of a larger one holds, for hooks in C."""

from __future__ import annotations

import ctypes

_HINTS = 1024  # HINTS of cache_lines.h


class Lines(ctypes.Structure):
    """`struct tf_lines` of cache_lines.h."""

    count: int
    bytes: int
    _fields_ = (
        ("line", ctypes.c_void_p),
        ("used", ctypes.c_void_p),
        ("now", ctypes.c_uint64),
        ("hint", ctypes.c_uint32 * _HINTS),
        ("count", ctypes.c_uint32),
        ("ways", ctypes.c_uint32),
        ("bytes", ctypes.c_uint32),
    )

    def open(self, count: int, ways: int, size_bytes: int) -> object:
        """Lines of so many bytes, all empty; `ways` divides their count. What is to be kept while they are used."""
        line, used = (ctypes.c_uint64 * count)(), (ctypes.c_uint64 * count)()
        self.line, self.used = ctypes.addressof(line), ctypes.addressof(used)
        self.count, self.ways, self.bytes = count, ways, size_bytes
        return line, used
