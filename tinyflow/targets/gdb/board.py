"""A board behind a GDB server: flashed, reset, called into, and read, as the simulators are.

Faults lead to the firmware's own trap, where a breakpoint waits; calls return to it, too, with no exception active.
Cycles are the chip's own count: DWT_CYCCNT of a Cortex-M, mcycle of RISC-V. Instructions aren't counted by a chip.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from tinyflow.core.errors import RunError
from tinyflow.targets import elf
from tinyflow.targets.chip import RISCV, THUMB, Chip
from tinyflow.targets.chip_faults import overflow, refusal
from tinyflow.targets.elf import place
from tinyflow.targets.gdb.server import Connection
from tinyflow.targets.gdb_port import End, fault
from tinyflow.targets.gdb_relay import Relay
from tinyflow.targets.programs import alone, load_by
from tinyflow.targets.protocol import COUNT_LIMIT, Calls, Counters, cycles_of
from tinyflow.targets.qemu import faults
from tinyflow.targets.remote import Gone, Remote
from tinyflow.targets.stops import Stops

# Armv7-M Architecture Reference Manual (DDI 0403), C1.6.5 and C1.8.8: debug exception and monitor control, data
# watchpoint and trace unit.
_DEMCR, _TRACE_ON = 0xE000EDFC, 1 << 24
_DWT_CTRL, _DWT_CYCCNT = 0xE0001000, 0xE0001004
_COUNTING, _NO_COUNTER = 1, 1 << 25
_EXCEPTION = 0x1FF  # of xPSR
# Registers of cycles, and what must be set for them: `stopcount` of the debug specification; what the ESP32-C3 has
# in place of mcycle (Technical Reference Manual, 1.5, custom CSRs: event, mode, counter), as the server may call it.
_STAND_STILL = ("dcsr", 1 << 10)
_RISCV_COUNTERS: Mapping[str, tuple[tuple[str, int], ...]] = {
    "mcycle": (_STAND_STILL,),
    "mpccr": (_STAND_STILL, ("mpcer", 1), ("mpcmr", 1)),
    "csr2018": (_STAND_STILL, ("csr2016", 1), ("csr2017", 1)),
}
_DWT = "dwt"
_LOOK_EVERY_S = 0.25
_BREAKPOINT_BYTES = 2


@dataclass
class _Walk:
    """Who follows calls: where it stops, and where after that, in order."""

    stops: Stops
    expected: Iterator[int]
    place: int | None = None


class Board(Chip):
    """One board: see `protocol.Machine`."""

    is_remote = True

    def __init__(self, target: Mapping[str, Any]) -> None:
        """Waits until nobody else uses the probe. Raises ToolError for a server that isn't there."""
        super().__init__(target, RISCV if target["isa"] == "riscv" else THUMB)
        self._words: Mapping[str, Any] = target["machine"]
        self.repetitions: int = self._words.get("repetitions", 5)
        self._limit_s: float = self._words.get("call_s", 60.0)
        self._ending = contextlib.ExitStack()
        place = self._words.get("probe") or self._words.get("connect") or " ".join(self._words["server"])
        self._ending.enter_context(alone(place))
        try:
            self._connection = Connection(self._words)
            self._ending.callback(self._connection.close)
            stream = self._connection.socket
            self._remote = Remote(stream.makefile("wb"), cast(IO[bytes], stream.makefile("rb", buffering=0)))
            with self._understood():
                self._remote.introduce(self._words.get("start_s", 10.0))
                self._remote.learn_registers({})
                self._remote.ask("?")
        except BaseException:
            self._ending.close()
            raise
        self._path: Path
        self._is_fit = False  # after `load`, until an error
        self._walk: _Walk | None = None
        self._counter = ""  # a register, or `dwt`
        self._clean_bytes = 0  # of the stack, from its bottom: what is known to be paint
        self._began: int | None = None  # what the counter showed when the last call began

    @property
    def return_address(self) -> int:
        """See `Chip`: breakpoints only work where there is code."""
        return self.firmware.address("tf_trap") & ~1

    def load(self, firmware: Path) -> Counters:
        """See `protocol.Machine`."""
        self._path, self._clean_bytes = firmware, 0
        self._read_firmware(firmware)
        segments = list(self._programmed())
        with self._understood():
            self.identify()
            self._monitor(self._words.get("reset", "reset halt"))
            self._check_memory()
            if self._words.get("loader"):
                load_by(self._words["loader"], {"elf": str(firmware)})
                self._monitor(self._words.get("reset", "reset halt"))
            elif not self._is_there(segments):
                self._flash(segments)
            main, begin = self.firmware.address("main") & ~1, self._reset()
            self._is_fit = True
            self._break(main)
            counters = self._run("reset", begin, main, 0)
            self._unbreak(main)
            for name in ("tf_trap", "tf_trap_entry"):
                with contextlib.suppress(RunError):
                    self._break(self.firmware.address(name) & ~1)
            self._counter = self._start_counter()
        return counters

    def close(self) -> None:
        """See `protocol.Machine`. The board runs on, as after power-up, where the server lets it."""
        with contextlib.suppress(Exception):
            self._remote.ask("D")
        self._ending.close()

    def last_instruction(self) -> tuple[int, bytes]:
        """See `Chip`: where the call that is under way came from; nothing tells more."""
        return self.get(self.instruction_set.link) & ~1, b""

    @property
    def executed(self) -> int | None:
        """See `Chip`: a chip doesn't count."""
        return None

    def retired(self, address: int) -> int | None:  # noqa: ARG002 (likewise)
        """See `Chip`."""
        return None

    def calls_begun(self, dispatcher: str, functions: Collection[str]) -> int:  # noqa: ARG002
        """See `protocol.Machine`: nobody counts."""
        return 0

    def follow(
        self, symbol: str, dispatcher: str, functions: Sequence[str], calls: Calls, *, limit_instructions: int
    ) -> int | None:
        """See `protocol.Machine`: by one breakpoint, at the function that is expected next."""
        try:
            own = self.firmware.symbol(dispatcher).addresses
            expected = [self.firmware.symbol(name).address for name in functions]
        except RunError:
            return None
        stops = Stops(own, dict(zip(expected, functions, strict=True)), calls)
        if dispatcher == symbol:
            stops.at(own.start, self.return_address)
        else:
            expected.insert(0, own.start)
        self._revive()
        self._walk = walk = _Walk(stops, iter(expected))
        try:
            if not self._move(walk, next(walk.expected, None)):
                return None
            status = self.call(symbol, limit_instructions=limit_instructions)[0]
            stops.end()
            return status
        finally:
            self._walk = None
            with contextlib.suppress(RunError):
                self._move(walk, None)

    def so_far(self) -> Counters:
        """See `protocol.Machine`."""
        with self._understood():
            return Counters(0.0, cycles=self._cycles())

    # Flash

    def identify(self) -> str:
        """What the chip says of itself. Raises RunError where that isn't what the recipe says."""
        mask, told = self._words.get("identification_mask", 0xFFFFFFFF), []
        for address, wanted in self._words.get("identification", {}).items():
            data = self.peek(int(address, 0), 4)
            found = f"0x{int.from_bytes(data, 'little'):08x}" if data else "nothing"
            if not data or int(found, 0) & mask != wanted & mask:
                what = f"another chip: {found} at {address}, not 0x{wanted:08x}"
                raise RunError(what, hint=f"is it {self.target['name']} that is connected?")
            told.append(f"{found} at {address}, as its recipe says")
        return "; ".join(told) or "it answers; its recipe names no identification"

    def _is_there(self, segments: list[elf.Segment]) -> bool:
        return all(self._remote.read(one.load_address, len(one.data)) == one.data for one in segments)

    def _flash(self, segments: list[elf.Segment]) -> None:
        """By the packets for flash where the server has a memory map with some, else as memory is written.

        Raises RunError where the server refuses, or the bytes aren't there afterwards.
        """
        blocks = self._blocks()
        in_flash = [one for one in segments if _spans([one], blocks)]
        for begin, size in _spans(in_flash, blocks):
            self._want_ok(f"vFlashErase:{begin:x},{size:x}", "erase flash")
        for one in in_flash:
            self._remote.write_flash(one.load_address, one.data)
        if in_flash:
            self._want_ok("vFlashDone", "write flash")
        for one in segments:
            if one not in in_flash:
                self._remote.write(one.load_address, one.data)
        if not self._is_there(segments):
            hint = "is it protected (read-out protection, option bytes)? Else say `loader: [command]` in the recipe"
            raise RunError("the firmware isn't in flash after it was written", where=self.target["name"], hint=hint)

    def _blocks(self) -> list[tuple[int, int, int]]:
        """Begin, size and size of a block of each flash that the server's memory map has."""
        found = []
        for kind, attributes, inner in re.findall(
            r'<memory\s+type="(\w+)"([^>]*)>(.*?)</memory>', self._remote.document("memory-map", ""), re.DOTALL
        ):
            numbers = {name: int(value, 0) for name, value in re.findall(r'(\w+)="(\w+)"', attributes)}
            block = re.search(r'name="blocksize">\s*(\w+)', inner)
            if kind == "flash" and block is not None:
                found.append((numbers["start"], numbers["length"], int(block[1], 0)))
        return found

    def _want_ok(self, packet: str, what: str) -> None:
        answer = self._remote.ask(packet)
        if answer != "OK":
            hint = f"it answers {answer!r} to {packet}; is flash protected? {self._connection.last_words()}".strip()
            raise RunError(f"the GDB server doesn't {what}", hint=hint)

    def _monitor(self, command: str) -> None:
        """Have the server do what its own console would; one that has none, or no such command, goes without."""
        if command:
            self._remote.monitor(command)

    # Calls

    def _start_counter(self) -> str:
        """Switch the counter of cycles on; its name, empty where there is none."""
        if self.instruction_set is RISCV:
            return next((name for name in _RISCV_COUNTERS if self._remote.has(name) and self._is_started(name)), "")
        words = [self._remote.read(address, 4) for address in (_DEMCR, _DWT_CTRL)]
        if None in words or int.from_bytes(words[1] or b"", "little") & _NO_COUNTER:
            return ""
        for address, bit, data in zip((_DEMCR, _DWT_CTRL), (_TRACE_ON, _COUNTING), words, strict=True):
            self._remote.write(address, (int.from_bytes(data or b"", "little") | bit).to_bytes(4, "little"))
        return _DWT

    def _is_started(self, counter: str) -> bool:
        """Switch one of RISC-V's on. Whether it stands still while the chip does: else it counts what isn't ours."""
        for register, bits in _RISCV_COUNTERS[counter]:
            if self._remote.has(register):
                self._remote.set(register, self._remote.get(register) | bits)
        return self._remote.get(counter) == self._remote.get(counter)

    def _count(self) -> int | None:
        """What the counter shows."""
        if self._counter != _DWT:
            return self._remote.get(self._counter) if self._counter else None
        data = self._remote.read(_DWT_CYCCNT, 4)
        return int.from_bytes(data, "little") if data else None

    def _cycles(self) -> int | None:
        """Since the call began."""
        now = self._count()
        if self._began is None or now is None or now == self._began:  # QEMU's counter stands still
            return None
        return (now - self._began) % COUNT_LIMIT

    def _revive(self) -> None:
        """See `Chip`."""
        if not self._is_fit:
            self.load(self._path)

    def _paint(self, bottom: int, size: int) -> None:
        """See `Chip`: only what isn't paint, for the way to a board is narrow."""
        super()._paint(bottom + self._clean_bytes, size - self._clean_bytes)

    def _run(self, symbol: str, begin: int, until: int, limit_instructions: int) -> Counters:  # noqa: ARG002
        """See `Chip`."""
        with self._understood():
            self._enter(begin)
            self._is_fit = False
            self._began = self._count() if symbol != "reset" else None
            started = time.perf_counter()
            is_over = not self._go()
            wall_s = time.perf_counter() - started
            counter = self._remote.get("pc")
            if is_over:
                what = f"{symbol} didn't return within {self._limit_s:g} s"
                hint = "is it a loop without end? Else raise `call` in the recipe's `gdb`"
                raise RunError(what, where=place(self.firmware, counter), hint=hint)
            if counter != until or self._is_in_exception():
                raise faults.explain(self, symbol)
            self._is_fit = True
            return self._cost(symbol, begin, wall_s)

    def _go(self) -> bool:
        """Run until it stops where nobody only wants to look; whether it did in time."""
        while True:
            end = time.perf_counter() + self._limit_s
            if not self._remote.run(lambda end=end: time.perf_counter() > end, _LOOK_EVERY_S):  # type: ignore[misc]
                return False
            if self._walk is None or not self._is_seen(self._walk):
                return True

    def _is_seen(self, walk: _Walk) -> bool:
        """Whether it has stopped where somebody wants to look; if so, that is done, and it can go on."""
        counter, rules = self._remote.get("pc"), self.instruction_set
        if counter != walk.place:
            return False
        self._is_fit = True  # to be looked at
        is_expected = walk.stops.at(counter, self._remote.get(rules.link) & ~rules.code_bit)
        self._is_fit = False
        self._move(walk, next(walk.expected, None) if is_expected else counter)
        return True

    def _move(self, walk: _Walk, place: int | None) -> bool:
        """Let it stop there next, or nowhere; whether the chip has a breakpoint for that."""
        with self._understood():
            if walk.place is not None:
                self._unbreak(walk.place)
            if walk.place is not None and walk.place == place:
                self._remote.step()
            walk.place = place
            return place is None or self._break(place)

    def _break(self, address: int) -> bool:
        return self._remote.add_breakpoint(address, _BREAKPOINT_BYTES, is_hardware=True)

    def _unbreak(self, address: int) -> None:
        self._remote.remove_breakpoint(address, _BREAKPOINT_BYTES, is_hardware=True)

    def _stub(self, symbol: str) -> Relay:
        """See `Chip`."""
        self._is_fit = False

        def end() -> End | None:
            is_trapped = self.get("pc") == self.return_address and self._is_in_exception()
            return fault(faults.explain(self, symbol)) if is_trapped else self.end_of_call(symbol)

        return Relay(self._remote, end)

    def _is_in_exception(self) -> bool:
        return self.instruction_set is THUMB and bool(self._remote.get("xpsr") & _EXCEPTION)

    def _cost(self, symbol: str, begin: int, wall_s: float) -> Counters:
        if symbol == "reset":
            return Counters(wall_s)
        cycles = cycles_of(self._cycles(), wall_s, self.target.get("clock_hz"))
        used, size = self._stack_bytes(), self._stack()[1]
        if used == size:
            raise refusal(self, overflow(size), symbol, begin)
        self._clean_bytes = size - used
        return Counters(wall_s, cycles=cycles, stack_bytes=used, heap_bytes=self._heap_bytes())

    # What the chip has

    def get(self, register: str) -> int:
        """See `Chip`."""
        with self._understood():
            return self._remote.get(register)

    def set(self, register: str, value: int) -> None:
        """See `Chip`."""
        with self._understood():
            self._remote.set(register, value)

    def peek(self, address: int, size_bytes: int) -> bytes:
        """See `Chip`."""
        with self._understood():
            return self._remote.read(address, size_bytes) or b""

    def poke(self, address: int, data: bytes) -> bool:
        """See `Chip`."""
        bottom, size = self._stack()
        if address < bottom + size and address + len(data) > bottom:
            self._clean_bytes = 0
        with self._understood():
            return self._remote.write(address, data)

    @contextlib.contextmanager
    def _understood(self) -> Iterator[None]:
        """RunError for a server that goes, is silent, or answers what nobody understands."""
        told = self._connection.last_words
        try:
            yield
        except Gone:
            hint = told() or "was the board unplugged, or the server stopped?"
            raise RunError("the GDB server has closed the connection", hint=hint) from None
        except TimeoutError:
            hint = told() or "is the board powered, and does the server see it?"
            if self._remote.unread:
                hint = f"it says {self._remote.unread[:40]!r}; is it a GDB server that listens there?"
            raise RunError("the GDB server doesn't answer", hint=hint) from None
        except (ValueError, KeyError, AssertionError) as error:
            hint = f"{error}; is it a GDB server that listens there?"
            raise RunError("the GDB server's answer isn't understood", hint=hint) from None


def _spans(segments: list[elf.Segment], blocks: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """The whole blocks that segments lie in, neighbours together."""
    found: list[tuple[int, int]] = []
    touched: set[tuple[int, int]] = set()
    for one in segments:
        for begin, length, size in blocks:
            first = max(one.load_address, begin)
            last = min(one.load_address + len(one.data), begin + length) - 1
            if first <= last:
                steps = range((first - begin) // size, (last - begin) // size + 1)
                touched.update((begin + step * size, size) for step in steps)
    for begin, size in sorted(touched):
        if found and sum(found[-1]) == begin:
            found[-1] = (found[-1][0], found[-1][1] + size)
        else:
            found.append((begin, size))
    return found
