"""Hands a debugger's requests on to a GDB server that a machine is connected to already, where it has begun a call.

The server keeps its one client: so it neither lets the processor run when that leaves, nor forgets its breakpoints,
which many do when another asks why it has stopped.
"""

from __future__ import annotations

from collections.abc import Callable

from tinyflow.targets.gdb_port import End, Tell
from tinyflow.targets.packets import with_escapes
from tinyflow.targets.remote import Gone, Remote

_ANSWER_LIMIT_S = 30.0
_UNWANTED = b"multiprocess+"  # which changes what threads are called: the stop told first has none


class Relay:
    """See `gdb_port.Stub`."""

    def __init__(self, remote: Remote, end: Callable[[], End | None]) -> None:
        """`end` tells whether the call is over, and how; it may use the connection."""
        self._remote = remote
        self._end = end
        self._gone: End | None = None

    def answer(self, packet: bytes, tell: Tell) -> bytes:
        """See `Stub`."""
        return self._ask(packet.replace(_UNWANTED, b""), tell, _ANSWER_LIMIT_S).replace(_UNWANTED, b"")

    def go(self, packet: bytes, tell: Tell, *, is_step: bool) -> bytes:  # noqa: ARG002 (the packet says)
        """See `Stub`."""
        return self._ask(packet, tell, None)

    def interrupt(self) -> None:
        """See `Stub`."""
        self._remote.interrupt()

    def end(self) -> End | None:
        """See `Stub`."""
        return self._gone or self._end()

    def _ask(self, packet: bytes, tell: Tell, limit_s: float | None) -> bytes:
        try:
            self._remote.send(with_escapes(packet))
            while True:
                answer = self._remote.receive(limit_s).encode("latin-1")
                if answer[:1] != b"O" or answer == b"OK":  # else what is to be printed, before the answer
                    return answer
                tell(answer)
        except Gone:
            self._gone = End("the GDB server behind it has ended", b"X09")
            return self._gone.packet
