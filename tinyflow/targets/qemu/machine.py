"""A board of QEMU with one firmware: one process, its GDB stub on the standard streams, its counts in a shared file.

An exception ends a call: the probe leads all of them to an address of its own, and lets the processor's memory
protection refuse what lies outside the target's memory map, for QEMU itself is not a checker. After an error the next
access starts a new process: an exception leaves a processor in no state to go on.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

from tinyflow.core.errors import RunError, Timeout, ToolError
from tinyflow.core.process import advice_on, clean_environment, end_of, with_parent
from tinyflow.targets import elf
from tinyflow.targets.chip import NO_LIMIT, PAINT, RETURN_ADDRESS, STARTUP_LIMIT_INSTRUCTIONS, Chip
from tinyflow.targets.chip_faults import overflow, refusal
from tinyflow.targets.elf import addresses
from tinyflow.targets.gdb_port import End, fault
from tinyflow.targets.gdb_relay import Relay
from tinyflow.targets.protocol import Calls, Counters
from tinyflow.targets.qemu import faults
from tinyflow.targets.qemu.boards import Board, board, catch_traps
from tinyflow.targets.qemu.counter import Table
from tinyflow.targets.remote import Gone, Remote
from tinyflow.targets.segments import PAGE_BYTES, READABLE, WRITABLE, with_segment
from tinyflow.targets.stops import Stops

_EXIT_LIMIT_S = 10  # of a process whose answers have ended
_PROBE_LIMIT_INSTRUCTIONS = 1_000_000  # what the probe itself runs
_STOPPED = 5  # by a breakpoint, and at the beginning
_CONNECT_EVERY_S = 0.005
_PORT = "port"  # in the machine's folder
_LOOK_EVERY_S = 0.5
_SILENT_LOOKS = 3  # without an instruction, until we ask what it waits for
_LARGEST_SILENCES = 20  # of a processor that doesn't wait, on a machine that is very busy
_LOCKUP = re.compile(r"Lockup.*?R13=([0-9a-f]+).*?R15=([0-9a-f]+)", re.DOTALL)


class Qemu(Chip):
    """A simulated board: see `protocol.Machine`."""

    is_remote = True

    def __init__(self, target: Mapping[str, Any], plugin: Path) -> None:
        """`plugin` is counter.so."""
        self._board: Board = board(target)
        super().__init__(target, self._board.instruction_set)
        self._plugin = plugin
        self._folder = Path(tempfile.mkdtemp(prefix="tinyflow-qemu-"))
        self.table: Table = Table(self._folder / "table")
        self._process: subprocess.Popen[bytes] | None = None
        self._remote: Remote
        self._path: Path
        self._is_fit = False  # after `load`, until an error
        self._stops: Stops | None = None
        self._ending = contextlib.ExitStack()

    def load(self, firmware: Path) -> Counters:
        """See `protocol.Machine`."""
        self._path = firmware
        self._read_firmware(firmware)
        self._start(firmware)
        self._is_fit = True
        main = self.firmware.address("main")
        if self._board.is_user:  # whose memory begins as zeros
            heaps = [self._between("tf_heap_start", "tf_heap_end")] if self.target.get("heap_bytes") else []
            for begin, size in (self._stack(), *heaps):
                self.poke(begin, PAINT * size)
        else:
            self._check_memory()
        self._remote.add_breakpoint(main, 2)
        counters = self._run("reset", self._reset(), main, STARTUP_LIMIT_INSTRUCTIONS)
        self._remote.remove_breakpoint(main, 2)
        for address in (RETURN_ADDRESS, *self._board.traps):
            self._remote.add_breakpoint(address, 2)
        self.table.reset(_PROBE_LIMIT_INSTRUCTIONS)
        catch_traps(self._remote, self._board, self.target["memory"])
        return counters

    def follow(
        self, symbol: str, dispatcher: str, functions: Sequence[str], calls: Calls, *, limit_instructions: int
    ) -> int | None:
        """See `protocol.Machine`: by breakpoints."""
        try:
            entries = {self.firmware.symbol(name).address: name for name in functions}
            stops = Stops(self.firmware.symbol(dispatcher).addresses, entries, calls)
        except RunError:
            return None
        self._revive()
        self._stops = stops
        try:
            for address in stops.addresses:
                self._remote.add_breakpoint(address, 2)
            status = self.call(symbol, limit_instructions=limit_instructions)[0]
            for address in stops.addresses:
                self._remote.remove_breakpoint(address, 2)
        finally:
            self._stops = None
        stops.end()
        return status

    def so_far(self) -> Counters:
        """See `protocol.Machine`."""
        return Counters(0.0, instructions=self.table.instructions)

    def close(self) -> None:
        """See `protocol.Machine`."""
        self._end()
        self.table.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        self._ending.close()
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _revive(self) -> None:
        """See `Chip`."""
        if not self._is_fit:
            self._end()
            self.load(self._path)

    def _start(self, firmware: Path) -> None:
        """Start QEMU, stopped before the first instruction."""
        command: list[str | Path] = [self._board.program, *self._board.options]
        command += ["-plugin", f"{self._plugin.resolve()},table={self._folder / 'table'}"]
        command += self._as_program() if self._board.is_user else self._as_board()
        try:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                env=clean_environment(self._folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=(self._folder / "errors").open("wb"),
                preexec_fn=with_parent(),
            )
        except FileNotFoundError:
            what, hint = f"{self._board.program} is not installed", self._board.package_hint
            raise ToolError(what, hint=hint, missing=True) from None
        try:
            self._remote = self._connected(self._process)
            self._remote.learn_registers(self._board.registers)
        except Gone:
            raise ToolError(f"{self._board.program} doesn't start", where=firmware.name, hint=self._errors()) from None

    def _as_board(self) -> list[str | Path]:
        """Its loader fills memory."""
        words: list[str | Path] = ["-S", "-gdb", "stdio", "-display", "none", "-nodefaults", "-no-user-config"]
        words += ["-monitor", "none", "-serial", "none"]
        contents = [(region["origin"], PAINT * region["length_bytes"]) for region in self._regions("ram")]
        contents += [(segment.load_address, segment.data) for segment in self._programmed()]
        for number, (address, data) in enumerate(contents):
            content = self._folder / f"content{number}"
            content.write_bytes(data)
            words += ["-device", f"loader,file={content},addr={address:#x},force-raw=on"]
        return words

    def _as_program(self) -> list[str | Path]:
        """It maps the program's segments, and what they leave of RAM."""
        program, file = self._folder / "program", self._path.read_bytes()
        for region in self._regions("ram"):
            places = addresses(region)
            ends = [one.address + one.size_bytes for one in self.firmware.sections if one.address in places]
            begin = -(-max(ends, default=region["origin"]) // PAGE_BYTES) * PAGE_BYTES
            if begin < places.stop:
                size = places.stop - begin
                file = with_segment(file, begin, b"", size, READABLE | WRITABLE, PAGE_BYTES)
        program.write_bytes(file)
        program.chmod(0o700)
        (self._folder / _PORT).unlink(missing_ok=True)  # of a process before
        return ["-g", _PORT, program]

    def _connected(self, process: subprocess.Popen[bytes]) -> Remote:
        """To its GDB stub. Raises Gone where it has ended."""
        if not self._board.is_user:
            assert process.stdin is not None and process.stdout is not None
            return Remote(process.stdin, process.stdout, ":p1.1")
        stream = self._ending.enter_context(socket.socket(socket.AF_UNIX))
        folder = os.open(self._folder, os.O_PATH)  # whose own name may be longer than an address
        self._ending.callback(os.close, folder)
        while True:
            try:
                stream.connect(f"/proc/self/fd/{folder}/{_PORT}")
                return Remote(stream.makefile("wb"), cast(IO[bytes], stream.makefile("rb", buffering=0)))
            except (FileNotFoundError, ConnectionRefusedError):
                if process.poll() is not None:
                    raise Gone from None
                time.sleep(_CONNECT_EVERY_S)

    def _errors(self) -> str:
        """What QEMU said last."""
        return (self._folder / "errors").read_text(errors="replace").strip()[-2000:]

    def _run(self, symbol: str, begin: int, until: int, limit_instructions: int) -> Counters:
        """See `Chip`."""
        self._enter(begin)
        self.table.reset(limit_instructions)
        self._is_fit = False
        started = time.perf_counter()
        try:
            self._go(symbol)
        except Gone:
            raise self._death(symbol, limit_instructions) from None
        wall_s = time.perf_counter() - started
        if self._remote.get("pc") != until:
            raise self._fault(symbol)
        self._is_fit = True
        counters = self._counters(wall_s)
        size = self._stack()[1]
        if not self._board.is_protected and counters.stack_bytes == size:
            raise refusal(self, overflow(size), symbol, begin, counters.instructions)
        return counters

    def _go(self, symbol: str) -> None:
        """Run until it stops; a processor that has waited for an interrupt for some time is refused."""
        looks: list[int] = []
        silences = 0

        def is_silent() -> bool:
            looks.append(self.table.instructions)
            return len(looks) > _SILENT_LOOKS and looks[-1] == looks[-1 - _SILENT_LOOKS]

        while True:
            if self._remote.run(is_silent, _LOOK_EVERY_S):
                if not self._is_at_stop():
                    return
                continue
            silences += 1
            faults.refuse_waiting(self, symbol)
            if silences > _LARGEST_SILENCES:
                where = elf.place(self.firmware, self.table.last[0])
                raise RunError(f"QEMU makes no headway in a call of {symbol}", where=where)
            looks.clear()

    def _is_at_stop(self) -> bool:
        """Whether it has stopped where somebody wants to look; if so, that is done, and it can go on."""
        counter = self._remote.get("pc")
        if self._stops is None or counter not in self._stops.addresses:
            return False
        rules = self.instruction_set
        self._is_fit = True  # to be looked at
        self._stops.at(counter, self._remote.get(rules.link) & ~rules.code_bit)
        self._is_fit = False
        self._remote.remove_breakpoint(counter, 2)
        self._remote.step()
        self._remote.add_breakpoint(counter, 2)
        return True

    def _fault(self, symbol: str) -> RunError:
        """What stopped it."""
        if self._board.is_user:
            return faults.explain_signal(self, symbol, self._remote.signal)
        return faults.explain(self, symbol)

    def _stub(self, symbol: str) -> Relay:
        """See `Chip`."""
        self.table.reset(NO_LIMIT)
        self._is_fit = False

        def end() -> End | None:
            is_trapped = self._remote.signal != _STOPPED if self._board.is_user else self.get("pc") in self._board.traps
            if is_trapped:
                return fault(self._fault(symbol))
            return self.end_of_call(symbol)

        return Relay(self._remote, end)

    def _death(self, symbol: str, limit_instructions: int) -> RunError | Timeout:
        where = elf.place(self.firmware, self.table.last[0])
        if self.table.is_over_limit:
            return self._timeout(symbol, limit_instructions)
        if self.table.is_full:
            return RunError("the program has more blocks than can be counted", where=where)
        lockup = _LOCKUP.search(self._errors())
        if lockup is not None:
            stack_pointer, counter = (int(digits, 16) for digits in lockup.groups())
            words = faults.lockup(self, stack_pointer)
            return refusal(self, words, symbol, counter, self.table.instructions)
        assert self._process is not None
        status = self._process.wait(_EXIT_LIMIT_S)
        advice = advice_on(-status) or self._errors()
        return RunError(f"QEMU {end_of(status)} in a call of {symbol}", where=where, hint=advice)

    def get(self, register: str) -> int:
        """See `Chip`."""
        return self._remote.get(register)

    def set(self, register: str, value: int) -> None:
        """See `Chip`."""
        self._remote.set(register, value)

    def peek(self, address: int, size_bytes: int) -> bytes:
        """See `Chip`."""
        return self._remote.read(address, size_bytes) or b""

    def poke(self, address: int, data: bytes) -> bool:
        """See `Chip`."""
        return self._remote.write(address, data)
