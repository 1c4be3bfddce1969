"""Pure parts of targets: instructions that read or write, calls that are counted, writes that are described."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from written_chip import WrittenChip

from tinyflow.targets.blocks import Edge, instruction_lengths
from tinyflow.targets.chip import THUMB, count_functions
from tinyflow.targets.disassembly import Instruction, count, disassembler
from tinyflow.targets.elf import Firmware, Segment, Symbol
from tinyflow.targets.protocol import FunctionCount
from tinyflow.targets.unicorn import block_table
from tinyflow.targets.write_limits import GuardedCall, Place, describe


def instruction(mnemonic: str, operands: str = "", is_riscv: bool = False, size: int = 2) -> Instruction:
    """One of them."""
    return Instruction(0, size, mnemonic, operands, is_riscv)


ARM = {
    "reads": "ldr ldr.w ldrb ldrsh ldrd ldm ldmia pop pop.w vldr vldmia vpop ldrex tbb tbh",
    "writes": "str str.w strb strd stm stmdb push push.w vstr vstmia vpush",
    "neither": "add lsl sub adds b bl cmp it mov vadd.f32 smlad s uxtb nop",
}
RISCV = {
    "reads": "lb lbu lh lhu lw c.lw c.lwsp flw c.flw c.flwsp lr.w",
    "writes": "sb sh sw c.sw c.swsp fsw c.fsw c.fswsp sc.w",
    "neither": "add lui addi c.addi c.li c.sub c.srli sll slli bne jal sub csrrw",
}


@pytest.mark.parametrize("is_riscv", [False, True])
def test_what_an_instruction_does_with_memory(is_riscv: bool) -> None:
    """By its name, whatever form of it; a list or a pair counts once."""
    for kind, names in (RISCV if is_riscv else ARM).items():
        for name in names.split():
            one = instruction(name, is_riscv=is_riscv)
            assert (one.reads, one.writes) == (kind == "reads", kind == "writes"), name
    assert count([instruction("ldr"), instruction("str"), instruction("pop"), instruction("add")]) == (2, 1)


CODE = bytes.fromhex("4018 0868 f8b5 70bf")  # adds, ldr, push, wfi


def test_code_is_found_where_the_program_sees_it() -> None:
    """By its address, not by where it lies in flash; nothing outside; Thumb and RISC-V by the machine."""
    segments = (Segment(0x100, 0x900, CODE, 8), Segment(0x200, 0x200, b"", 64))
    firmware = Firmware("EM_ARM", 0, segments, (), (), ())
    assert firmware.code(0x102, 4) == CODE[2:6] and firmware.code(0x100, 8) == firmware.code(0x100, 9) == CODE
    assert firmware.code(0xFF, 2) == firmware.code(0x900, 2) == firmware.code(0x200, 2) == b""
    found = disassembler(firmware)(0x100, 6)
    assert [(one.address, one.size, one.mnemonic) for one in found] == [
        *((0x100, 2, "adds"), (0x102, 2, "ldr"), (0x104, 2, "push"))
    ]
    assert not found[0].is_riscv and found[1].operands == "r0, [r1]"
    riscv = Firmware("EM_RISCV", 0, (Segment(0, 0, bytes.fromhex("1300 0000 0841"), 6),), (), (), ())
    decode = disassembler(riscv)
    assert [(one.size, one.mnemonic) for one in decode(0, 6)] == [(4, "nop"), (2, "c.lw")]
    assert decode(0, 6) is decode(0, 6) and decode(0, 6)[1].reads
    assert instruction_lengths(CODE + bytes.fromhex("00f0 01f8 ff"), "EM_ARM") == [2, 2, 2, 2, 4]
    assert instruction_lengths(bytes.fromhex("1300 0000 0841 0300"), "EM_RISCV") == [4, 2, 4]
    assert [instruction_lengths(bytes([0, high]), "EM_ARM") for high in (0xE7, 0xE8)] == [[2], [4]]


SYMBOLS = (
    Symbol("loop", 0x100, 0x20, "function", ".text"),
    Symbol("conv", 0x120, 0x10, "function", ".text"),
    Symbol("add", 0x130, 0x10, "function", ".text"),
    Symbol("table", 0x200, 8, "object", ".bss"),
)
FIRMWARE = Firmware("EM_ARM", 0, (), (), SYMBOLS, ())


def edge(
    source: int, address: int, executions: int = 1, size: int = 4, instructions: int = 2, source_size: int = 4
) -> Edge:
    """From one block to another."""
    return Edge(source, source_size, address, size, instructions, executions)


def test_functions_have_their_own_instructions_and_entries() -> None:
    """Most first, equal ones by name; a call of oneself is none, nor is a jump into the middle; the rest is `?`."""
    edges = [
        *(edge(0, 0x100), edge(0x104, 0x120, 3), edge(0x124, 0x120, 5), edge(0x120, 0x128, 2, instructions=7)),
        *(edge(0x124, 0x104, 3), edge(0x108, 0x134, 4), edge(0x900, 0x904, 1, instructions=8)),
    ]
    assert list(count_functions(edges, FIRMWARE).items()) == [
        ("conv", FunctionCount(3 * 2 + 5 * 2 + 2 * 7, 3)),
        ("?", FunctionCount(8, 0)),
        ("add", FunctionCount(8, 0)),
        ("loop", FunctionCount(8, 1)),
    ]


def test_calls_of_a_dispatcher_are_counted() -> None:
    """Taken, from within it, to a function's beginning; 0 where the firmware lacks one of them."""
    edges = [
        *(edge(0x100, 0x120, 3), edge(0x11E, 0x130, 2), edge(0x120, 0x130, 7), edge(0xFE, 0x120, 9)),
        *(edge(0x104, 0x124, 5), edge(0x11C, 0x120, 11)),
    ]
    chip = WrittenChip(THUMB, {}, {}, (0, 0), 0)
    chip.firmware, chip.table = FIRMWARE, cast(Any, SimpleNamespace(edges=lambda: edges))
    wanted = ("loop", ("conv", "add"))
    assert chip.calls_begun(*wanted) == 3 + 2
    assert chip.calls_begun("loop", ("add",)) == 2
    assert chip.calls_begun("loop", ("conv", "gone")) == 0
    assert chip.calls_begun("gone", ("conv",)) == 0


