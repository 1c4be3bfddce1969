"""Frames of a serial line, as bytes; `recipes/runtimes/monitor/src/frame.h` is the other end, and shows their form."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_END, _ESCAPE = b"\xc0", b"\xdb"
_ESCAPED = {b"\xdc"[0]: _END, b"\xdd"[0]: _ESCAPE}
_HEAD, _CHECK = struct.Struct("<2BH"), struct.Struct("<I")
_MOST_BYTES = 1 << 17  # many more than a frame has: of a line that never sends END


@dataclass(frozen=True)
class Frame:
    """`kind` is a letter, `sequence` that of the request."""

    kind: str
    sequence: int
    payload: bytes = b""

    def __bytes__(self) -> bytes:
        body = _HEAD.pack(ord(self.kind), self.sequence, len(self.payload)) + self.payload
        body += _CHECK.pack(zlib.crc32(body))
        for code, byte in reversed(_ESCAPED.items()):  # ESCAPE first
            body = body.replace(byte, _ESCAPE + bytes([code]))
        return _END + body + _END


class Damaged(ValueError):
    """Bytes between two ENDs that are no frame: too few for its size, or with another checksum."""


class Reader:
    """Finds frames in what comes, piece by piece."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def has_part(self) -> bool:
        """Whether a frame has begun."""
        return bool(self._rest)

    def forget(self) -> None:
        """What has begun never ends."""
        self._rest = b""

    def take(self, more: bytes) -> Iterator[Frame | Damaged]:
        """All that is complete now."""
        *pieces, rest = (self._rest + more).split(_END)
        self._rest = rest[-_MOST_BYTES:]
        yield from (_read(piece) for piece in pieces if piece)


def _read(piece: bytes) -> Frame | Damaged:
    first, *others = piece.split(_ESCAPE)
    body = first
    for other in others:
        if not other or other[0] not in _ESCAPED:
            return Damaged("an escape that means nothing")
        body += _ESCAPED[other[0]] + other[1:]
    if len(body) < _HEAD.size + _CHECK.size:
        return Damaged(f"cut off after {len(body)} bytes")
    kind, sequence, size = _HEAD.unpack_from(body)
    if size != len(body) - _HEAD.size - _CHECK.size:
        return Damaged(f"{len(body) - _HEAD.size - _CHECK.size} bytes, not {size}")
    if _CHECK.unpack(body[-_CHECK.size :])[0] != zlib.crc32(body[: -_CHECK.size]):
        return Damaged("a wrong checksum")
    return Frame(chr(kind), sequence, body[_HEAD.size : -_CHECK.size])
