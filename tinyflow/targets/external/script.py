"""What firmware with a main of its own is to do, put into its ELF file; and what it prints of it (`selfrun/main.c`)."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tinyflow.core.errors import ToolError
from tinyflow.targets.segments import ALIGNMENT, with_address, with_segment

WRITE, CALL, READ = 1, 2, 3
_END = 0
_WAYS = {"semihosting": 1, "tohost": 2, "address": 3}
_HEAD, _STEP = "<8I", "<4I"
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
        padding = bytes(-len(step.data) % ALIGNMENT)
        made += struct.pack(_STEP, step.kind, step.address, step.size_bytes or len(step.data), 0) + step.data + padding
    return made


def with_script(file: bytes, pointer: int, address: int, script: bytes, alignment: int = ALIGNMENT) -> bytes:
    """An ELF file in which the script lies at `address`, and its address at `pointer`."""
    made = with_address(file, pointer, address)
    if made is None:
        raise ToolError("its script has no place in it", where="firmware.elf", hint="build it again")
    return with_segment(made, address, script, alignment=alignment)


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
