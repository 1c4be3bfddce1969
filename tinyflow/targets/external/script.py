"""What firmware with a main of its own is to do, put into its ELF file; and what it prints of it (`selfrun/main.c`)."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tinyflow.core.errors import ToolError

WRITE, CALL, READ = 1, 2, 3
_END = 0
_WAYS = {"semihosting": 1, "tohost": 2, "address": 3}
_ALIGNMENT = 16
_HEAD, _STEP = "<8I", "<4I"
_LOAD = 1  # PT_LOAD
_READ_ONLY = 4
# By a file's class (System V ABI, figures 4-3 and 5-1): where it says where its program headers are, how large and how
# many; an entry's form and the order of its fields; the form of an address.
_FIELDS = ("type", "offset", "vaddr", "paddr", "filesz", "memsz", "flags", "align")
_FORMS = {
    1: ("<I", 28, 42, "<8I", _FIELDS, "<I"),
    2: ("<Q", 32, 54, "<2I6Q", (*_FIELDS[:1], "flags", *_FIELDS[1:6], "align"), "<Q"),
}
_FRAME = re.compile(rb"@tf([A-Z])([0-9a-f]{8})([0-9a-f]*)")


@dataclass(frozen=True)
class Step:
    """One thing to do at an address; `size_bytes` of a READ."""

    kind: int
    address: int
    data: bytes = b""
    size_bytes: int = 0


def encoded(words: Mapping[str, Any], steps: Iterable[Step]) -> bytes:
    """`struct script` with its steps; `words` are the recipe's `external`, without what is 0 or empty."""
    counts_retired = words.get("counts", {}).get("instructions") == "minstret"
    places = (words.get(name, 0) for name in ("console", "done", "success", "failure"))
    made = struct.pack(_HEAD, _WAYS[words["exit"]], *places, counts_retired, 0, 0)
    for step in (*steps, Step(_END, 0)):
        padding = bytes(-len(step.data) % _ALIGNMENT)
        made += struct.pack(_STEP, step.kind, step.address, step.size_bytes or len(step.data), 0) + step.data + padding
    return made


def with_script(file: bytes, pointer: int, address: int, script: bytes) -> bytes:
    """An ELF file in which the script lies at `address`, and its address at `pointer`.

    Its program headers move to the end, with one more.
    """
    offset_form, head, sizes, form, names, address_form = _FORMS[file[4]]
    (table,) = struct.unpack_from(offset_form, file, head)
    size, count = struct.unpack_from("<2H", file, sizes)
    entries = [dict(zip(names, struct.unpack_from(form, file, table + size * i), strict=True)) for i in range(count)]
    made = bytearray(file)
    for entry in entries:
        if entry["type"] == _LOAD and 0 <= pointer - entry["vaddr"] < entry["filesz"]:
            struct.pack_into(address_form, made, entry["offset"] + pointer - entry["vaddr"], address)
            break
    else:
        raise ToolError("its script has no place in it", where="firmware.elf", hint="build it again")
    made += bytes(-len(made) % _ALIGNMENT)
    values = (_LOAD, len(made), address, address, len(script), len(script), _READ_ONLY, _ALIGNMENT)
    entries.append(dict(zip(_FIELDS, values, strict=True)))
    made += script + bytes(-len(script) % _ALIGNMENT)
    struct.pack_into(offset_form, made, head, len(made))
    struct.pack_into("<H", made, sizes + 2, len(entries))
    return bytes(made + b"".join(struct.pack(form, *(entry[name] for name in names)) for entry in entries))


def frames(printed: bytes) -> list[tuple[str, bytes]]:
    """Kind and payload of all that the firmware told. Raises ValueError for a frame that is damaged."""
    found = []
    for frame in _FRAME.finditer(printed):
        kind, length, digits = frame[1].decode(), frame[2], frame[3]
        size = int(length, 16)
        if len(digits) < 2 * size + 8:
            raise ValueError(f"a frame of {size} bytes is cut off")
        payload, check = bytes.fromhex(digits[: 2 * size].decode()), int(digits[2 * size :][:8], 16)
        if zlib.crc32(bytes.fromhex(length.decode()) + payload) != check:
            raise ValueError(f"a frame of {size} bytes has a wrong checksum")
        found.append((kind, payload))
    return found
