"""What objects and static libraries hold, read without a tool: kinds, processors, members, and who defines what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_ARCHIVE = b"!<arch>\n"
_HEADER_BYTES = 60  # of a member, ar(5); its bytes begin at even offsets
_ELF = b"\x7fELF"
# of symbol tables and of long names, as GNU and LLVM write them
_TABLES = {"/": 4, "/SYM64/": 8}
_NAMES = "//"


class Kind(NamedTuple):
    """What decides whether objects go together: 32 or 64 bits, order of bytes, processor (ELF's e_machine)."""

    width: int
    order: int
    machine: int


def kind_of(content: bytes) -> Kind | None:
    """The kind of an object; None for what is none."""
    if not content.startswith(_ELF) or len(content) < 20:
        return None
    return Kind(content[4], content[5], int.from_bytes(content[18:20], "little" if content[5] == 1 else "big"))


def is_library(content: bytes) -> bool:
    """Whether it begins as a static library does."""
    return content.startswith(_ARCHIVE)


def objects(content: bytes) -> Iterator[bytes]:
    """The members of a library that aren't tables."""
    return (data for _, name, data in _members(content) if name not in (*_TABLES, _NAMES))


def symbols(content: bytes) -> list[set[str]]:
    """What each member defines for others, weak ones too, by the library's table."""
    found = {at: set[str]() for at, name, _ in _members(content) if name not in (*_TABLES, _NAMES)}
    for at, name in _table(content):
        found[at].add(name)
    return list(found.values())


def symbols_twice(content: bytes) -> list[str]:
    """Names that several members of a library define, weak ones too, in the order of its table."""
    seen = [name for _, name in _table(content)]
    return [name for name in dict.fromkeys(seen) if seen.count(name) > 1] if len(set(seen)) < len(seen) else []


def _table(content: bytes) -> list[tuple[int, str]]:
    """Names, each with where the member begins that defines it."""
    for _, name, data in _members(content):
        if name in _TABLES:
            width = _TABLES[name]
            count, *places = (
                int.from_bytes(data[at : at + width], "big")
                for at in range(0, width * (int.from_bytes(data[:width], "big") + 1), width)
            )
            names = data[width * (count + 1) :].split(b"\0")[:count]
            return [(at, text.decode(errors="replace")) for at, text in zip(places, names, strict=False)]
    return []


def _members(content: bytes) -> Iterator[tuple[int, str, bytes]]:
    """Where they begin, names as they are in the headers, and bytes; nothing behind a damaged header."""
    start = len(_ARCHIVE)
    while start + _HEADER_BYTES <= len(content):
        header = content[start : start + _HEADER_BYTES]
        size = header[48:58].strip()
        if not size.isdigit():
            return
        data = start + _HEADER_BYTES
        yield start, header[:16].decode("ascii", "replace").rstrip(), content[data : data + int(size)]
        start = data
        start += int(size) + int(size) % 2
