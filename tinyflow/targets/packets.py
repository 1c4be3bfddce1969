"""Packets of the GDB remote serial protocol, for who asks and for who answers: frames, checksums, escapes.

See "GDB Remote Serial Protocol" in GDB's manual, section "Overview".
"""

from __future__ import annotations

import re

INTERRUPT = b"\x03"
ACKNOWLEDGED, AGAIN = b"+", b"-"


def framed(packet: bytes) -> bytes:
    """A packet as it is sent."""
    return b"$%b#%02x" % (packet, sum(packet) % 256)


def take(buffer: bytes) -> tuple[bytes | None, bytes]:
    """The first packet of what has come, still with its escapes, and what follows; None while it isn't whole.

    Raises ValueError for a wrong checksum.
    """
    begin = buffer.find(b"$")
    stop = buffer.find(b"#", begin)
    if begin < 0 or not 0 <= stop <= len(buffer) - 3:
        return None, buffer
    packet, check = buffer[begin + 1 : stop], buffer[stop + 1 : stop + 3]
    if int(check, 16) != sum(packet) % 256:
        raise ValueError(f"wrong checksum of {packet[:20]!r}")
    return packet, buffer[stop + 3 :]


def with_escapes(data: bytes) -> bytes:
    """Bytes that a frame can't hold, as it can."""
    return re.sub(rb"[#$*}]", lambda found: b"}" + bytes([found[0][0] ^ 0x20]), data)


def without_escapes(packet: bytes) -> bytes:
    """What was meant."""
    return re.sub(rb"\}(.)", lambda found: bytes([found[1][0] ^ 0x20]), packet, flags=re.DOTALL)


def answered(packet: bytes) -> bytes:
    """What an answer means: one may also hold runs.

    `0* ` is one: the character before, as often again as the code behind is above 29.
    """

    def spelt(found: re.Match[bytes]) -> bytes:
        return without_escapes(found[1] or found[0]) * (found[2][0] - 28 if found[1] else 1)

    return re.sub(rb"(\}.|[^}])\*(.)|\}.", spelt, packet, flags=re.DOTALL)
