"""A network in C source, which is how projects for microcontrollers keep them: an array of its file's bytes."""

from __future__ import annotations

import re

_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
_BRACED = re.compile(rb"\{([^{}]*)\}")


def longest_array(source: bytes) -> bytes | None:
    """The bytes of the longest braced list in C source; None where it holds anything but numbers from -128 to 255."""
    if b"\0" in source:  # no text
        return None
    lists = _BRACED.findall(_COMMENT.sub(b"", source))
    numbers = max(lists, key=len, default=b"").strip().rstrip(b",")
    try:
        return bytes([_byte(int(number, 0)) for number in numbers.split(b",")])
    except ValueError:
        return None


def _byte(number: int) -> int:
    """An element of an array of `char`, which may be signed."""
    return number + 256 if -128 <= number < 0 else number
