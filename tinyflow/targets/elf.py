"""Firmware as an ELF file: what to load where, what lies where, and how many bytes of flash and RAM it takes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from tinyflow.core.errors import RunError, ToolError

_Parsed = TypeVar("_Parsed")
_ARM = "EM_ARM"
_WRITABLE, _ALLOCATED, _EXECUTABLE = 1, 2, 4  # of a section's flags (System V ABI, figure 4-11)
_KINDS = {"STT_FUNC": "function", "STT_OBJECT": "object", "STT_NOTYPE": "label"}
# What the linker script sets aside for use at run time; measured there, not counted as data.
_RESERVES = (".stack", ".heap")
_GIVEN_ALIGNMENT = 16


@dataclass(frozen=True)
class Segment:
    """Bytes to load at `load_address` (where they lie in flash) that the program sees at `address`."""

    address: int
    load_address: int
    data: bytes
    size_bytes: int  # in memory; zeros follow `data`


@dataclass(frozen=True)
class Section:
    """A part of memory of one kind."""

    name: str
    address: int
    size_bytes: int
    is_code: bool
    is_writable: bool
    has_bytes: bool  # in the file; else zeros, or set aside


@dataclass(frozen=True)
class Symbol:
    """A named address; `kind` is function, object or label. Thumb's lowest bit is taken off a function's address."""

    name: str
    address: int
    size_bytes: int
    kind: str
    section: str

    @property
    def addresses(self) -> range:
        """Where it lies; of an unknown size, the first byte."""
        return range(self.address, self.address + max(self.size_bytes, 1))


@dataclass(frozen=True)
class Firmware:
    """All that is asked of an ELF file, read once."""

    machine: str  # pyelftools' word: EM_ARM, EM_RISCV, EM_X86_64, …
    entry: int  # as the file has it: with the lowest bit set for Thumb
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]  # by address; some share one
    undefined: tuple[str, ...]

    @cached_property
    def _named(self) -> dict[str, Symbol]:
        return {symbol.name: symbol for symbol in reversed(self.symbols)}

    @cached_property
    def functions(self) -> tuple[Symbol, ...]:
        """Functions by address, one name for each: `memcpy` rather than `__aeabi_memcpy4`."""
        first: dict[int, Symbol] = {}
        for symbol in self.symbols:
            if symbol.kind == "function":
                first.setdefault(symbol.address, symbol)
        return tuple(first.values())

    def symbol(self, name: str) -> Symbol:
        """The symbol of that name. Raises RunError where the firmware has none."""
        if name not in self._named:
            raise RunError(f"the firmware has no symbol {name}", hint="is it static, or dropped as unused?")
        return self._named[name]

    def address(self, expression: str) -> int:
        """The address of `symbol` or `symbol+offset`. Raises RunError where the firmware has no such symbol."""
        name, _, offset = expression.partition("+")
        return self.symbol(name).address + int(offset or "0", 0)

    def function_at(self, address: int) -> Symbol | None:
        """The function that an address lies in; one whose size is unknown reaches to the next."""
        index = bisect_right(self.functions, address, key=attrgetter("address")) - 1
        if index < 0:
            return None
        function = self.functions[index]
        is_inside = not function.size_bytes or address < function.address + function.size_bytes
        return function if is_inside else None

    def code(self, address: int, size: int) -> bytes:
        """Bytes of the program as it sees them, up to the end of what the file has there."""
        for segment in self.segments:
            if segment.address <= address < segment.address + len(segment.data):
                return segment.data[address - segment.address :][:size]
        return b""


def place(firmware: Firmware, address: int) -> str:
    """An address for people: `conv_3+0x1c (0x08001234)`."""
    function = firmware.function_at(address)
    return f"{function.name}+0x{address - function.address:x} (0x{address:08x})" if function else f"0x{address:08x}"


def read(path: Path) -> Firmware:
    """Read a linked ELF file. Raises ToolError for one that is damaged or not linked."""
    return _parsed(path, _read)


def global_symbols(path: Path) -> list[str]:
    """What an object defines that others may use, weak ones too. Raises ToolError for a damaged file."""
    return _parsed(path, _global_symbols)


def _parsed(path: Path, parse: Callable[[Any], _Parsed]) -> _Parsed:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as file:
            return parse(ELFFile(file))
    # pyelftools meets damage with whatever its parsing happens to raise.
    except (ELFError, ValueError, LookupError, AttributeError, TypeError, OverflowError, AssertionError) as error:
        raise ToolError(
            f"not a readable ELF file ({error or type(error).__name__})", where=path.name, hint="build it again"
        ) from error


def _symbol_entries(sections: Iterable[Any]) -> list[Any]:
    from elftools.elf.sections import SymbolTableSection

    return [symbol for table in sections if isinstance(table, SymbolTableSection) for symbol in table.iter_symbols()]


def _global_symbols(elf: Any) -> list[str]:
    entries = _symbol_entries(elf.iter_sections())
    bound = (one for one in entries if one["st_info"]["bind"] != "STB_LOCAL" and one["st_shndx"] != "SHN_UNDEF")
    return sorted({one.name for one in bound})


def read_for(path: Path, machine: str, cpu: str) -> Firmware:
    """The same of firmware for a processor. Raises RunError for another's."""
    firmware = read(path)
    if firmware.machine != machine:
        raise RunError(f"is {firmware.machine}, not {machine}", where=path.name, hint=f"is it built for {cpu}?")
    return firmware


