"""A chip in memory: flash, RAM, one core; firmware goes in, exact counts come out.

The stack is measured by painting it before a call and looking how far the paint is gone; the heap likewise, since
`load`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.errors import RunError, Timeout, UsageError
from tinyflow.targets import elf
from tinyflow.targets.blocks import Edge, instruction_lengths
from tinyflow.targets.guarding import Guarded
from tinyflow.targets.profile import count_calls_begun, count_functions
from tinyflow.targets.protocol import Calls, Counters
from tinyflow.targets.unicorn import faults
from tinyflow.targets.unicorn.block_table import BlockTable, attach
from tinyflow.targets.unicorn.flash_model import FlashModel
from tinyflow.targets.unicorn.follow import Follower
from tinyflow.targets.unicorn.guard import Guard
from tinyflow.targets.unicorn.memory_map import PAGE_BYTES, map_memory
from tinyflow.targets.unicorn.processor import Processor, processor
from tinyflow.targets.unicorn.system_space import map_system_space
from tinyflow.targets.unicorn.trace import Piece, Recorder

_PAINT = b"\xa5"
# Start-up copies and clears RAM, a few instructions for a word; more than this is a loop.
_STARTUP_LIMIT_INSTRUCTIONS = 100_000_000
# A page of our own, executable by the architectures' default maps, where no chip has memory: calls return there.
_RETURN_ADDRESS = 0x9FFFF000


class Simulator:
    """The built-in instruction-set simulator: see `protocol.Machine`."""

    is_native = False

    def __init__(self, target: Mapping[str, Any], library: Path | None, guard: Path | None = None) -> None:
        """`target` is the recipe as a mapping; `library` is block_table.so, without which counting is slow.

        `guard` is guard.so, which `watch_writes` needs.
        """
        self._target = target
        self._library = library
        self._guard_library = guard
        self._guard: Guard | None = None
        self._processor: Processor = processor(target["cpu"])
        self._engine: Any = None
        self._table: BlockTable
        self._events: faults.Events
        self._firmware: elf.Firmware

    @property
    def edges(self) -> list[Edge]:
        """The raw counts of the last call (or start-up): every profile follows from them."""
        return self._table.edges()

    def load(self, firmware: Path) -> Counters:
        """See `protocol.Machine`. RAM begins as paint, not as zeros, so that nothing works by luck."""
        self._firmware = elf.read(firmware)
        if self._firmware.machine != self._processor.machine:
            hint = f"is it built for {self._processor.name}?"
            raise RunError(
                f"is {self._firmware.machine}, not {self._processor.machine}", where=firmware.name, hint=hint
            )
        self._engine = self._processor.open_engine()
        self._events = faults.watch(self._engine)
        self._map_memory()
        self._program_flash()
        self._table = attach(self._engine, self._library, self._processor.is_riscv)
        return self._run("reset", self._reset(), self._firmware.address("main"), _STARTUP_LIMIT_INSTRUCTIONS)

    def call(self, symbol: str, *, limit_instructions: int) -> tuple[int, Counters]:
        """See `protocol.Machine`. Registers begin as 0, so that one call doesn't depend on another's leavings."""
        begin = self._firmware.address(symbol)
        bottom, size = self._stack()
        self._engine.mem_write(bottom, _PAINT * size)
        cpu = self._processor
        for register in cpu.others:
            self._engine.reg_write(register, 0)
        self._engine.reg_write(cpu.stack_pointer, (bottom + size) & -cpu.stack_alignment)
        self._engine.reg_write(cpu.link, _RETURN_ADDRESS | cpu.code_bit)
        counters = self._run(symbol, begin, _RETURN_ADDRESS, limit_instructions)
        result = int(self._engine.reg_read(cpu.result)).to_bytes(4, "little")
        return int.from_bytes(result, "little", signed=True), counters

    def trace(
        self,
        symbol: str,
        dispatcher: str,
        *,
        limit_instructions: int,
        flash_cache: tuple[Path, Mapping[str, int]] | None = None,
    ) -> tuple[int, Counters, list[Piece]]:
        """Like `call`, cut into what `dispatcher` called, in order. Raises RunError where there is no such function.

        With `flash_cache` (flash_model.so, and the cache as FlashModel takes it) waits for flash are counted.
        """
        flash = None
        if flash_cache is not None:
            region = next(region for region in self._target["memory"] if region["kind"] == "flash")
            flash = FlashModel(self._engine, flash_cache[0], region, flash_cache[1])
        recorder = Recorder(self._engine, self._table, self._firmware, dispatcher, flash)
        status, counters = self.call(symbol, limit_instructions=limit_instructions)
        return status, counters, recorder.pieces()

    def watch_writes(self, guarded: Guarded) -> None:
        """From now on raise RunError for a write of a layer outside of what it may write."""
        if self._guard_library is None:
            raise UsageError("writes can't be watched without guard.so")
        self._guard = Guard(
            self._engine,
            self._processor,
            self._firmware,
            self._guard_library,
            guarded,
            self._watched(guarded),
            _RETURN_ADDRESS | self._processor.code_bit,
        )

    def _watched(self, guarded: Guarded) -> range:
        """The arena, or from the first to the last address of RAM."""
        if guarded.is_arena_only:
            return guarded.arena.addresses(self._firmware)
        ram = [region for region in self._target["memory"] if region["kind"] == "ram"]
        return range(min(r["origin"] for r in ram), max(r["origin"] + r["length_bytes"] for r in ram))

    def calls_begun(self, dispatcher: str, functions: Collection[str]) -> int:
        """How many calls of these functions `dispatcher` had begun when the last call ended, however it ended."""
        return count_calls_begun(self.edges, self._firmware, dispatcher, functions)

    def follow(
        self, symbol: str, dispatcher: str, functions: Collection[str], calls: Calls, *, limit_instructions: int
    ) -> int | None:
        """See `protocol.Machine`."""
        try:
            follower = Follower(self._engine, self._processor, self._firmware, dispatcher, functions, calls)
        except RunError:
            return None
        try:
            return self.call(symbol, limit_instructions=limit_instructions)[0]
        finally:
            follower.close()

    @property
    def firmware(self) -> elf.Firmware:
        """What was loaded."""
        return self._firmware

    def read(self, symbol: str, size_bytes: int) -> bytes:
        """See `protocol.Machine`."""
        return bytes(self._access(self._engine.mem_read, symbol, size_bytes, size_bytes))

    def write(self, symbol: str, data: bytes) -> None:
        """See `protocol.Machine`."""
        self._access(self._engine.mem_write, symbol, data, len(data))

    def counting_twin(self, symbol: str) -> None:
        """See `protocol.Machine`; this one counts."""

    def close(self) -> None:
        """See `protocol.Machine`."""
        self._engine = None

    def _map_memory(self) -> None:
        from unicorn import UC_PROT_EXEC, UC_PROT_READ, UcError

        map_memory(self._engine, self._target["memory"], self._events, is_riscv=self._processor.is_riscv)
        for region in self._target["memory"]:
            if region["kind"] == "ram":
                self._engine.mem_write(region["origin"], _PAINT * region["length_bytes"])
        try:
            self._engine.mem_map(_RETURN_ADDRESS, PAGE_BYTES, UC_PROT_READ | UC_PROT_EXEC)
            if not self._processor.is_riscv:
                map_system_space(self._engine, self._processor.name, lambda: self._table.instructions)
        except UcError as error:
            what = f"memory lies where calls return to (0x{_RETURN_ADDRESS:08x}) or where Arm has the core's registers"
            raise UsageError(what, hint="the built-in simulator needs both; move it in the recipe") from error

    def _program_flash(self) -> None:
        """Put every segment that has bytes where it lies before reset, as a programmer of flash does."""
        flash = [region for region in self._target["memory"] if region["kind"] == "flash"]
        for segment in self._firmware.segments:
            begin, end = segment.load_address, segment.load_address + len(segment.data)
            if begin == end:
                continue
            if not any(r["origin"] <= begin and end <= r["origin"] + r["length_bytes"] for r in flash):
                what = f"bytes 0x{begin:08x} to 0x{end - 1:08x} of the firmware lie outside flash"
                raise RunError(what, hint=f"is it linked for {self._target['name']}?")
            self._engine.mem_write(begin, segment.data)

    def _reset(self) -> int:
        """Where the processor begins; Arm's also takes its stack pointer from the vector table.

        That is first in flash, or as near to it as its alignment lets it.
        """
        if self._processor.is_riscv:
            return self._firmware.entry
        flash = next(region for region in self._target["memory"] if region["kind"] == "flash")
        sections = (section.address for section in self._firmware.sections if section.name == ".vectors")
        vectors = bytes(self._engine.mem_read(next(sections, flash["origin"]), 8))
        self._engine.reg_write(self._processor.stack_pointer, int.from_bytes(vectors[:4], "little"))
        return int.from_bytes(vectors[4:], "little") & ~1

    def _run(self, symbol: str, begin: int, until: int, limit_instructions: int) -> Counters:
        """Run from one address to another; every end but that is an error."""
        from unicorn import UcError

        self._events.clear()
        self._table.reset(limit_instructions)
        if self._guard is not None:
            self._guard.begin(symbol)
        has_failed = False
        started = time.perf_counter()
        try:
            self._engine.emu_start(begin | self._processor.code_bit, until)
        except UcError:
            has_failed = True
        wall_s = time.perf_counter() - started
        if self._guard is not None and self._guard.counter is not None:
            raise self._stray_write(symbol, self._guard, self._guard.counter)
        if self._table.is_over_limit:
            raise self._timeout(symbol, limit_instructions)
        if has_failed or self._engine.reg_read(self._processor.program_counter) != until:
            raise self._fault(symbol, has_failed)
        if self._guard is not None:
            self._guard.end()
        return Counters(
            instructions=self._table.instructions,
            stack_bytes=self._stack_peak(),
            heap_bytes=self._heap_peak(),
            wall_s=wall_s,
            functions=count_functions(self.edges, self._firmware),
        )

    def _timeout(self, symbol: str, limit_instructions: int) -> Timeout:
        return Timeout(
            f"{symbol} didn't return within {limit_instructions} instructions",
            where=elf.place(self._firmware, self._table.last[0]),
            hint="is it a loop without end? Else raise `limit` in the target's recipe",
        )

    def _stray_write(self, symbol: str, guard: Guard, counter: int) -> RunError:
        what, hint = guard.told()
        instructions = self._table.instructions - self._instructions_from(counter)
        where = elf.place(self._firmware, counter)
        return RunError(f"{what}, {instructions} instructions into {symbol}", where=where, hint=hint)

    def _fault(self, symbol: str, has_failed: bool) -> RunError:
        stop = faults.Stop(
            processor=self._processor,
            firmware=self._firmware,
            target=self._target,
            engine=self._engine,
            events=self._events,
            has_failed=has_failed,
            last_block=self._table.last,
        )
        not_retired = 0 if stop.is_wild_jump else self._instructions_from(stop.address)
        return faults.explain(stop, symbol, self._table.instructions - not_retired)

    def _instructions_from(self, address: int) -> int:
        """Instructions of the last block, which count already, from the one that stopped the run."""
        first, size = self._table.last
        code = bytes(self._engine.mem_read(first, size))[max(address - first, 0) :]
        return len(instruction_lengths(code, self._processor.is_riscv))

    def _stack(self) -> tuple[int, int]:
        """Its lowest address and its bytes."""
        bottom = self._firmware.address("tf_stack_bottom")
        return bottom, self._firmware.address("tf_stack_top") - bottom

    def _stack_peak(self) -> int:
        """Bytes from the top to the lowest that was written."""
        return len(bytes(self._engine.mem_read(*self._stack())).lstrip(_PAINT))

    def _heap_peak(self) -> int:
        """Bytes from the heap's start to the highest that was written; 0 where the firmware has no heap."""
        if not self._target.get("heap_bytes"):
            return 0
        start = self._firmware.address("tf_heap_start")
        size = self._firmware.address("tf_heap_end") - start
        return len(bytes(self._engine.mem_read(start, size)).rstrip(_PAINT))

    def _access(self, access: Any, symbol: str, argument: object, size_bytes: int) -> Any:
        from unicorn import UcError

        try:
            return access(self._firmware.address(symbol), argument)
        except UcError:
            raise RunError(f"{size_bytes} bytes at {symbol} lie outside the target's memory") from None
