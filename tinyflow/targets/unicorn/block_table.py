"""The table of executed blocks: what the hook counts while the firmware runs, in C or, where there is no C, in Python.

This module owns both counters and knows nothing of symbols.
"""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path
from typing import Any, Protocol

from tinyflow.targets.blocks import Edge as Edge
from tinyflow.targets.blocks import instruction_lengths as instruction_lengths
from tinyflow.targets.unicorn import native_hook

_FIRST_CAPACITY = 512  # edges, a power of two; a network's invoke has some hundred


class BlockTable(Protocol):
    """Counts one call after the other on one engine."""

    @property
    def last(self) -> tuple[int, int]:
        """Address and bytes of the block that was entered last; (0, 0) before the first."""

    @property
    def instructions(self) -> int:
        """Instructions in all blocks since `reset`."""

    @property
    def is_over_limit(self) -> bool:
        """Whether the run was stopped before a block that would have passed the limit."""

    def reset(self, limit_instructions: int) -> None:
        """Forget everything before a call."""

    def edges(self) -> list[Edge]:
        """Everything that ran since `reset`, in a fixed order."""


def attach(engine: Any, library: Path | None, is_riscv: bool) -> BlockTable:
    """Begin counting on a `unicorn.Uc`: natively where `library` is given, else about a hundred times slower."""
    return NativeBlockTable(engine, library, is_riscv) if library else PythonBlockTable(engine, is_riscv)


# `struct tf_edge` of block_table.c: from, address, executions, from_size, size, instructions, is_used.
_EDGE_FORMAT = "=QQQIIII"
_EDGE_BYTES = struct.calcsize(_EDGE_FORMAT)


class _NativeTable(ctypes.Structure):
    """`struct tf_table` of block_table.c."""

    _fields_ = (
        ("edges", ctypes.c_void_p),
        ("capacity", ctypes.c_uint64),
        ("used", ctypes.c_uint64),
        ("instructions", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("last", ctypes.c_uint64),
        ("last_size", ctypes.c_uint32),
        ("is_riscv", ctypes.c_uint32),
        ("is_over_limit", ctypes.c_uint32),
        ("is_out_of_memory", ctypes.c_uint32),
        ("read", ctypes.c_void_p),
        ("stop", ctypes.c_void_p),
        ("allocate", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
    )


class NativeBlockTable:
    """The table of block_table.c; Unicorn calls it without Python in between."""

    def __init__(self, engine: Any, library: Path, is_riscv: bool) -> None:
        from unicorn import UC_HOOK_BLOCK
        from unicorn.unicorn_py3.unicorn import uclib

        libc = ctypes.CDLL(None)
        libc.calloc.restype = ctypes.c_void_p
        self._release = libc.free
        self._release.argtypes = (ctypes.c_void_p,)
        self._hook = ctypes.CDLL(str(library)).tf_count_block
        self._table = _NativeTable(
            edges=libc.calloc(ctypes.c_size_t(_FIRST_CAPACITY), ctypes.c_size_t(_EDGE_BYTES)),
            capacity=_FIRST_CAPACITY,
            is_riscv=is_riscv,
            read=native_hook.address(uclib.uc_mem_read),
            stop=native_hook.address(uclib.uc_emu_stop),
            allocate=native_hook.address(libc.calloc),
            release=native_hook.address(libc.free),
        )
        native_hook.add(engine, UC_HOOK_BLOCK, self._hook, self._table)

    def __del__(self) -> None:
        if hasattr(self, "_table"):
            self._release(self._table.edges)

    def reset(self, limit_instructions: int) -> None:
        """See `BlockTable`."""
        table = self._table
        ctypes.memset(table.edges, 0, table.capacity * _EDGE_BYTES)
        table.used = table.instructions = table.last = table.last_size = table.is_over_limit = 0
        table.limit = limit_instructions

    @property
    def last(self) -> tuple[int, int]:
        """See `BlockTable`."""
        return self._table.last, self._table.last_size

    @property
    def instructions(self) -> int:
        """See `BlockTable`."""
        return int(self._table.instructions)

    @property
    def is_over_limit(self) -> bool:
        """See `BlockTable`."""
        if self._table.is_out_of_memory:
            raise MemoryError("the table of executed blocks")
        return bool(self._table.is_over_limit)

    def edges(self) -> list[Edge]:
        """See `BlockTable`."""
        size = self._table.capacity * _EDGE_BYTES
        places = struct.iter_unpack(_EDGE_FORMAT, ctypes.string_at(self._table.edges, size))
        return sorted(
            Edge(from_address, from_size, address, size, instructions, executions)
            for from_address, address, executions, from_size, size, instructions, _ in places
            if executions
        )


class PythonBlockTable:
    """The same counts by a Python callback, for machines on which the C hook can't be built."""

    def __init__(self, engine: Any, is_riscv: bool) -> None:
        from unicorn import UC_HOOK_BLOCK

        self._is_riscv = is_riscv
        self._instructions_of: dict[tuple[int, int], int] = {}
        self.reset(0)
        engine.hook_add(UC_HOOK_BLOCK, self._count)

    def reset(self, limit_instructions: int) -> None:
        """See `BlockTable`."""
        self._executions: dict[tuple[int, int, int, int], int] = {}
        self._limit = limit_instructions
        self.last: tuple[int, int] = (0, 0)
        self.instructions = 0
        self.is_over_limit = False

    def _count(self, engine: Any, address: int, size: int, _: object) -> None:
        if (address, size) not in self._instructions_of:
            code = bytes(engine.mem_read(address, size))
            self._instructions_of[address, size] = len(instruction_lengths(code, self._is_riscv))
        key = (*self.last, address, size)
        self.last = (address, size)
        if self.instructions + self._instructions_of[address, size] > self._limit:
            self.is_over_limit = True
            engine.emu_stop()
            return
        self.instructions += self._instructions_of[address, size]
        self._executions[key] = self._executions.get(key, 0) + 1

    def edges(self) -> list[Edge]:
        """See `BlockTable`."""
        return sorted(
            Edge(*key, self._instructions_of[key[2:]], executions) for key, executions in self._executions.items()
        )
