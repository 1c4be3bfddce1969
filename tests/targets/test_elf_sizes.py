"""What firmware takes, on firmware that is written down: every section and segment counts where it should, once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tinyflow.core.errors import RunError
from tinyflow.targets import elf
from tinyflow.targets.elf import Firmware, Section, Segment, Symbol

FLASH, RAM = 0x08000000, 0x20000000
MEMORY: list[dict[str, Any]] = [
    {"name": "flash", "kind": "flash", "origin": FLASH, "length_bytes": 0x1000},
    {"name": "ram", "kind": "ram", "origin": RAM, "length_bytes": 0x800},
    {"name": "more", "kind": "flash", "origin": 0x10000000, "length_bytes": 0x100},
]
FIRMWARE = Firmware(
    machine="EM_ARM",
    entry=FLASH + 1,
    segments=(
        Segment(FLASH, FLASH, bytes(200), 200),
        Segment(RAM, RAM, b"", 64),  # the stack
        Segment(RAM + 64, FLASH + 208, bytes(24), 24),  # data, behind a gap of 8
        Segment(RAM + 88, RAM + 88, b"", 100 + 40),  # zeros, heap
        Segment(0x10000000, 0x10000000, bytes(16), 16),
    ),
    sections=(
        Section(".text", FLASH, 120, True, False, True),
        Section(".rodata", FLASH + 120, 80, False, False, True),
        Section(".stack", RAM, 64, False, True, False),
        Section(".data", RAM + 64, 24, False, True, True),
        Section(".bss", RAM + 88, 100, False, True, False),
        Section(".heap", RAM + 188, 40, False, True, False),
    ),
    symbols=(
        Symbol("main", FLASH, 20, "function", ".text"),
        Symbol("memcpy", FLASH + 20, 0, "function", ".text"),
        Symbol("__aeabi_memcpy", FLASH + 20, 0, "function", ".text"),
        Symbol("loop", FLASH + 40, 0, "label", ".text"),
        Symbol("model_invoke", FLASH + 60, 20, "function", ".text"),
        Symbol("table", FLASH + 120, 80, "object", ".rodata"),
        Symbol("alias", FLASH + 120, 80, "object", ".rodata"),
        Symbol("also", RAM + 88, 80, "object", ".bss"),
    ),
    undefined=(),
)


def test_each_part_counts_once() -> None:
    """Stack and heap are set aside and no data; constants have the gap; a flash of its own counts as flash."""
    sizes = elf.sizes(FIRMWARE, MEMORY)
    assert {key: value for key, value in sizes.items() if key not in ("regions", "symbols")} == {
        "rom_bytes": 200 + 24 + 16,
        "rom_code": 120,
        "rom_rodata": 200 + 24 + 16 - 120 - 24,
        "rom_data": 24,
        "ram_data": 24,
        "ram_bss": 100,
    }
    assert sizes["regions"] == {
        "flash": {"used": 232, "size": 0x1000},
        "ram": {"used": 228, "size": 0x800},
        "more": {"used": 16, "size": 0x100},
    }
    host = elf.sizes(FIRMWARE, [])
    assert (host["rom_bytes"], host["rom_rodata"], host["regions"]) == (120 + 80 + 24, 80, {})


def test_the_largest_things_come_first_under_one_name() -> None:
    """Equal ones by name; what has no size is not listed."""
    named = [(entry["name"], entry["bytes"], entry["section"]) for entry in elf.sizes(FIRMWARE, MEMORY)["symbols"]]
    assert named == [
        ("also", 80, ".bss"),
        ("table", 80, ".rodata"),
        ("main", 20, ".text"),
        ("model_invoke", 20, ".text"),
    ]


@pytest.mark.parametrize(
    ("load_address", "counts"),
    [(FLASH - 1, False), (FLASH, True), (FLASH + 0xFFF, True), (FLASH + 0x1000, False), (RAM, False)],
)
def test_flash_begins_and_ends_where_it_does(load_address: int, counts: bool) -> None:
    """A byte before or behind belongs to nobody, and RAM is none."""
    one = replace(FIRMWARE, segments=(Segment(load_address, load_address, b"x", 1),), sections=())
    assert elf.sizes(one, MEMORY)["rom_bytes"] == counts
    assert elf.sizes(one, MEMORY)["regions"]["flash"]["used"] == (load_address - FLASH + 1 if counts else 0)


def test_a_function_is_found_by_its_addresses() -> None:
    """One of unknown size reaches to the next; labels are none; the first name stands for all."""
    found = {offset: FIRMWARE.function_at(FLASH + offset) for offset in (-1, 0, 19, 20, 59, 60, 79, 80)}
    names = {offset: None if function is None else function.name for offset, function in found.items()}
    assert names == {
        **{-1: None, 0: "main", 19: "main", 20: "memcpy"},
        **{59: "memcpy", 60: "model_invoke", 79: "model_invoke", 80: None},
    }
    assert [function.name for function in FIRMWARE.functions] == ["main", "memcpy", "model_invoke"]
    assert elf.place(FIRMWARE, FLASH + 0x2A) == "memcpy+0x16 (0x0800002a)"
    assert elf.place(FIRMWARE, 0x10) == "0x00000010"


def test_a_symbol_with_an_offset() -> None:
    """Decimal or hexadecimal; of equal names the first; an unknown one is an error that says why it may be."""
    assert FIRMWARE.address("table") == FLASH + 120
    assert FIRMWARE.address("table+8") == FIRMWARE.address("table+0x8") == FLASH + 128
    twice = replace(FIRMWARE, symbols=(*FIRMWARE.symbols, Symbol("table", RAM, 4, "object", ".data")))
    assert twice.address("table") == FLASH + 120
    with pytest.raises(RunError, match="no symbol tabel") as caught:
        FIRMWARE.address("tabel+8")
    assert "static" in caught.value.hint
