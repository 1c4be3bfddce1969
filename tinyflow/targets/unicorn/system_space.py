"""The system registers of a Cortex-M, as far as start-up code asks: they remember what is written.

A core without its peripherals: no interrupt ever comes, SysTick doesn't count, caches and MPU have no effect. The cycle
counter counts instructions, so that code which waits for it ends; it is nobody's measurement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_PAGE_BYTES = 0x1000
# Armv7-M Architecture Reference Manual (DDI 0403): C1.8 data watchpoint and trace unit, B3.2 system control space.
_WATCHPOINT_UNIT = 0xE0001000
_CYCCNT = 0x004
_SYSTEM_CONTROL = 0xE000E000
_CPUID = 0xD00


def map_system_space(engine: Any, cpuid: int, count: Callable[[], int]) -> None:
    """Map the registers of a CPU into a `unicorn.Uc`; `count` gives the instructions so far."""
    _map_page(engine, _SYSTEM_CONTROL, {_CPUID: lambda: cpuid})
    _map_page(engine, _WATCHPOINT_UNIT, {_CYCCNT: count})


def _map_page(engine: Any, address: int, read_only: dict[int, Callable[[], int]]) -> None:
    """Words and parts of words; what is written to a register of `read_only` is ignored."""
    registers = bytearray(_PAGE_BYTES)

    def read(_engine: Any, offset: int, size: int, _: object) -> int:
        word = offset & ~3
        if word in read_only:
            registers[word : word + 4] = (read_only[word]() & 0xFFFFFFFF).to_bytes(4, "little")
        return int.from_bytes(registers[offset : offset + size], "little")

    def write(_engine: Any, offset: int, size: int, value: int, _: object) -> None:
        registers[offset : offset + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    engine.mmio_map(address, _PAGE_BYTES, read, None, write, None)
