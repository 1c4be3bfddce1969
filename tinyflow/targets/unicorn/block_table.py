"""The table of executed blocks: what the hook in C counts while the firmware runs. It knows nothing of symbols."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from tinyflow.targets.blocks import EDGE_BYTES, Edge, read_edges
from tinyflow.targets.unicorn import native_hook

_FIRST_CAPACITY = 512  # edges, a power of two; a network's invoke has some hundred


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


class BlockTable:
    """Counts one call after the other on one engine: see `blocks.Table`."""

    def __init__(self, engine: Any, library: Path, is_riscv: bool) -> None:
        from unicorn import UC_HOOK_BLOCK
        from unicorn.unicorn_py3.unicorn import uclib

        libc = ctypes.CDLL(None)
        libc.calloc.restype = ctypes.c_void_p
        self._release = libc.free
        self._release.argtypes = (ctypes.c_void_p,)
        self._hook = ctypes.CDLL(str(library)).tf_count_block
        self._table = _NativeTable(
            edges=libc.calloc(ctypes.c_size_t(_FIRST_CAPACITY), ctypes.c_size_t(EDGE_BYTES)),
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
        """Forget everything before a call."""
        table = self._table
        ctypes.memset(table.edges, 0, table.capacity * EDGE_BYTES)
        table.used = table.instructions = table.last = table.last_size = table.is_over_limit = 0
        table.limit = limit_instructions

    @property
    def last(self) -> tuple[int, int]:
        """See `blocks.Table`."""
        return self._table.last, self._table.last_size

    @property
    def instructions(self) -> int:
        """See `blocks.Table`."""
        return int(self._table.instructions)

    @property
    def is_over_limit(self) -> bool:
        """Whether the run was stopped before a block that would have passed the limit."""
        if self._table.is_out_of_memory:
            raise MemoryError("the table of executed blocks")
        return bool(self._table.is_over_limit)

    def edges(self) -> list[Edge]:
        """See `blocks.Table`."""
        return read_edges(ctypes.string_at(self._table.edges, self._table.capacity * EDGE_BYTES))