@pytest.mark.parametrize(
    ("address", "size", "what"),
    [
        (0x20C, 4, "writes 4 bytes at 0x0000020c, 4 bytes before out, into in"),
        (0x220, 1, "writes 1 bytes at 0x00000220, right behind the end of out"),
        (0x223, 1, "writes 1 bytes at 0x00000223, 3 bytes behind the end of out"),
        (0x21E, 4, "writes 4 bytes at 0x0000021e, over the end of out"),
        (0x240, 2, "writes 2 bytes at 0x00000240, 16 bytes before scratch"),
        (0x20F, 2, "writes 2 bytes at 0x0000020f, 1 bytes before out, into in"),
        (0x204, 1, "writes 1 bytes at 0x00000204, 12 bytes before out, in table+4"),
        (0x208, 1, "writes 1 bytes at 0x00000208, 8 bytes before out, into in"),
    ],
)
def test_a_write_is_described_by_what_is_near(address: int, size: int, what: str) -> None:
    """The nearest thing that may be written, whose bytes were hit, and what may be written at all."""
    call = GuardedCall(
        "conv", (Place("out", "table+16", 16), Place("scratch", "table+0x50", 4)), (Place("in", "table+8", 8),)
    )
    told, mine = describe(FIRMWARE, call, address, size)
    assert told == what
    assert mine == "conv may write out (16 bytes at 0x00000210), scratch (4 bytes at 0x00000250) and the stack"
    nothing = describe(FIRMWARE, replace(call, writable=()), 0x300, 1)
    assert nothing == ("writes 1 bytes at 0x00000300", "conv may write nothing and the stack")


def test_a_table_of_blocks_is_empty_at_first(block_table_library: Path) -> None:
    """Before anything is asked of it."""
    import unicorn

    engine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
    table = block_table.BlockTable(engine, block_table_library, False)
    assert (table.last, table.instructions, table.is_over_limit, table.edges()) == ((0, 0), 0, False, [])
