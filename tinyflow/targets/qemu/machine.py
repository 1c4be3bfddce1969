"""A board of QEMU with one firmware: one process, its GDB stub on the standard streams, its counts in a shared file.

The stack is measured by painting it before a call and looking how far the paint is gone; the heap likewise, since
`load`. An exception ends a call: the probe leads all of them to an address of its own, and lets the processor's memory
protection refuse what lies outside the target's memory map, for QEMU itself is no checker. After an error the next
access starts a new process: an exception leaves a processor in no state to go on.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.errors import RunError, Timeout, ToolError
from tinyflow.core.process import advice_on, clean_environment, end_of, with_parent
from tinyflow.targets import elf
from tinyflow.targets.blocks import Edge
from tinyflow.targets.profile import count_calls_begun, count_functions
from tinyflow.targets.protocol import Calls, Counters
from tinyflow.targets.qemu import faults
from tinyflow.targets.qemu.boards import RETURN_ADDRESS, TRAP_ADDRESS, Board, board, catch_traps
from tinyflow.targets.qemu.counter import Table
from tinyflow.targets.qemu.gdb import Gone, Remote

_PAINT = b"\xa5"
_EXIT_LIMIT_S = 10  # of a process whose answers have ended
_STARTUP_LIMIT_INSTRUCTIONS = 100_000_000
_PROBE_LIMIT_INSTRUCTIONS = 1_000_000  # what the probe itself runs
_LOOK_EVERY_S = 0.5
_SILENT_LOOKS = 3  # without an instruction, until we ask what it waits for
_LARGEST_SILENCES = 20  # of a processor that doesn't wait, on a machine that is very busy
_LOCKUP = re.compile(r"Lockup.*?R13=([0-9a-f]+).*?R15=([0-9a-f]+)", re.DOTALL)
_THUMB_STATE = 1 << 24  # of xPSR


class Qemu:
    """A simulated board: see `protocol.Machine`."""

    is_native = False

    def __init__(self, program: str, target: Mapping[str, Any], plugin: Path) -> None:
        """`program` is QEMU's; `plugin` what `counter.build` made."""
        self._program = program
        self._target = target
        self._plugin = plugin
        self._board: Board = board(target["cpu"])
        self._folder = Path(tempfile.mkdtemp(prefix="tinyflow-qemu-"))
        self._table = Table(self._folder / "table")
        self._process: subprocess.Popen[bytes] | None = None
        self._remote: Remote
        self._path: Path
        self._firmware: elf.Firmware
        self._is_fit = False  # after `load`, until an error

    @property
    def firmware(self) -> elf.Firmware:
        """What is loaded."""
        return self._firmware

    @property
    def edges(self) -> list[Edge]:
        """The raw counts of the last call (or start-up)."""
        return self._table.edges()

    def load(self, firmware: Path) -> Counters:
        """See `protocol.Machine`. RAM begins as paint, not as zeros, so that nothing works by luck."""
        self._path = firmware
        self._firmware = elf.read(firmware)
        self._check(firmware)
        self._start(firmware)
        self._is_fit = True
        main = self._firmware.address("main")
        self._remote.add_breakpoint(main, 2)
        counters = self._run("reset", self._reset(), main, _STARTUP_LIMIT_INSTRUCTIONS)
        self._remote.remove_breakpoint(main, 2)
        for address in (RETURN_ADDRESS, TRAP_ADDRESS):
            self._remote.add_breakpoint(address, 2)
        self._table.reset(_PROBE_LIMIT_INSTRUCTIONS)
        catch_traps(self._remote, self._board, self._target["memory"])
        return counters

    def call(self, symbol: str, *, limit_instructions: int) -> tuple[int, Counters]:
        """See `protocol.Machine`. Registers begin as 0, so that one call doesn't depend on another's leavings."""
        begin = self._firmware.address(symbol)
        bottom, size = self._stack()
        self._revive()
        self._remote.write(bottom, _PAINT * size)
        registers = dict.fromkeys(self._board.others, 0)
        registers["sp"] = (bottom + size) & -self._board.stack_alignment
        registers[self._board.link] = RETURN_ADDRESS | self._board.code_bit
        for name, value in registers.items():
            self._remote.set(name, value)
        counters = self._run(symbol, begin, RETURN_ADDRESS, limit_instructions)
        status = (self._remote.get(self._board.result) & 0xFFFFFFFF).to_bytes(4, "little")
        return int.from_bytes(status, "little", signed=True), counters

    def follow(
        self,
        symbol: str,
        dispatcher: str,
        functions: Collection[str],
        calls: Calls,
        *,
        limit_instructions: int,
    ) -> None:
        """See `protocol.Machine`; QEMU's counter tells of calls when they are over."""

    def calls_begun(self, dispatcher: str, functions: Collection[str]) -> int:
        """See `protocol.Machine`; the counts outlive QEMU."""
        return count_calls_begun(self.edges, self._firmware, dispatcher, functions)

    def read(self, symbol: str, size_bytes: int) -> bytes:
        """See `protocol.Machine`."""
        self._revive()
        data = self._remote.read(self._firmware.address(symbol), size_bytes)
        if data is None:
            raise RunError(f"{size_bytes} bytes at {symbol} lie outside the target's memory")
        return data

    def write(self, symbol: str, data: bytes) -> None:
        """See `protocol.Machine`."""
        self._revive()
        if not self._remote.write(self._firmware.address(symbol), data):
            raise RunError(f"{len(data)} bytes at {symbol} lie outside the target's memory")

    def counting_twin(self, symbol: str) -> None:
        """See `protocol.Machine`; this one counts."""

    def close(self) -> None:
        """See `protocol.Machine`."""
        self._end()
        self._table.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _revive(self) -> None:
        """Begin anew after an error."""
        if not self._is_fit:
            self._end()
            self.load(self._path)

    def _check(self, path: Path) -> None:
        """Refuse firmware of another processor or memory map."""
        if self._firmware.machine != self._board.machine:
            what = f"is {self._firmware.machine}, not {self._board.machine}"
            raise RunError(what, where=path.name, hint=f"is it built for {self._target['cpu']}?")
        flash = [region for region in self._target["memory"] if region["kind"] == "flash"]
        for segment in self._firmware.segments:
            begin, end = segment.load_address, segment.load_address + len(segment.data)
            if begin < end and not any(r["origin"] <= begin and end <= r["origin"] + r["length_bytes"] for r in flash):
                what = f"bytes 0x{begin:08x} to 0x{end - 1:08x} of the firmware lie outside flash"
                raise RunError(what, hint=f"is it linked for {self._target['name']}?")

    def _start(self, firmware: Path) -> None:
        """Start QEMU, stopped before the first instruction; its loader fills memory."""
        command: list[str | Path] = [self._program, *self._board.options, "-S", "-gdb", "stdio", "-display", "none"]
        command += ["-nodefaults", "-no-user-config", "-monitor", "none", "-serial", "none"]
        command += ["-plugin", f"{self._plugin.resolve()},table={self._folder / 'table'}"]
        for number, region in enumerate(region for region in self._target["memory"] if region["kind"] == "ram"):
            paint = self._folder / f"paint{number}"
            paint.write_bytes(_PAINT * region["length_bytes"])
            command += ["-device", f"loader,file={paint},addr={region['origin']:#x},force-raw=on"]
        for number, segment in enumerate(segment for segment in self._firmware.segments if segment.data):
            content = self._folder / f"segment{number}"
            content.write_bytes(segment.data)
            command += ["-device", f"loader,file={content},addr={segment.load_address:#x},force-raw=on"]
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
            hint = "apt install qemu-system-arm qemu-system-misc"
            raise ToolError(f"{self._program} is not installed", hint=hint, missing=True) from None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._remote = Remote(self._process.stdin, self._process.stdout)
        try:
            self._remote.learn_registers()
        except Gone:
            raise ToolError(f"{self._program} doesn't start", where=firmware.name, hint=self._errors()) from None

    def _errors(self) -> str:
        """What QEMU said last."""
        return (self._folder / "errors").read_text(errors="replace").strip()[-2000:]

    def _reset(self) -> int:
        """Where the processor begins; Arm's also takes its stack pointer from the vector table, first in flash."""
        if self._board.is_riscv:
            return self._firmware.entry
        flash = next(region for region in self._target["memory"] if region["kind"] == "flash")
        vectors = self._remote.read(flash["origin"], 8) or b""
        self._remote.set("sp", int.from_bytes(vectors[:4], "little"))
        return int.from_bytes(vectors[4:], "little") & ~1

    def _run(self, symbol: str, begin: int, until: int, limit_instructions: int) -> Counters:
        """Run from one address to another; every end but that is an error."""
        if not self._board.is_riscv:
            self._remote.set("xpsr", _THUMB_STATE)
        self._remote.set("pc", begin)
        self._table.reset(limit_instructions)
        self._is_fit = False
        started = time.perf_counter()
        try:
            self._go(symbol)
        except Gone:
            raise self._death(symbol, limit_instructions) from None
        wall_s = time.perf_counter() - started
        if self._remote.get("pc") != until:
            raise faults.explain(self._stop(), symbol)
        self._is_fit = True
        return Counters(
            instructions=self._table.instructions,
            stack_bytes=self._stack_peak(),
            heap_bytes=self._heap_peak(),
            wall_s=wall_s,
            functions=count_functions(self._table.edges(), self._firmware),
        )

    def _go(self, symbol: str) -> None:
        """Run until it stops; a processor that has waited for an interrupt for some time is refused."""
        looks: list[int] = []
        silences = 0

        def is_silent() -> bool:
            looks.append(self._table.instructions)
            return len(looks) > _SILENT_LOOKS and looks[-1] == looks[-1 - _SILENT_LOOKS]

        while not self._remote.run(is_silent, _LOOK_EVERY_S):
            silences += 1
            faults.refuse_waiting(self._stop(), symbol)
            if silences > _LARGEST_SILENCES:
                where = elf.place(self._firmware, self._table.last[0])
                raise RunError(f"QEMU makes no headway in a call of {symbol}", where=where)
            looks.clear()

    def _stop(self) -> faults.Stop:
        return faults.Stop(
            self._board, self._firmware, self._target, self._remote, self._table.last, self._table.instructions
        )

    def _death(self, symbol: str, limit_instructions: int) -> RunError | Timeout:
        where = elf.place(self._firmware, self._table.last[0])
        if self._table.is_over_limit:
            return Timeout(
                f"{symbol} didn't return within {limit_instructions} instructions",
                where=where,
                hint="is it a loop without end? Else raise `limit` in the target's recipe",
            )
        if self._table.is_full:
            return RunError("the program has more blocks than can be counted", where=where)
        lockup = _LOCKUP.search(self._errors())
        if lockup is not None:
            stack_pointer, counter = (int(digits, 16) for digits in lockup.groups())
            return faults.explain_lockup(self._firmware, symbol, stack_pointer, counter, self._table.instructions)
        assert self._process is not None
        status = self._process.wait(_EXIT_LIMIT_S)
        advice = advice_on(-status) or self._errors()
        return RunError(f"QEMU {end_of(status)} in a call of {symbol}", where=where, hint=advice)

    def _stack(self) -> tuple[int, int]:
        """Its lowest address and its bytes."""
        bottom = self._firmware.address("tf_stack_bottom")
        return bottom, self._firmware.address("tf_stack_top") - bottom

    def _stack_peak(self) -> int:
        """Bytes from the top to the lowest that was written."""
        return len((self._remote.read(*self._stack()) or b"").lstrip(_PAINT))

    def _heap_peak(self) -> int:
        """Bytes from the heap's start to the highest that was written; 0 where the firmware has no heap."""
        if not self._target.get("heap_bytes"):
            return 0
        start = self._firmware.address("tf_heap_start")
        size = self._firmware.address("tf_heap_end") - start
        return len((self._remote.read(start, size) or b"").rstrip(_PAINT))
