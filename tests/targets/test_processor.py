"""The built-in simulator's processors and pages, without any firmware: values by the manuals, pages by arithmetic."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from processors import described
from unicorn import arm_const, riscv_const

from tinyflow.core.errors import UsageError
from tinyflow.targets.chip import RISCV, THUMB
from tinyflow.targets.unicorn.faults import Events
from tinyflow.targets.unicorn.memory_map import map_memory
from tinyflow.targets.unicorn.processor import processor
from tinyflow.targets.unicorn.system_space import map_system_space


def test_every_processor_says_what_it_is() -> None:
    """Word for word; calls begin with all general registers 0 but those of the start-up code."""
    arm, riscv = processor(described("cortex-m4")), processor(described("rv32imc"))
    assert arm.instruction_set is THUMB
    assert riscv.instruction_set is RISCV
    assert (THUMB.machine, THUMB.is_riscv, THUMB.code_bit, THUMB.stack_alignment) == ("EM_ARM", False, 1, 8)
    assert (RISCV.machine, RISCV.is_riscv, RISCV.code_bit, RISCV.stack_alignment) == ("EM_RISCV", True, 0, 16)
    assert [arm.register(name) for name in THUMB.others] == [arm_const.UC_ARM_REG_R0 + i for i in range(13)]
    assert {riscv.register(name) for name in RISCV.others} == {riscv_const.UC_RISCV_REG_X0 + i for i in range(5, 32)}
    assert [arm.register(name) for name in ("pc", "sp", THUMB.link, THUMB.result)] == [
        *(arm_const.UC_ARM_REG_PC, arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_LR, arm_const.UC_ARM_REG_R0),
    ]
    assert [riscv.register(name) for name in ("pc", "sp", RISCV.link, RISCV.result)] == [
        *(riscv_const.UC_RISCV_REG_PC, riscv_const.UC_RISCV_REG_X2),
        *(riscv_const.UC_RISCV_REG_X1, riscv_const.UC_RISCV_REG_X10),
    ]
    cores = [f"cortex-{core}" for core in ("m0plus", "m3", "m4", "m7", "m33")]
    assert len({processor(described(cpu)).model for cpu in cores}) == len(cores)
    with pytest.raises(UsageError, match="the built-in simulator has no cortex-m55"):
        processor(described("cortex-m55"))
    unknown = {**described("cortex-m4"), "machine": {"model": "UC_CPU_ARM_CORTEX_M99", "cpuid": 0}}
    with pytest.raises(UsageError, match='has no model "UC_CPU_ARM_CORTEX_M99"'):
        processor(unknown)


class Engine:
    """Notes what is mapped into it."""

    def __init__(self) -> None:
        self.maps: list[tuple[int, ...]] = []
        self.fills: list[tuple[int, bytes]] = []
        self.hooks: list[tuple[Any, int, int]] = []
        self.pages: dict[int, tuple[Any, Any]] = {}
        self.stops = 0

    def mem_map(self, *words: int) -> None:
        """See `unicorn.Uc`."""
        self.maps.append(words)

    def mem_write(self, address: int, data: bytes) -> None:
        """See `unicorn.Uc`."""
        self.fills.append((address, data))

    def hook_add(self, _kind: int, look: Any, *, begin: int, end: int) -> None:
        """See `unicorn.Uc`."""
        self.hooks.append((look, begin, end))

    def emu_stop(self) -> None:
        """See `unicorn.Uc`."""
        self.stops += 1

    def mmio_map(self, address: int, size: int, read: Any, _1: object, write: Any, _2: object) -> None:
        """See `unicorn.Uc`."""
        assert size == 0x1000
        self.pages[address] = read, write


def region(kind: str, origin: int, length_bytes: int) -> dict[str, Any]:
    """Of a target's memory."""
    return {"name": kind, "kind": kind, "origin": origin, "length_bytes": length_bytes}


@pytest.mark.parametrize("is_riscv", [False, True])
def test_pages_are_mapped_and_gaps_in_them_guarded(is_riscv: bool) -> None:
    """Neighbours of one kind at once; what begins before a gap and reaches into it is refused, what ends there not."""
    from unicorn import UC_MEM_READ, UC_MEM_READ_UNMAPPED, UC_MEM_WRITE, UC_MEM_WRITE_UNMAPPED

    engine, events = Engine(), cast(Any, SimpleNamespace(access=None))
    regions = [region("ram", 0x20000100, 0x1000), region("flash", 0, 0x2000), region("ram", 0x20002000, 0xF00)]
    map_memory(engine, regions, events, is_riscv=is_riscv)
    assert engine.maps == [(0, 0x2000, 1 | 4), (0x20000000, 0x3000, 1 | 2)]
    filler = b"\x00" if is_riscv else b"\xde"
    gaps = [(0x20000000, 0x100), (0x20001100, 0xF00), (0x20002F00, 0x100)]
    assert engine.fills == [(begin, filler * size) for begin, size in gaps]
    assert [(begin, end) for _, begin, end in engine.hooks] == [(b - 15, b + size - 1) for b, size in gaps]
    look = engine.hooks[1][0]
    look(engine, UC_MEM_READ, 0x200010FC, 4, 0, None)
    assert (events.access, engine.stops) == (None, 0)
    look(engine, UC_MEM_READ, 0x200010FD, 4, 0, None)
    assert (tuple(events.access), engine.stops) == ((UC_MEM_READ_UNMAPPED, 0x200010FD, 4), 1)
    look(engine, UC_MEM_WRITE, 0x20001100, 1, 0, None)
    assert (tuple(events.access), engine.stops) == ((UC_MEM_WRITE_UNMAPPED, 0x20001100, 1), 2)
    with pytest.raises(UsageError, match="share the 4096 bytes from 0x00001000 on"):
        map_memory(Engine(), [region("flash", 0, 0x1001), region("ram", 0x1800, 8)], Events(), is_riscv=False)


def test_system_registers_remember_and_identify() -> None:
    """Words and parts of words; the processor's identity and the count of instructions are not written."""
    engine = Engine()
    map_system_space(engine, described("cortex-m7")["machine"]["cpuid"], lambda: 0x1_2345_6789)
    assert sorted(engine.pages) == [0xE0001000, 0xE000E000]
    read, write = engine.pages[0xE000E000]
    write(engine, 0xD08, 4, 0x08000400, None)
    write(engine, 0xD09, 1, 0x1AB, None)
    assert [read(engine, at, size, None) for at, size in ((0xD08, 4), (0xD09, 1), (0xD08, 2), (0xD0C, 4))] == [
        *(0x0800AB00, 0xAB, 0xAB00, 0)
    ]
    write(engine, 0xD00, 4, 7, None)
    assert [read(engine, 0xD00, 4, None), read(engine, 0xD02, 2, None)] == [0x411FC271, 0x411F]
    count, _ = engine.pages[0xE0001000]
    assert (count(engine, 4, 4, None), count(engine, 8, 4, None)) == (0x23456789, 0)
    for cpu, part in (
        ("m0plus", 0x410CC601),
        ("m3", 0x412FC231),
        ("m4", 0x410FC241),
        ("m33", 0x410FD214),
    ):
        other = Engine()
        map_system_space(other, described(f"cortex-{cpu}")["machine"]["cpuid"], lambda: 0)
        assert other.pages[0xE000E000][0](other, 0xD00, 4, None) == part
