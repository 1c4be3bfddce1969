"""From an address to the line of the source that it came from, where the firmware was compiled with -g (DWARF)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from elftools.common.exceptions import DWARFError, ELFError
from elftools.elf.elffile import ELFFile

# How clang says why it put a trap there (-fsanitize-trap): the name of a function that is inlined at the trap.
_TRAP = "__clang_trap_msg$"


def source_line(path: Path, address: int) -> str:
    """`in/src/c/add.c:12:7`, with why there is a trap; empty where the firmware doesn't tell."""
    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            if not elf.has_dwarf_info(strict=True):
                return ""
            for unit in elf.get_dwarf_info().iter_CUs():
                found = _line(unit, address)
                if found:
                    return found
    except (ELFError, DWARFError, LookupError, ValueError, TypeError, AttributeError, AssertionError):
        pass  # a fault is told all the same
    return ""


def _line(unit: Any, address: int) -> str:
    program = unit.dwarfinfo.line_program_for_CU(unit)
    if program is None:
        return ""
    for state, following in _rows(program):
        if state.address <= address < following.address:
            trap = _trap(unit, program, address)
            return trap or f"{_file(program, state.file)}:{state.line}:{state.column}"
    return ""


def _rows(program: Any) -> Iterator[tuple[Any, Any]]:
    """Each row with the one behind it; not of functions that were left out of the link: those begin at 0."""
    before, is_linked = None, False
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if before is None:
            is_linked = state.address > 1
        elif is_linked and state.address > before.address:
            yield before, state
        before = None if state.end_sequence else state


def _trap(unit: Any, program: Any, address: int) -> str:
    """Where a trap of clang's was put, and why: `in/a.c:3:5: signed integer addition overflow in 'a + b'`."""
    for entry in unit.iter_DIEs():
        attributes = entry.attributes
        if entry.tag != "DW_TAG_inlined_subroutine" or "DW_AT_low_pc" not in attributes:
            continue
        begin = attributes["DW_AT_low_pc"].value
        name = entry.get_DIE_from_attribute("DW_AT_abstract_origin").attributes.get("DW_AT_name")
        if begin <= address < begin + attributes["DW_AT_high_pc"].value and name is not None:
            text = name.value.decode(errors="replace")
            if text.startswith(_TRAP):
                file = _file(program, attributes["DW_AT_call_file"].value)
                place = f"{file}:{attributes['DW_AT_call_line'].value}:{attributes['DW_AT_call_column'].value}"
                return f"{place}: {text.rpartition('$')[2]}"
    return ""


def _file(program: Any, index: int) -> str:
    """A file's name; from DWARF 5 on they are counted from 0."""
    header = program.header
    files = header["file_entry"]
    entry = files[index if header["version"] >= 5 else index - 1]
    folders = header["include_directory"]
    folder = folders[entry.dir_index] if header["version"] >= 5 else b""
    name = entry.name.decode(errors="replace")
    parent = folder.decode(errors="replace") if isinstance(folder, bytes) else ""
    return name if name.startswith("/") or parent in ("", ".") else f"{parent}/{name}".removeprefix("./")
