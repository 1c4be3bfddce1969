"""Executed blocks, straight-line code as a simulator translates it: the raw counts from which all else follows."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

_LONG_THUMB = 0x1D  # Armv7-M ARM, A5.1: the first halfword of a 4-byte instruction begins with 0b11101 or above
_LONG_RISCV = 3  # RISC-V ISA manual, 1.5: the lowest two bits of a 4-byte instruction
_SHORT_XTENSA = 8  # Xtensa ISA manual, 7.2: op0, the lowest four bits, is 8 or above in an instruction of two bytes


class Edge(NamedTuple):
    """How often `address` ran right after `from_address` (0: the call began here). Sizes are in bytes."""

    from_address: int
    from_size: int
    address: int
    size: int
    instructions: int  # in one execution; IT, and instructions whose condition fails, count as any other
    executions: int

    @property
    def is_taken(self) -> bool:
        """Whether control jumped here, by a branch, call or return, instead of falling through."""
        return self.from_address + self.from_size != self.address


# `struct tf_edge` of block_table.c and counter.c: from, address, executions, from_size, size, instructions, is_used.
_EDGE_FORMAT = "=QQQIIII"
EDGE_BYTES = struct.calcsize(_EDGE_FORMAT)


def read_edges(places: bytes) -> list[Edge]:
    """Every edge of a table in C that was executed, in a fixed order."""
    return sorted(
        Edge(from_address, from_size, address, size, instructions, executions)
        for from_address, address, executions, from_size, size, instructions, _ in struct.iter_unpack(
            _EDGE_FORMAT, places
        )
        if executions
    )


def edges_between(before: bytes, after: bytes) -> list[Edge]:
    """What was executed between two moments of one table in C, in a fixed order."""
    import numpy as np

    old, new = (np.frombuffer(places, np.uint8).reshape(-1, EDGE_BYTES) for places in (before, after))
    if len(old) == len(new):  # else the table has grown, and every edge has a new place
        changed = (old != new).any(axis=1)
        before, after = old[changed].tobytes(), new[changed].tobytes()
    known = {edge[:5]: edge.executions for edge in read_edges(before)}
    return [
        edge._replace(executions=count)
        for edge in read_edges(after)
        if (count := edge.executions - known.get(edge[:5], 0))
    ]


class Table(Protocol):
    """What was counted since the last call began."""

    @property
    def last(self) -> tuple[int, int]:
        """Address and bytes of the block that was entered last; (0, 0) before the first."""

    @property
    def instructions(self) -> int:
        """Instructions in all blocks."""

    def edges(self) -> list[Edge]:
        """Everything that ran, in a fixed order."""


# machine → bytes of the instruction that begins with a halfword
_LENGTHS: Mapping[str, Callable[[int], int]] = {
    "EM_ARM": lambda halfword: 4 if halfword >> 11 >= _LONG_THUMB else 2,
    "A32": lambda _: 4,
    "EM_AARCH64": lambda _: 4,
    "EM_RISCV": lambda halfword: 4 if halfword & 3 == _LONG_RISCV else 2,
    "EM_XTENSA": lambda halfword: 2 if halfword & 15 >= _SHORT_XTENSA else 3,
}


@dataclass(frozen=True)
class Piece:
    """What ran between two moments in which the dispatcher was in charge: one call of `callee`, all within included."""

    callee: str  # empty for the dispatcher's own instructions
    edges: tuple[Edge, ...]
    # function → lines that the flash's caches didn't hold
    flash_waits: Mapping[str, int] = field(default_factory=dict)

    @property
    def instructions(self) -> int:
        """Instructions retired in it."""
        return sum(edge.instructions * edge.executions for edge in self.edges)


def instruction_lengths(code: bytes, machine: str) -> list[int]:
    """Bytes of each instruction that begins in `code`; `machine` as ELF headers name it, or A32."""
    length_of = _LENGTHS[machine]
    lengths, offset = [], 0
    while offset + 1 < len(code):
        lengths.append(length_of(code[offset] | code[offset + 1] << 8))
        offset += lengths[-1]
    return lengths
