"""A client of the GDB remote serial protocol, as far as a debug probe needs it: memory, registers, breakpoints, go.

See "GDB Remote Serial Protocol" in GDB's manual. Every packet is acknowledged: QEMU can't do without.
"""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Callable, Mapping
from typing import IO

_ANSWER_LIMIT_S = 30.0  # of everything but running; on a busy machine
_PIECE_BYTES = 1920  # of memory in a packet, in hexadecimal below QEMU's 4096 characters
_INTERRUPT = b"\x03"


class Gone(Exception):
    """The other end has closed the connection."""


class Remote:
    """One connection to a GDB server. Its answers are those of the processor that it stopped in."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        self._requests = requests
        self._answers = answers
        self._buffer = b""
        self._registers: dict[str, tuple[int, int]] = {}
        self._places: Mapping[str, int] = {}

    # Memory

    def read(self, address: int, size_bytes: int) -> bytes | None:
        """Bytes of memory; None where there is none."""
        data = b""
        while len(data) < size_bytes:
            wanted = min(_PIECE_BYTES, size_bytes - len(data))
            answer = self.ask(f"m{address + len(data):x},{wanted:x}")
            if answer.startswith("E"):
                return None
            data += bytes.fromhex(answer)
        return data

    def write(self, address: int, data: bytes) -> bool:
        """Change bytes of memory; False where there is none."""
        for begin in range(0, len(data), _PIECE_BYTES):
            piece = data[begin : begin + _PIECE_BYTES]
            if self.ask(f"M{address + begin:x},{len(piece):x}:{piece.hex()}") != "OK":
                return False
        return True

    # Registers

    def learn_registers(self, places: Mapping[str, int]) -> None:
        """Read the server's description of its registers, by which `get` and `set` know names.

        One that has none knows only all registers at once: `places` tells where those of 32 bits are among these bytes.
        """
        self._places = places
        if not places:
            self._learn("target.xml", 0)

    def _learn(self, document: str, number: int) -> int:
        # No XML parser takes QEMU's xi:include, whose prefix nothing declares.
        for kind, text in re.findall(r"<(reg|xi:include)\s([^>]*)>", self._transfer(document)):
            attributes = dict(re.findall(r'(\w+)="([^"]*)"', text))
            if kind == "reg":
                number = int(attributes.get("regnum", number))
                self._registers.setdefault(attributes["name"], (number, int(attributes["bitsize"]) // 8))
                number += 1
            else:
                number = self._learn(attributes["href"], number)
        return number

    def _transfer(self, document: str) -> str:
        text = ""
        while True:
            answer = self.ask(f"qXfer:features:read:{document}:{len(text):x},{_PIECE_BYTES:x}")
            text += answer[1:]
            if answer[:1] != "m":
                return text

    def size(self, name: str) -> int:
        """A register's bytes."""
        return self._registers[name][1]

    def get(self, name: str) -> int:
        """A register's value."""
        if self._places:
            return int.from_bytes(bytes.fromhex(self.ask("g"))[self._places[name] :][:4], "little")
        return int.from_bytes(bytes.fromhex(self.ask(f"p{self._registers[name][0]:x}")), "little")

    def set(self, name: str, value: int) -> None:
        """Change a register."""
        if self._places:
            whole = bytearray.fromhex(self.ask("g"))
            whole[self._places[name] : self._places[name] + 4] = value.to_bytes(4, "little")
            answer = self.ask(f"G{whole.hex()}")
        else:
            number, size_bytes = self._registers[name]
            answer = self.ask(f"P{number:x}={value.to_bytes(size_bytes, 'little').hex()}")
        assert answer == "OK", f"{name} = {value:#x}: {answer}"

    # Running

    def add_breakpoint(self, address: int, size_bytes: int) -> None:
        """Stop before the instruction at this address, which need not exist; `size_bytes` is one of its kind's."""
        self.ask(f"Z0,{address:x},{size_bytes}")

    def remove_breakpoint(self, address: int, size_bytes: int) -> None:
        """Undo `add_breakpoint`."""
        self.ask(f"z0,{address:x},{size_bytes}")

    def step(self) -> None:
        """Run one instruction."""
        self._send("vCont;s:p1.1")
        self._receive(_ANSWER_LIMIT_S)

    def run(self, watch: Callable[[], bool], every_s: float) -> bool:
        """Run until it stops. Whether it did by itself, and not because `watch`, asked from time to time, wanted it."""
        self._send("vCont;c:p1.1")
        is_by_itself = True
        while True:
            try:
                self._receive(every_s)
                return is_by_itself
            except TimeoutError:
                if is_by_itself and watch():
                    is_by_itself = False
                    self._requests.write(_INTERRUPT)
                    self._requests.flush()

    # Packets

    def ask(self, packet: str) -> str:
        """One request and its answer. Raises Gone."""
        self._send(packet)
        return self._receive(_ANSWER_LIMIT_S)

    def _send(self, packet: str) -> None:
        data = packet.encode()
        try:
            self._requests.write(b"$%b#%02x" % (data, sum(data) % 256))
            self._requests.flush()
        except BrokenPipeError:
            raise Gone from None

    def _receive(self, limit_s: float) -> str:
        """The next packet, acknowledged. Raises TimeoutError and keeps what has come."""
        end = time.monotonic() + limit_s
        while True:
            begin = self._buffer.find(b"$")
            stop = self._buffer.find(b"#", begin)
            if begin >= 0 and 0 <= stop <= len(self._buffer) - 3:
                break
            if not select.select([self._answers], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError
            more = os.read(self._answers.fileno(), 65536)
            if not more:
                raise Gone
            self._buffer += more
        packet = self._buffer[begin + 1 : stop]
        self._buffer = self._buffer[stop + 3 :]
        if packet[:1] in (b"W", b"X"):  # the process ends
            raise Gone
        self._requests.write(b"+")
        return _without_escapes(packet)


def _without_escapes(packet: bytes) -> str:
    first, *rest = packet.split(b"}")
    return (first + b"".join(bytes([part[0] ^ 0x20]) + part[1:] for part in rest)).decode("latin-1")
