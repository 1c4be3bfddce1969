"""Changes a linked ELF file: one more segment, other bytes in one that it has."""

from __future__ import annotations

import struct

# By a file's class (System V ABI, figures 4-3 and 5-1): where it says where its program headers are, how large and how
# many; an entry's form and the order of its fields; the form of an address.
_FIELDS = ("type", "offset", "vaddr", "paddr", "filesz", "memsz", "flags", "align")
_FORMS = {
    1: ("<I", 28, 42, "<8I", _FIELDS, "<I"),
    2: ("<Q", 32, 54, "<2I6Q", (*_FIELDS[:1], "flags", *_FIELDS[1:6], "align"), "<Q"),
}
_LOAD = 1  # PT_LOAD
WRITABLE, READABLE = 2, 4
ALIGNMENT = 16
PAGE_BYTES = 1 << 16  # the largest page that Linux has: what is mapped lies alike in the file and in memory


def _entries(file: bytes) -> list[dict[str, int]]:
    offset_form, head, sizes, form, names, _ = _FORMS[file[4]]
    (table,) = struct.unpack_from(offset_form, file, head)
    size, count = struct.unpack_from("<2H", file, sizes)
    return [dict(zip(names, struct.unpack_from(form, file, table + size * i), strict=True)) for i in range(count)]


def with_address(file: bytes, at: int, address: int) -> bytes | None:
    """The file with an address in place of what lies at `at`; None where no segment has bytes there."""
    made, form = bytearray(file), _FORMS[file[4]][-1]
    for entry in _entries(file):
        if entry["type"] == _LOAD and 0 <= at - entry["vaddr"] < entry["filesz"]:
            struct.pack_into(form, made, entry["offset"] + at - entry["vaddr"], address)
            return bytes(made)
    return None


def with_segment(
    file: bytes, address: int, data: bytes, size_bytes: int = 0, flags: int = READABLE, alignment: int = ALIGNMENT
) -> bytes:
    """The file with a segment more: `data`, up to `size_bytes` zeros. Its program headers move to the end."""
    offset_form, head, sizes, form, names, _ = _FORMS[file[4]]
    made = bytearray(file) + bytes((address - len(file)) % alignment)
    many = max(len(data), size_bytes)
    values = (_LOAD, len(made), address, address, len(data), many, flags, alignment)
    entries = [*_entries(file), dict(zip(_FIELDS, values, strict=True))]
    made += data + bytes(-len(data) % ALIGNMENT)
    struct.pack_into(offset_form, made, head, len(made))
    struct.pack_into("<H", made, sizes + 2, len(entries))
    return bytes(made + b"".join(struct.pack(form, *(entry[name] for name in names)) for entry in entries))
