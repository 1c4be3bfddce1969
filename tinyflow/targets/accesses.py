"""What calls read, wrote and fetched: places in memory, and counts by layer, place and function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from tinyflow.targets import elf


class Cache(NamedTuple):
    """One for instructions and one for data, each of this kind: least recently used, written back, empty at first."""

    bytes: int
    ways: int
    line_bytes: int


@dataclass(frozen=True)
class Wanted:
    """How to count. `calls`: functions in the order in which `dispatcher` calls them, and which layer each is of."""

    dispatcher: str
    calls: Sequence[tuple[str, int]]
    layers: int
    arena: str = ""  # its symbol
    cache: Cache | None = None


class Place(NamedTuple):
    """A symbol, the stack or the heap, or what lies between: up to the next one's beginning."""

    begin: int
    name: str
    kind: str  # code, constants, arena, data, stack, heap; flash, ram: without a symbol; nothing: no memory
    memory: str  # flash, ram, or nothing


@dataclass(frozen=True)
class Data:
    """What was read and written. `lines` and `misses` are the data cache's."""

    loads: int = 0
    stores: int = 0
    load_bytes: int = 0
    store_bytes: int = 0
    distinct_bytes: int = 0
    lines: int = 0
    misses: int = 0
    written_back: int = 0


@dataclass(frozen=True)
class Code:
    """What ran. `lines` and `misses` are the instruction cache's."""

    instructions: int = 0
    lines: int = 0
    misses: int = 0


@dataclass(frozen=True)
class Seen:
    """The counts so far; what is 0 has no entry. The last of `code_of_layers` and `data_of_layers` is of no layer."""

    places: Sequence[Place]
    code: Mapping[int, Code]  # by place
    data: Mapping[int, Data]  # likewise, of the place that was read or written; distinct for all layers together
    data_by_code: Mapping[int, Data]  # of the place that ran; no distinct bytes
    code_of_layers: Sequence[Code]
    data_of_layers: Sequence[Mapping[int, Data]]
    is_as_expected: bool  # whether the calls were those of the plan; else layers mean nothing


class Accesses(Protocol):
    """Counts from its beginning on."""

    def begin(self, *, is_fed: bool = False) -> None:
        """A call is about to begin; `is_fed`: of the function that takes rows, all of which is of the first layer."""

    def seen(self) -> Seen:
        """All until now."""


def places(firmware: elf.Firmware, memory: Sequence[Mapping[str, Any]], arena: str) -> list[Place]:
    """All addresses, cut: the first place begins at 0, each ends where the next begins."""
    found: list[tuple[int, int, str, str]] = []
    functions = firmware.functions
    for index, one in enumerate(functions):
        following = functions[index + 1].address if index + 1 < len(functions) else one.address + 1
        found.append((one.address, one.address + one.size_bytes if one.size_bytes else following, one.name, "code"))
    for one in firmware.symbols:
        if one.kind == "object" and one.size_bytes:
            is_constant = _memory(memory, one.address) == "flash"
            kind = "constants" if is_constant else "arena" if one.name == arena else "data"
            found.append((one.address, one.address + one.size_bytes, one.name, kind))
    labels = {symbol.name: symbol.address for symbol in firmware.symbols}
    for name, first, last in (("stack", "tf_stack_bottom", "tf_stack_top"), ("heap", "tf_heap_start", "tf_heap_end")):
        if labels.get(first, 0) < labels.get(last, 0):
            found.append((labels[first], labels[last], name, name))
    for region in memory:
        found.append((region["origin"], region["origin"], region["name"], region["kind"]))
    cut: list[Place] = []
    end = 0
    for begin, stop, name, kind in sorted(found, key=lambda one: (one[0], -one[1])):
        if begin < end:
            continue  # another name, or a part
        _gaps(cut, memory, end, begin)
        if stop > begin:
            cut.append(Place(begin, name, kind, _memory(memory, begin)))
            end = stop
    _gaps(cut, memory, end, 1 << 32)
    return cut


def _gaps(cut: list[Place], memory: Sequence[Mapping[str, Any]], begin: int, end: int) -> None:
    """What is between two symbols: memory without one, or none."""
    edges = {begin, *(edge for region in memory for edge in (region["origin"], elf.addresses(region).stop))}
    for edge in sorted(edge for edge in edges if begin <= edge < end):
        kind = _memory(memory, edge)
        name = "no memory" if kind == "nothing" else f"{kind} without a symbol"
        cut.append(Place(edge, name, kind, kind))


def _memory(memory: Sequence[Mapping[str, Any]], address: int) -> str:
    return next((str(region["kind"]) for region in memory if address in elf.addresses(region)), "nothing")
