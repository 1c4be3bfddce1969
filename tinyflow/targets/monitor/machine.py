"""A board at a serial line: its firmware does what frames ask for.

That the firmware on it is this bench's is known by checksums of all that lies in flash, which the chip computes. The
same checksums save sending what is there already, and reading what hasn't changed.
"""

from __future__ import annotations

import contextlib
import shutil
import struct
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.errors import RunError, Timeout, ToolError
from tinyflow.targets import elf
from tinyflow.targets.monitor.line import AGAIN, CALL, CHECK, READ, WRITE, Hello, Line, Trapped
from tinyflow.targets.monitor.port import Port
from tinyflow.targets.own_main import MACHINES, memory_of, words_of
from tinyflow.targets.programs import Server, alone, free_port, load_by, soon
from tinyflow.targets.protocol import Counters, Machine, cycles_of

_SHORT_S = 1.5  # for an answer of firmware that may not be there
_READ_BYTES, _CHECK_BYTES = 256, 16384  # at a time
_WORTH_CHECKING_BYTES = 64
_ERASED = b"\xff"


class Monitor(Machine):
    """See `protocol.Machine`."""

    is_remote = True

    def __init__(self, target: Mapping[str, Any]) -> None:
        """Waits until nobody else uses the port."""
        self._target = target
        self._words: Mapping[str, Any] = target["machine"]
        self.repetitions: int = self._words.get("repetitions", 5)
        self._call_s: float = self._words.get("call_s", 60.0)
        self._start_s: float = self._words.get("start_s", 10.0)
        self._ending = contextlib.ExitStack()
        if not self._words.get("server"):
            self._ending.enter_context(alone(self._words["port"]))
        self._server: Server | None = None
        self._port: Port | None = None
        self._line: Line
        self._most_bytes = 0
        self._firmware: elf.Firmware
        self._seen: dict[int, bytes] = {}  # by address, what was last read or written there

    def load(self, firmware: Path) -> Counters:
        """See `protocol.Machine`. What the board runs already is begun anew."""
        started = time.perf_counter()
        self._firmware = elf.read_for(firmware, MACHINES[self._target["isa"]], self._target["cpu"])
        with self._understood("reset"):
            if self._words.get("server"):
                self._start(firmware)
            hello = self._found(firmware)
            self._line.ask(AGAIN)
            again = self._line.hello(self._start_s)
        if again is None:
            raise self._line.nobody("It was there before it began anew")
        self._most_bytes = hello.most_bytes
        self._seen = {}
        return Counters(time.perf_counter() - started)

    def greet(self) -> str:
        """What answers at the port, for people. Raises RunError where nobody does, ToolError for want of its server."""
        if self._words.get("server"):
            program = self._words["server"][0]
            if (place := shutil.which(program)) is None:
                hint = "put its folder on PATH, or correct `server` in the recipe's `monitor`"
                raise ToolError(f"{program} is not installed", hint=hint, missing=True)
            return f"{place} is started for each bench"
        self._open()
        if self._line.hello(self._start_s) is None:
            raise self._line.nobody("")
        return f"firmware with a monitor answers at {self._words['port']}"

    def call(
        self,
        symbol: str,
        *,
        limit_instructions: int,  # noqa: ARG002 (a limit of time does)
        given: bytes = b"",
    ) -> tuple[int, Counters]:
        """See `protocol.Machine`."""
        address = self._firmware.address(symbol) | int(self._target["isa"] == "thumb")
        with self._understood(symbol):
            at = 0
            if given:
                at = elf.free_place(self._firmware, self._target["memory"], symbol, len(given))
                self._write(at, given)
            started = time.perf_counter()
            told = self._line.ask(CALL, struct.pack("<2I", address, at), call_s=self._call_s)
            wall_s = time.perf_counter() - started
        status, stack, most, count = struct.unpack("<i3I", told)
        cycles = cycles_of(count, wall_s, self._target.get("clock_hz"))
        stack_bytes, heap_bytes = memory_of(self._target, symbol, stack, most)
        return status, Counters(wall_s, stack_bytes=stack_bytes, heap_bytes=heap_bytes, cycles=cycles)

    def read(self, symbol: str, size_bytes: int) -> bytes:
        """See `protocol.Machine`."""
        address = self._firmware.address(symbol)
        with self._understood(symbol):
            seen = self._seen.get(address, b"")
            if size_bytes != len(seen) or size_bytes < _WORTH_CHECKING_BYTES or not self._is_there(address, seen):
                seen = b"".join(
                    self._line.ask(READ, struct.pack("<2I", begin, size), answer_bytes=size)
                    for begin, size in _pieces(address, size_bytes, _READ_BYTES)
                )
                self._seen[address] = seen
        return seen

    def write(self, symbol: str, data: bytes) -> None:
        """See `protocol.Machine`."""
        address = self._firmware.address(symbol)
        with self._understood(symbol):
            if self._seen.get(address) != data or not self._is_there(address, data):
                self._write(address, data)
                self._seen[address] = data

    def close(self) -> None:
        """See `protocol.Machine`. The board goes on waiting for somebody."""
        self._stop()
        self._ending.close()

    # The board

    def _start(self, firmware: Path) -> None:
        """Run what stands for the board, anew if it runs, and wait until its port is there."""
        self._stop()
        number = free_port()
        self._server = Server(self._words["server"], {"port": number, "elf": str(firmware)})
        self._open_soon(self._words["port"].replace("{port}", number))

    def _stop(self) -> None:
        self._close_port()
        if self._server is not None:
            self._server.close()
            self._server = None

    def _found(self, firmware: Path) -> Hello:
        """The board with this firmware, which is loaded if it has another. Raises RunError where that can't be had."""
        loader, line = self._words.get("loader"), self._words.get("reset")
        if self._port is None:
            self._open()
        assert self._port is not None
        hello = self._line.hello(_SHORT_S if loader or line else self._start_s)
        if hello is None and line:
            self._port.pulse(line)
            hello = self._line.hello(_SHORT_S if loader else self._start_s)
        if hello is not None and self._is_ours():
            return hello
        if not loader:
            hint = "Write this bench's firmware.elf to it, or say `loader: [command]` in its recipe"
            if hello is None:
                raise self._line.nobody("Else press its reset button")
            raise RunError(f"other firmware answers at {self._port.name}", where=self._target["name"], hint=hint)
        self._close_port()
        with tempfile.TemporaryDirectory(prefix="tinyflow-monitor-") as folder:
            flat = Path(folder) / "firmware.bin"
            flat.write_bytes(_flat(self._firmware))
            load_by(loader, {"elf": str(firmware), "bin": str(flat), "port": self._words["port"]})
        self._open_soon(self._words["port"])
        hello = self._line.hello(self._start_s)
        if hello is None:
            raise self._line.nobody(f"{loader[0]} said that it was loaded: does it start it, too?")
        if not self._is_ours():
            what = f"{loader[0]} has ended well, and other firmware answers at {self._words['port']}"
            raise RunError(what, where=self._target["name"], hint="does it write to where the recipe has its flash?")
        return hello

    def _is_ours(self) -> bool:
        """Whether all that lies in flash is this firmware's."""
        try:
            return all(self._is_there(one.load_address, one.data) for one in self._firmware.segments if one.data)
        except Trapped:  # there is no memory
            return False

    def _open(self, name: str | None = None) -> None:
        self._port = Port(name or self._words["port"], self._words.get("baud", 115200))
        self._line = Line(self._port)

    def _open_soon(self, name: str) -> None:
        """The same, once it is there."""
        try:
            soon(lambda: self._open(name), self._start_s, self._server)
        except ToolError as error:
            if self._server is not None and self._server.status() is None:
                error.hint = self._server.last_words() or error.hint
            raise

    def _close_port(self) -> None:
        if self._port is not None:
            self._port.close()
            self._port = None

    # Memory

    def _is_there(self, address: int, data: bytes) -> bool:
        """By checksums."""
        for begin, size in _pieces(address, len(data), _CHECK_BYTES):
            (found,) = struct.unpack("<I", self._line.ask(CHECK, struct.pack("<2I", begin, size)))
            if found != zlib.crc32(data[begin - address :][:size]):
                return False
        return True

    def _write(self, address: int, data: bytes) -> None:
        for begin, size in _pieces(address, len(data), self._most_bytes):
            self._line.ask(WRITE, struct.pack("<I", begin) + data[begin - address :][:size])

    @contextlib.contextmanager
    def _understood(self, symbol: str) -> Iterator[None]:
        """Name the function that it is about."""
        try:
            yield
        except Trapped as error:
            cause, counter, value = struct.unpack_from("<3I", error.told)
            words, hint = words_of(self._target["isa"], cause, value)
            where = elf.place(self._firmware, counter)
            raise RunError(f"{words} in a call of {symbol}", where=where, hint=hint) from None
        except Timeout as error:
            error.what = f"{symbol} {error.what}"
            error.where = symbol
            error.hint = "a loop without end? Else raise `call` in the recipe's `monitor`; the board needs a reset now"
            raise


def _pieces(address: int, size_bytes: int, most_bytes: int) -> Iterator[tuple[int, int]]:
    """Begin and size of each."""
    end = address + size_bytes
    for begin in range(address, end, most_bytes):
        yield begin, min(most_bytes, end - begin)


def _flat(firmware: elf.Firmware) -> bytes:
    """All bytes as they lie in flash, from the first; gaps as if erased."""
    segments = sorted((one for one in firmware.segments if one.data), key=lambda one: one.load_address)
    made, first = bytearray(), segments[0].load_address
    for one in segments:
        made += _ERASED * (one.load_address - first - len(made)) + one.data
    return bytes(made)
