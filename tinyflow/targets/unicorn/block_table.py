"""The table of executed blocks: what the hook in C counts while the firmware runs. It knows nothing of symbols."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from tinyflow.targets.blocks import EDGE_BYTES, Edge, read_edges
from tinyflow.targets.unicorn import native_hook

_FIRST_CAPACITY = 512  # edges, a power of two; a network's invoke has some hundred


class BlockTable(ctypes.Structure):
    """`struct tf_table` of block_table.c; counts one call after the other on one engine: see `blocks.Table`."""

    instructions: int
    previous_address: int  # of the block before `last`
    _fields_ = (
        ("places", ctypes.c_void_p),
        ("capacity", ctypes.c_uint64),
        ("used", ctypes.c_uint64),
        ("instructions", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("last_address", ctypes.c_uint64),
        ("previous_address", ctypes.c_uint64),
        ("last_size", ctypes.c_uint32),
        ("is_riscv", ctypes.c_uint32),
        ("has_passed_limit", ctypes.c_uint32),
        ("is_out_of_memory", ctypes.c_uint32),
        ("read", ctypes.c_void_p),
        ("stop", ctypes.c_void_p),
        ("allocate", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
    )

    def __init__(self, engine: Any, library: Path, is_riscv: bool) -> None:
        from unicorn import UC_HOOK_BLOCK
        from unicorn.unicorn_py3.unicorn import uclib

        libc = ctypes.CDLL(None)
        libc.calloc.restype = ctypes.c_void_p
        self._free = libc.free
        self._free.argtypes = (ctypes.c_void_p,)
        self._hook = ctypes.CDLL(str(library)).tf_count_block
        super().__init__(
            places=libc.calloc(ctypes.c_size_t(_FIRST_CAPACITY), ctypes.c_size_t(EDGE_BYTES)),
            capacity=_FIRST_CAPACITY,
            is_riscv=is_riscv,
            read=native_hook.address(uclib.uc_mem_read),
            stop=native_hook.address(uclib.uc_emu_stop),
            allocate=native_hook.address(libc.calloc),
            release=native_hook.address(libc.free),
        )
        native_hook.add(engine, UC_HOOK_BLOCK, self._hook, self)

    def __del__(self) -> None:
        if hasattr(self, "_free"):
            self._free(self.places)

    def reset(self, limit_instructions: int) -> None:
        """Forget everything before a call."""
        ctypes.memset(self.places, 0, self.capacity * EDGE_BYTES)
        self.used = self.instructions = self.last_size = self.has_passed_limit = 0
        self.last_address = self.previous_address = 0
        self.limit = limit_instructions

    @property
    def address_of_instructions(self) -> int:
        """Where the count so far lies, for other hooks in C."""
        return ctypes.addressof(self) + int(vars(BlockTable)["instructions"].offset)

    @property
    def last(self) -> tuple[int, int]:
        """See `blocks.Table`."""
        return self.last_address, self.last_size

    @property
    def is_over_limit(self) -> bool:
        """Whether the run was stopped before a block that would have passed the limit."""
        if self.is_out_of_memory:
            raise MemoryError("the table of executed blocks")
        return bool(self.has_passed_limit)

    def edges(self) -> list[Edge]:
        """See `blocks.Table`."""
        return read_edges(self.snapshot())

    def snapshot(self) -> bytes:
        """The places as they are, for `blocks.edges_between`."""
        return ctypes.string_at(self.places, self.capacity * EDGE_BYTES)
