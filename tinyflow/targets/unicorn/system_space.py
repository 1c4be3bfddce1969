"""The page of system registers of a Cortex-M, as far as start-up code asks: it remembers what is written.

A core without its peripherals: no interrupt ever comes, SysTick doesn't count, caches and MPU have no effect.
"""

from __future__ import annotations

from typing import Any

_PAGE_BYTES = 0x1000
_CPUID = 0xD00  # Armv7-M ARM, B3.2.3
# Arm's Technical Reference Manuals: the CPUID of the revision that STM32 chips have.
_IDENTITIES = {
    "cortex-m0": 0x410CC200,
    "cortex-m0plus": 0x410CC601,
    "cortex-m3": 0x412FC231,
    "cortex-m4": 0x410FC241,
    "cortex-m7": 0x411FC270,
    "cortex-m33": 0x410FD214,
}


def map_system_space(engine: Any, address: int, cpu: str) -> None:
    """Map the system control space at `address` into a `unicorn.Uc`; registers are words, smaller accesses too."""
    registers = bytearray(_PAGE_BYTES)
    registers[_CPUID : _CPUID + 4] = _IDENTITIES[cpu].to_bytes(4, "little")

    def read(_engine: Any, offset: int, size: int, _: object) -> int:
        return int.from_bytes(registers[offset : offset + size], "little")

    def write(_engine: Any, offset: int, size: int, value: int, _: object) -> None:
        if offset & ~3 != _CPUID:
            registers[offset : offset + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    engine.mmio_map(address, _PAGE_BYTES, read, None, write, None)
