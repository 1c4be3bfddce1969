"""The plugin's table of executed blocks, shared with QEMU's process through a file."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from tinyflow.core.action import Output
from tinyflow.targets.blocks import EDGE_BYTES, Edge, read_edges
from tinyflow.targets.native import compiled

LIBRARY = "counter.so"
# `struct tf_table` of counter.c: instructions, limit, last, last_size, is_over_limit, used, is_full; then the edges.
_HEAD_FORMAT = "=QQQIIII"
_HEAD_BYTES = struct.calcsize(_HEAD_FORMAT)
_CAPACITY = 1 << 16
_TABLE_BYTES = _HEAD_BYTES + _CAPACITY * EDGE_BYTES


def library() -> Output:
    """The plugin, compiled for the machine that we are on; what it calls is found in QEMU's process."""
    return compiled(Path(__file__).with_name("counter.c"), "compile QEMU's block counter", has_libc=True)


class Table:
    """The counts of one process; it must be stopped while they are read or reset."""

    def __init__(self, path: Path) -> None:
        with path.open("wb+") as file:
            file.truncate(_TABLE_BYTES)
            self._memory = mmap.mmap(file.fileno(), _TABLE_BYTES)

    def _head(self) -> tuple[int, ...]:
        return struct.unpack_from(_HEAD_FORMAT, self._memory)

    @property
    def instructions(self) -> int:
        """See `blocks.Table`."""
        return self._head()[0]

    @property
    def last(self) -> tuple[int, int]:
        """See `blocks.Table`."""
        head = self._head()
        return head[2], head[3]

    @property
    def is_over_limit(self) -> bool:
        """Whether QEMU ended before a block that would have passed the limit."""
        return bool(self._head()[4])

    @property
    def is_full(self) -> bool:
        """Whether QEMU ended because the program has too many blocks."""
        return bool(self._head()[6])

    def reset(self, limit_instructions: int) -> None:
        """Forget everything before a call."""
        self._memory[:] = bytes(_TABLE_BYTES)
        struct.pack_into("=QQ", self._memory, 0, 0, limit_instructions)

    def edges(self) -> list[Edge]:
        """See `blocks.Table`."""
        return read_edges(self._memory[_HEAD_BYTES:])

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
