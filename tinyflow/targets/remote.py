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

from tinyflow.targets.packets import ACKNOWLEDGED, INTERRUPT, answered, framed, take, with_escapes

_ANSWER_LIMIT_S = 30.0  # of everything but running; on a busy machine
_PIECE_BYTES = 1920  # of memory in a packet, in hexadecimal below QEMU's 4096 characters
_MOST_PIECE_BYTES = 16 << 10
_HEAD_CHARACTERS = 64  # of a packet with memory: what it is, address and size
_STOP = re.compile("[ST][0-9a-f]{2}")


class Gone(Exception):
    """The other end has closed the connection."""


class Remote:
    """One connection to a GDB server. Its answers are those of the processor that it stopped in."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes], thread: str = "") -> None:
        """`thread`: which one runs, as the server calls it; all where it is empty."""
        self._requests = requests
        self._answers = answers
        self._buffer = b""
        self._registers: dict[str, tuple[int, int]] = {}
        self._places: Mapping[str, int] = {}
        self._thread = thread
        self.signal = 0
        """Why it stopped last, as GDB counts; 5 for a breakpoint or a step."""
        self._piece_bytes = _PIECE_BYTES

    @property
    def unread(self) -> bytes:
        """What has come and is no packet."""
        return self._buffer.strip(ACKNOWLEDGED)

    def introduce(self, limit_s: float = _ANSWER_LIMIT_S) -> None:
        """Tell what we know, and hear how long the server's packets may be: those of small probes are short."""
        self.send("qSupported:swbreak+;hwbreak+")
        answer = self.receive(limit_s)
        while _STOP.match(answer):  # told unasked: QEMU stops whenever somebody connects
            answer = self.receive(limit_s)
        found = re.search(r"(?:^|;)PacketSize=([0-9a-fA-F]+)", answer)
        if found is not None:
            most = (int(found[1], 16) - _HEAD_CHARACTERS) // 2
            self._piece_bytes = max(16, min(most, _MOST_PIECE_BYTES))

    # Memory

    def read(self, address: int, size_bytes: int) -> bytes | None:
        """Bytes of memory; None where there is none."""
        data = b""
        while len(data) < size_bytes:
            wanted = min(self._piece_bytes, size_bytes - len(data))
            answer = self.ask(f"m{address + len(data):x},{wanted:x}")
            if not answer or answer.startswith("E"):
                return None
            data += bytes.fromhex(answer)
        return data

    def write(self, address: int, data: bytes) -> bool:
        """Change bytes of memory; False where there is none."""
        for begin in range(0, len(data), self._piece_bytes):
            piece = data[begin : begin + self._piece_bytes]
            if self.ask(f"M{address + begin:x},{len(piece):x}:{piece.hex()}") != "OK":
                return False
        return True

    def write_flash(self, address: int, data: bytes) -> None:
        """Change bytes of flash that is erased, until `vFlashDone`. Raises ValueError for a server that refuses."""
        for begin in range(0, len(data), self._piece_bytes):
            piece = data[begin : begin + self._piece_bytes]
            answer = self.ask(b"vFlashWrite:%x:" % (address + begin) + with_escapes(piece))
            if answer != "OK":
                raise ValueError(f"{answer!r} to vFlashWrite at {address + begin:#x}")

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
        for kind, text in re.findall(r"<(reg|xi:include)\s([^>]*)>", self.document("features", document)):
            attributes = dict(re.findall(r'(\w+)="([^"]*)"', text))
            if kind == "reg":
                number = int(attributes.get("regnum", number))
                self._registers.setdefault(attributes["name"].lower(), (number, int(attributes["bitsize"]) // 8))
                number += 1
            else:
                number = self._learn(attributes["href"], number)
        return number

    def document(self, kind: str, name: str) -> str:
        """What the server has to say of features or its memory map; nothing where it has no such document."""
        text = ""
        while True:
            answer = self.ask(f"qXfer:{kind}:read:{name}:{len(text):x},{self._piece_bytes:x}")
            if answer[:1] == "E":
                return text
            text += answer[1:]
            if answer[:1] != "m":
                return text

    def has(self, name: str) -> bool:
        """Whether the server knows a register."""
        return name in self._registers or name in self._places

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

    def add_breakpoint(self, address: int, size_bytes: int, is_hardware: bool = False) -> bool:
        """Stop before the instruction at this address, which need not exist; `size_bytes` is one of its kind's.

        Whether the server takes it: hardware has few.
        """
        return self.ask(f"Z{is_hardware:d},{address:x},{size_bytes}") == "OK"

    def remove_breakpoint(self, address: int, size_bytes: int, is_hardware: bool = False) -> None:
        """Undo `add_breakpoint`."""
        self.ask(f"z{is_hardware:d},{address:x},{size_bytes}")

    def step(self) -> None:
        """Run one instruction."""
        self.send(f"vCont;s{self._thread}")
        self.receive(_ANSWER_LIMIT_S)

    def run(self, watch: Callable[[], bool], every_s: float) -> bool:
        """Run until it stops. Whether it did by itself, and not because `watch`, asked from time to time, wanted it.

        Raises TimeoutError where it goes on all the same.
        """
        self.send(f"vCont;c{self._thread}")
        while True:
            try:
                self.receive(every_s)
                return True
            except TimeoutError:
                if watch():
                    break
        self.interrupt()
        self.receive(_ANSWER_LIMIT_S)
        return False

    def monitor(self, command: str) -> str:
        """Have the server do what its console would; what it prints, or its refusal."""
        self.send(f"qRcmd,{command.encode().hex()}")
        printed = ""
        while (answer := self.receive(_ANSWER_LIMIT_S)).startswith("O") and answer != "OK":
            printed += bytes.fromhex(answer[1:]).decode("utf-8", "replace")
        return printed if answer == "OK" else printed + answer

    # Packets

    def ask(self, packet: str | bytes) -> str:
        """One request and its answer. Raises Gone."""
        self.send(packet)
        return self.receive(_ANSWER_LIMIT_S)

    def send(self, packet: str | bytes) -> None:
        """A request whose answer is waited for elsewhere. Raises Gone."""
        self._put(framed(packet.encode() if isinstance(packet, str) else packet))

    def interrupt(self) -> None:
        """Stop what runs. Raises Gone."""
        self._put(INTERRUPT)

    def _put(self, data: bytes) -> None:
        try:
            self._requests.write(data)
            self._requests.flush()
        except OSError:
            raise Gone from None

    def receive(self, limit_s: float | None) -> str:
        """The next packet, acknowledged. Raises TimeoutError and keeps what has come; None: no limit."""
        end = None if limit_s is None else time.monotonic() + limit_s
        while True:
            packet, self._buffer = take(self._buffer)
            if packet is not None:
                break
            left = None if end is None else max(0, end - time.monotonic())
            if not select.select([self._answers], [], [], left)[0]:
                raise TimeoutError
            try:
                more = os.read(self._answers.fileno(), 65536)
            except OSError:
                raise Gone from None
            if not more:
                raise Gone
            self._buffer += more
        if packet[:1] in (b"W", b"X"):  # the process ends
            raise Gone
        self._requests.write(ACKNOWLEDGED)
        answer = answered(packet).decode("latin-1")
        if _STOP.match(answer):
            self.signal = int(answer[1:3], 16)
        return answer
