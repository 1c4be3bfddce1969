"""Executed blocks, straight-line code as a simulator translates it: the raw counts from which all else follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

_LONG_THUMB = 0x1D  # Armv7-M ARM, A5.1: the first halfword of a 4-byte instruction begins with 0b11101 or above
_LONG_RISCV = 3  # RISC-V ISA manual, 1.5: the lowest two bits of a 4-byte instruction


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


@dataclass(frozen=True)
class Piece:
    """What ran between two moments in which the dispatcher was in charge: one call of `callee`, all within included."""

    callee: str  # empty for the dispatcher's own instructions
    edges: tuple[Edge, ...]
    # lines that the flash's caches didn't hold; in a callee's piece or, without one, the dispatcher's
    flash_waits: int = 0

    @property
    def instructions(self) -> int:
        """Instructions retired in it."""
        return sum(edge.instructions * edge.executions for edge in self.edges)


def instruction_lengths(code: bytes, is_riscv: bool) -> list[int]:
    """Bytes of each instruction that begins in `code`."""
    lengths, offset = [], 0
    while offset + 1 < len(code):
        halfword = code[offset] | code[offset + 1] << 8
        is_long = halfword & 3 == _LONG_RISCV if is_riscv else halfword >> 11 >= _LONG_THUMB
        lengths.append(4 if is_long else 2)
        offset += lengths[-1]
    return lengths
