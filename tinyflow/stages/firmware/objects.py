"""Objects that a backend made itself, with other names of symbols: no preprocessor sees these.

The format is the System V ABI's, chapter 4, little-endian, of 32 or 64 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

_SYMBOLS = 2  # a section's type: SHT_SYMTAB
# What tables for exceptions refer to (IHI 0038, 9.4); the C library's would bring a whole unwinder.
_UNWINDER = "__aeabi_unwind_cpp_pr"
_WEAK = 2 << 4  # STB_WEAK, in the upper half of a symbol's st_info
_INFO = 12  # where that is, in 32 bits, which Arm's are


def renamed(content: bytes, names: Mapping[str, str]) -> bytes:
    """The object with those of its symbols renamed that `names` has, undefined ones too.

    A longer table of names is put at the end; the old one stays, unused. No unwinder is asked for any more.
    """
    is_wide = content[4] == 2
    place, (at, size, link) = ("Q", (24, 32, 40)) if is_wide else ("I", (16, 20, 24))  # within a section's header
    (headers,) = struct.unpack_from(f"<{place}", content, 40 if is_wide else 32)
    entry_bytes, count = struct.unpack_from("<HH", content, 58 if is_wide else 46)
    sections = [headers + index * entry_bytes for index in range(count)]
    made = bytearray(content)
    for header in sections:
        if struct.unpack_from("<I", made, header + 4) != (_SYMBOLS,):
            continue
        strings = sections[struct.unpack_from("<I", made, header + link)[0]]
        begin, length = (struct.unpack_from(f"<{place}", made, strings + part)[0] for part in (at, size))
        table = bytearray(made[begin : begin + length])
        first, all_bytes = (struct.unpack_from(f"<{place}", made, header + part)[0] for part in (at, size))
        for symbol in range(first, first + all_bytes, 24 if is_wide else 16):
            (start,) = struct.unpack_from("<I", made, symbol)
            name = bytes(table[start : table.index(0, start)]).decode()
            if name.startswith(_UNWINDER):
                made[symbol + _INFO] = _WEAK
            if name in names:
                struct.pack_into("<I", made, symbol, len(table))
                table += names[name].encode() + b"\0"
        struct.pack_into(f"<{place}", made, strings + at, len(made))
        struct.pack_into(f"<{place}", made, strings + size, len(table))
        made += table
    return bytes(made)
