"""Requests over a serial line and their answers, though bytes of both get lost or changed.

A request that isn't answered, or by damaged bytes, is sent again with its number; the firmware calls nothing twice for
that. Kinds of frames are those of `recipes/runtimes/monitor/src/main.c`.
"""

from __future__ import annotations

import struct
import time
from collections import Counter
from dataclasses import dataclass

from tinyflow.core.errors import RunError, Timeout
from tinyflow.targets.monitor.frames import Damaged, Frame, Reader
from tinyflow.targets.monitor.port import Port

HELLO, AGAIN, WRITE, READ, CHECK, CALL = "HZWRKC"
_BEGUN, _ACCEPTED, _DONE, _TRAPPED, _DAMAGED, _UNKNOWN = "BADTXU"
_VERSION = 1
_ANSWER_S = 1.0  # of what is done at once, besides the bytes' time
_HELLO_S, _QUIET_S = 0.3, 0.2
_TRIES, _LAST_TRIES = 8, 3
_BITS_OF_BYTE = 20  # with start and stop, each written as two
_HEARD_BYTES = 40
_DAMAGE, _PART, _SILENCE, _LATE = "damaged", "cut off", "missing", "late"


class Trapped(Exception):
    """The firmware took an exception; `told` is for `own_main`."""

    def __init__(self, told: bytes) -> None:
        super().__init__()
        self.told = told


@dataclass(frozen=True)
class Hello:
    """What the firmware says of itself: how many bytes it takes at a time."""

    most_bytes: int


class Line:
    """One end of a port, that of who asks."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._reader = Reader()
        self._sequence = 0
        self._heard = b""  # last, of what was no frame

    def hello(self, limit_s: float) -> Hello | None:
        """Who is there; None for nobody within this time. Raises RunError for an echo, and another version."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            self._next()
            self._port.write(bytes(Frame(HELLO, self._sequence)))
            found = self._wait(HELLO, _HELLO_S, 0)
            if isinstance(found, Frame):
                if not found.payload:  # the request itself: who answers hello says which version
                    what = f"what is sent to {self._port.name} comes back as it is"
                    raise RunError(what, hint="are RX and TX one wire, or does the other end echo?")
                version, most = struct.unpack_from("<2I", found.payload.ljust(8, b"\0"))
                if version != _VERSION:
                    what = f"the firmware at {self._port.name} speaks version {version} of the frames, not {_VERSION}"
                    raise RunError(what, hint="write this bench's firmware.elf to the board")
                return Hello(most)
        return None

    def nobody(self, hint: str) -> RunError:
        """For a board that doesn't say hello."""
        if self._heard:
            what = f"what comes from {self._port.name} is no answer of this firmware: {self._heard!r}"
            return RunError(what, hint=f"has the chip `baud: {self._port.baud}`, and is other firmware on it? {hint}")
        hint = f"is the board powered, are RX and TX crossed, and is its firmware a monitor's? {hint}"
        return RunError(f"nothing answers at {self._port.name}", hint=hint.strip())

    def ask(self, kind: str, payload: bytes = b"", *, answer_bytes: int = 0, call_s: float | None = None) -> bytes:
        """An answer's payload. Raises RunError for a line that is too bad and a board that was reset, and Trapped.

        With `call_s`, Timeout where the firmware accepts, and has no result within that.
        """
        self._next()
        request = bytes(Frame(kind, self._sequence, payload))
        answer_s = _ANSWER_S + _BITS_OF_BYTE * (len(request) + answer_bytes) / self._port.baud
        troubles: Counter[str] = Counter()
        end = time.monotonic() + (call_s or 0)
        while True:
            self._port.write(request)
            found = self._wait(kind, answer_s, call_s or answer_s)
            if isinstance(found, Frame):
                return self._meaning(found)
            troubles[found] += 1
            if troubles[_LATE] and troubles[_LATE] + troubles[_SILENCE] >= _LAST_TRIES:
                raise Timeout(f"didn't return within {call_s:g} s")
            # a chip that is busy with a call whose acceptance was lost is silent, too
            if sum(troubles.values()) >= _TRIES and (troubles[_SILENCE] < _TRIES or time.monotonic() > end):
                raise self._bad(troubles)

    def _next(self) -> None:
        self._sequence = self._sequence % 255 + 1  # 0 is of what nobody asked for

    def _wait(self, kind: str, answer_s: float, call_s: float) -> Frame | str:
        """The answer, or why there is none. Raises RunError for a board that was reset."""
        end, is_accepted, is_damaged = time.monotonic() + answer_s, False, False
        while True:
            data = self._port.read(max(0.0, min(_QUIET_S, end - time.monotonic())))
            for found in self._reader.take(data):
                if isinstance(found, Damaged) or found.kind == _DAMAGED:
                    is_damaged = True
                elif found.kind == _BEGUN and kind not in (HELLO, AGAIN):
                    what = f"the board at {self._port.name} was reset meanwhile"
                    raise RunError(what, hint="does its supply hold, or has it a watchdog that nobody feeds?")
                elif found.kind == _BEGUN and kind == AGAIN:
                    return found
                elif found.sequence == self._sequence and found.kind == _ACCEPTED:
                    end, is_accepted = time.monotonic() + call_s, True
                elif found.sequence == self._sequence or found.kind == kind == HELLO:  # said hello to before
                    return found
            if data and kind == HELLO:
                self._heard = data[-_HEARD_BYTES:]
            if is_damaged:
                return _DAMAGE
            if not data and self._reader.has_part:
                self._reader.forget()
                return _PART
            if time.monotonic() > end:
                return _LATE if is_accepted else _SILENCE

    def _meaning(self, found: Frame) -> bytes:
        if found.kind == _TRAPPED:
            raise Trapped(found.payload)
        if found.kind == _UNKNOWN:
            what = f"the firmware at {self._port.name} doesn't understand a request"
            raise RunError(what, hint="write this bench's firmware.elf to the board")
        return found.payload

    def _bad(self, troubles: Counter[str]) -> RunError:
        counts = ", ".join(f"{count} {name}" for name, count in sorted(troubles.items()))
        what = f"the line to {self._port.name} is too bad: of {sum(troubles.values())} answers {counts}"
        hint = "is it connected with ground, is `baud` near enough on both ends, does something else print there? "
        if set(troubles) == {_SILENCE}:
            what, hint = f"the board at {self._port.name} doesn't answer any more", "is it powered, does it hang? "
        return RunError(what, hint=f"{hint}A shorter cable and a lower rate help; so does a reset")