def _read(elf: Any) -> Firmware:
    _check_extents(elf)
    segments = tuple(
        Segment(segment["p_vaddr"], segment["p_paddr"], segment.data(), segment["p_memsz"])
        for segment in elf.iter_segments("PT_LOAD")
    )
    if not segments:
        raise ValueError("nothing to load; was it linked?")
    sections = dict(enumerate(elf.iter_sections()))
    entries = _symbol_entries(sections.values())
    names = {index: section.name for index, section in sections.items()}
    symbols = {symbol for entry in entries if (symbol := _symbol(entry, names, elf["e_machine"])) is not None}
    return Firmware(
        machine=elf["e_machine"],
        entry=elf["e_entry"],
        segments=segments,
        sections=tuple(_section(section) for section in sections.values() if section["sh_flags"] & _ALLOCATED),
        symbols=tuple(
            sorted(symbols, key=lambda symbol: (symbol.address, symbol.name.startswith(("_", ".")), symbol.name))
        ),
        undefined=tuple(sorted({entry.name for entry in entries if entry.name and entry["st_shndx"] == "SHN_UNDEF"})),
    )


def _check_extents(elf: Any) -> None:
    """Raise ValueError for a part that reaches beyond the end of the file: cut off, or a size that is nonsense."""
    parts = [(segment["p_offset"], segment["p_filesz"]) for segment in elf.iter_segments()]
    parts += [(s["sh_offset"], s["sh_size"]) for s in elf.iter_sections() if s["sh_type"] != "SHT_NOBITS"]
    if any(offset + size > elf.stream_len for offset, size in parts):
        raise ValueError("a part of it lies beyond its end")


def _section(section: Any) -> Section:
    flags = section["sh_flags"]
    return Section(
        name=section.name,
        address=section["sh_addr"],
        size_bytes=section["sh_size"],
        is_code=bool(flags & _EXECUTABLE),
        is_writable=bool(flags & _WRITABLE),
        has_bytes=section["sh_type"] != "SHT_NOBITS",
    )


def _symbol(entry: Any, section_names: Mapping[int, str], machine: str) -> Symbol | None:
    """A symbol of the program's; None for files, sections, mapping marks ($t, $d, $x) and what is not defined."""
    kind = _KINDS.get(entry["st_info"]["type"])
    if kind is None or not entry.name or entry.name.startswith("$") or entry["st_shndx"] == "SHN_UNDEF":
        return None
    address = entry["st_value"]
    if machine == _ARM and kind == "function":
        address &= ~1
    return Symbol(entry.name, address, entry["st_size"], kind, section_names.get(entry["st_shndx"], ""))


