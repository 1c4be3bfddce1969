"""A GDB port: one debugger after connecting asks, and what it is connected to answers, until it leaves.

Who answers is a `Stub`. What all of them would answer alike is answered here: how the connection is kept, what the last
stop was, how it ends. It runs in a thread of its own, for a debugger may want it to stop at any time.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol

from tinyflow.core.errors import TinyflowError
from tinyflow.targets.packets import ACKNOWLEDGED, AGAIN, INTERRUPT, framed, take, with_escapes, without_escapes

STOPPED = b"S05"  # SIGTRAP
_STEPS, _GOES = (b"s", b"S", b"vCont;s", b"vCont;S"), (b"c", b"C", b"vCont;c", b"vCont;C")
_LEAVES = (b"D", b"k", b"vKill")
_END_S = 0.2
_LOCAL = "127.0.0.1"


class End(NamedTuple):
    """That there is nothing more to run: in words, and as what a debugger hears when it goes on all the same."""

    words: str
    packet: bytes


def fault(error: TinyflowError) -> End:
    """One that the firmware took."""
    return End(": ".join(filter(None, (error.where, error.what))), b"X0b")


Tell = Callable[[bytes], None]  # sends a packet before the answer


class Stub(Protocol):
    """What is debugged. Of `interrupt` alone others than the thread that asks are the callers."""

    def answer(self, packet: bytes, tell: Tell) -> bytes:
        """To a request that runs nothing; empty where it isn't understood."""

    def go(self, packet: bytes, tell: Tell, *, is_step: bool) -> bytes:
        """Run one instruction, or until something stops it; why it has stopped."""

    def interrupt(self) -> None:
        """Stop what runs, if something does."""

    def end(self) -> End | None:
        """Whether all is over."""


class Port:
    """Listens from now on; only this machine can connect."""

    def __init__(self, number: int) -> None:
        """`number`: 0 for any that is free. Raises OSError for one that is taken."""
        self._listener = socket.create_server((_LOCAL, number))
        self.number: int = self._listener.getsockname()[1]

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def serve(self, stub: Stub, say: Callable[[str], None]) -> None:
        """Wait for a debugger and answer it until it leaves; `say` hears what goes on. It may be interrupted."""
        client, _ = self._listener.accept()
        say("a debugger is connected")
        with client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            talk = _Talk(client, stub, say)
            answering = threading.Thread(target=talk.answer_all, daemon=True)
            answering.start()
            try:
                talk.listen()
            finally:
                talk.requests.put(None)
                while answering.is_alive():
                    stub.interrupt()
                    answering.join(_END_S)
        if talk.error is not None:
            raise talk.error
        say("the debugger has left")


class _Talk:
    """One connection: one thread listens, another answers."""

    def __init__(self, client: socket.socket, stub: Stub, say: Callable[[str], None]) -> None:
        self.requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.error: Exception | None = None
        self._client, self._stub, self._say = client, stub, say
        self._last = STOPPED

    def listen(self) -> None:
        """Until the other end is gone, or this one."""
        buffer = b""
        while True:
            try:
                more = self._client.recv(1 << 16)
            except OSError:
                return
            if not more:
                return
            buffer += more
            while buffer[:1] not in (b"$", b""):  # acknowledgements, and what may come while it runs
                if buffer[:1] == INTERRUPT:
                    self._stub.interrupt()
                buffer = buffer[1:]
            try:
                while (taken := take(buffer))[0] is not None:
                    packet, buffer = taken
                    self._client.sendall(ACKNOWLEDGED)
                    self.requests.put(without_escapes(packet or b""))
                    if buffer[:1] == INTERRUPT:
                        buffer = buffer[1:]
                        self._stub.interrupt()
            except ValueError:
                buffer = b""
                self._client.sendall(AGAIN)

    def answer_all(self) -> None:
        """Until it leaves; ends the connection."""
        try:
            while (packet := self.requests.get()) is not None:
                if packet.startswith(_LEAVES):
                    self._tell(b"OK")
                    break
                answer = self._answer(packet)
                self._tell(answer)
                if answer[:1] in (b"W", b"X"):
                    break
        except OSError:
            pass  # it has left
        except Exception as error:
            self.error = error
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)

    def _answer(self, packet: bytes) -> bytes:
        if packet == b"?":
            return self._last
        if packet == b"QStartNoAckMode":
            return b""
        is_step = packet.startswith(_STEPS)
        if not (is_step or packet.startswith(_GOES)):
            return self._stub.answer(packet, self._tell)
        end = self._stub.end()
        if end is not None:
            return end.packet
        self._last = self._stub.go(packet, self._tell, is_step=is_step)
        end = self._stub.end()
        if end is not None:
            self._say(end.words)
        return self._last

    def _tell(self, packet: bytes) -> None:
        self._client.sendall(framed(with_escapes(packet)))