def addresses(region: Mapping[str, Any]) -> range:
    """Where a region of a target's memory lies."""
    return range(region["origin"], region["origin"] + region["length_bytes"])


def free_place(
    firmware: Firmware,
    memory: Sequence[Mapping[str, Any]],
    symbol: str,
    size_bytes: int,
    alignment: int = _GIVEN_ALIGNMENT,
) -> int:
    """The end of a RAM, or else of a flash, where the firmware has nothing: as if a peripheral's buffer lay there.

    Raises RunError where all is full.
    """
    taken = [(one.address, one.address + one.size_bytes) for one in firmware.sections]
    taken += [(one.load_address, one.load_address + len(one.data)) for one in firmware.segments]
    by_kind = {kind: [region for region in memory if region["kind"] == kind] for kind in ("ram", "flash")}
    for region in [*reversed(by_kind["ram"]), *by_kind["flash"]]:
        end = addresses(region).stop
        place = (end - size_bytes) & -alignment
        if place >= region["origin"] and not any(begin < end and place < behind for begin, behind in taken):
            return place
    what = f"no {size_bytes} bytes of memory are left for what is handed to it"
    raise RunError(what, where=symbol, hint="take a target with more of it; +ram.512KiB is one for a try")


def sizes(firmware: Firmware, memory: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the firmware takes, as in sizes.json; `memory` is the target's, empty for the host.

    `rom_bytes` counts what must lie in flash with the gaps between sections, which `rom_rodata` contains.
    """
    code = sum(section.size_bytes for section in firmware.sections if section.is_code)
    data = sum(s.size_bytes for s in firmware.sections if s.is_writable and s.has_bytes)
    zeros = sum(s.size_bytes for s in firmware.sections if not s.has_bytes and s.name not in _RESERVES)
    constants = sum(s.size_bytes for s in firmware.sections if s.has_bytes and not s.is_code and not s.is_writable)
    rom = _flash_bytes(firmware, memory) if memory else code + constants + data
    return {
        "rom_bytes": rom,
        "rom_code": code,
        "rom_rodata": rom - code - data,
        "rom_data": data,
        "ram_data": data,
        "ram_bss": zeros,
        "regions": {r["name"]: {"used": _used_bytes(firmware, r), "size": r["length_bytes"]} for r in memory},
        "symbols": _largest(firmware),
    }


def _flash_bytes(firmware: Firmware, memory: Sequence[Mapping[str, Any]]) -> int:
    """Bytes from the file that are loaded into flash."""
    flash = [region for region in memory if region["kind"] == "flash"]
    return sum(
        len(segment.data)
        for segment in firmware.segments
        if any(segment.load_address in addresses(region) for region in flash)
    )


def _used_bytes(firmware: Firmware, region: Mapping[str, Any]) -> int:
    """How far a region is filled, from its start: constants, data, stack and heap."""
    origin, end = region["origin"], addresses(region).stop
    tops = [segment.load_address + len(segment.data) for segment in firmware.segments if segment.data]
    tops += [segment.address + segment.size_bytes for segment in firmware.segments]
    return max((top - origin for top in tops if origin < top <= end), default=0)


def _largest(firmware: Firmware) -> list[dict[str, Any]]:
    """Everything with a size, biggest first; of several names for one thing the first."""
    things: dict[tuple[int, int], Symbol] = {}
    for symbol in firmware.symbols:
        if symbol.size_bytes:
            things.setdefault((symbol.address, symbol.size_bytes), symbol)
    ordered = sorted(things.values(), key=lambda symbol: (-symbol.size_bytes, symbol.name))
    return [{"name": s.name, "bytes": s.size_bytes, "section": s.section} for s in ordered]
