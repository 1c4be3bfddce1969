"""A chip in memory: flash, RAM, one core; firmware goes in, exact counts come out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyflow.core.errors import RunError, UsageError
from tinyflow.targets.accesses import Accesses, Wanted
from tinyflow.targets.blocks import Piece
from tinyflow.targets.chip import NO_LIMIT, PAINT, RETURN_ADDRESS, STARTUP_LIMIT_INSTRUCTIONS, Chip
from tinyflow.targets.chip_faults import refusal
from tinyflow.targets.elf import addresses
from tinyflow.targets.gdb_port import End, fault
from tinyflow.targets.protocol import Calls, Counters
from tinyflow.targets.unicorn import faults
from tinyflow.targets.unicorn.block_table import BlockTable
from tinyflow.targets.unicorn.call_steps import Follower
from tinyflow.targets.unicorn.flash_model import FlashModel
from tinyflow.targets.unicorn.gdb_server import Answers
from tinyflow.targets.unicorn.guard import Guard
from tinyflow.targets.unicorn.memory_map import PAGE_BYTES, map_memory
from tinyflow.targets.unicorn.processor import Processor, processor
from tinyflow.targets.unicorn.system_space import map_system_space
from tinyflow.targets.unicorn.trace import Recorder
from tinyflow.targets.write_limits import Guarded


class Simulator(Chip):
    """The built-in instruction-set simulator: see `protocol.Machine`."""

    def __init__(self, target: Mapping[str, Any], library: Path, guard: Path | None = None) -> None:
        """`library` is block_table.so; `guard`, which `watch_writes` needs, is guard.so."""
        self._processor: Processor = processor(target)
        super().__init__(target, self._processor.instruction_set)
        self._library = library
        self._guard_library = guard
        self._guard: Guard | None = None
        self._flash: FlashModel | None = None
        self._engine: Any = None
        self.table: BlockTable
        self._events: faults.Events

    def load(self, firmware: Path) -> Counters:
        """See `protocol.Machine`."""
        self._read_firmware(firmware)
        self._engine = self._processor.open_engine()
        self._flash = None  # it watched the one before
        self._events = faults.watch(self._engine)
        self._map_memory()
        for segment in self._programmed():
            self._engine.mem_write(segment.load_address, segment.data)
        self.table = BlockTable(self._engine, self._library, self.instruction_set.is_riscv)
        return self._run("reset", self._reset(), self.firmware.address("main"), STARTUP_LIMIT_INSTRUCTIONS)

    def trace(
        self,
        symbol: str,
        dispatcher: str,
        *,
        limit_instructions: int,
        flash: tuple[Path, Mapping[str, Any]] | None = None,
        given: bytes = b"",
        within: Sequence[str] = (),
    ) -> tuple[int, Counters, list[Piece]]:
        """See `protocol.Machine`."""
        if flash is not None and self._flash is None:
            region = self._regions("flash")[0]
            functions = self.firmware.functions
            self._flash = FlashModel(self._engine, self._processor, self.table, functions, flash[0], region, flash[1])
        waits = self._flash if flash is not None else None
        if waits is not None:
            waits.begin_call()
        known = {function.name for function in self.firmware.functions}
        dispatcher = dispatcher if dispatcher in known else symbol
        own = [dispatcher, *(name for name in within if name in known and name != dispatcher)]
        recorder = Recorder(self._engine, self.table, self.firmware, own, waits)
        status, counters = self.call(symbol, limit_instructions=limit_instructions, given=given)
        return status, counters, recorder.pieces()

    def watch_writes(self, guarded: Guarded) -> None:
        """See `protocol.Machine`."""
        if self._guard_library is None:
            raise UsageError("writes can't be watched without guard.so")
        ram = [addresses(region) for region in self._regions("ram")]
        watched = range(min(each.start for each in ram), max(each.stop for each in ram))
        if guarded.is_arena_only:
            watched = guarded.arena.addresses(self.firmware)
        self._guard = Guard(self._engine, self, self._guard_library, guarded, watched, self._processor)

    def watch_accesses(self, library: Path, wanted: Wanted) -> Accesses:
        """See `protocol.Machine`."""
        from tinyflow.targets.unicorn.access_watch import AccessWatch  # with numpy

        return AccessWatch(self._engine, self._processor, self.table, self.firmware, self.target, library, wanted)

    def follow(
        self, symbol: str, dispatcher: str, functions: Sequence[str], calls: Calls, *, limit_instructions: int
    ) -> int | None:
        """See `protocol.Machine`."""
        try:
            follower = Follower(self._engine, self, dispatcher, functions, calls)
        except RunError:
            return None
        try:
            return self.call(symbol, limit_instructions=limit_instructions)[0]
        finally:
            follower.close()

    def close(self) -> None:
        """See `protocol.Machine`."""
        self._engine = None

    def _map_memory(self) -> None:
        from unicorn import UC_PROT_EXEC, UC_PROT_READ, UcError

        map_memory(self._engine, self.target["memory"], self._events, is_riscv=self.instruction_set.is_riscv)
        for region in self._regions("ram"):
            self._engine.mem_write(region["origin"], PAINT * region["length_bytes"])
        try:
            # executable by the architectures' default maps
            self._engine.mem_map(RETURN_ADDRESS, PAGE_BYTES, UC_PROT_READ | UC_PROT_EXEC)
            if not self.instruction_set.is_riscv:
                map_system_space(self._engine, self._processor.cpuid, lambda: self.table.instructions)
        except UcError as error:
            what = f"memory lies where calls return to (0x{RETURN_ADDRESS:08x}) or where Arm has the core's registers"
            raise UsageError(what, hint="the built-in simulator needs both; move it in the recipe") from error

    def _run(self, symbol: str, begin: int, until: int, limit_instructions: int) -> Counters:
        """See `Chip`."""
        from unicorn import UcError

        self._events.clear()
        self.table.reset(limit_instructions)
        if self._guard is not None:
            self._guard.begin(symbol)
        has_failed = False
        started = time.perf_counter()
        try:
            self._engine.emu_start(begin | self.instruction_set.code_bit, until)
        except UcError:
            has_failed = True
        wall_s = time.perf_counter() - started
        if self._guard is not None and self._guard.counter is not None:
            raise refusal(self, self._guard.told(), symbol, self._guard.counter)
        if self.table.is_over_limit:
            raise self._timeout(symbol, limit_instructions)
        if has_failed or self.get("pc") != until:
            raise faults.explain(self, self._events, has_failed, symbol)
        if self._guard is not None:
            self._guard.end()
        return self._counters(wall_s)

    def _enter(self, begin: int) -> None:
        """See `Chip`."""
        self.set("pc", begin | self.instruction_set.code_bit)

    def _stub(self, symbol: str) -> Answers:
        """See `Chip`."""

        def begin() -> None:
            self._events.clear()
            self.table.reset(NO_LIMIT)

        def end(has_failed: bool) -> End | None:
            if has_failed or self._events.access or self._events.exception is not None:
                return fault(faults.explain(self, self._events, has_failed, symbol))
            return self.end_of_call(symbol)

        begin()
        return Answers(self._engine, self, self._processor, begin, end)

    def get(self, register: str) -> int:
        """See `Chip`."""
        return int(self._engine.reg_read(self._processor.register(register)))

    def set(self, register: str, value: int) -> None:
        """See `Chip`."""
        self._engine.reg_write(self._processor.register(register), value)

    def peek(self, address: int, size_bytes: int) -> bytes:
        """See `Chip`."""
        from unicorn import UcError

        try:
            return bytes(self._engine.mem_read(address, size_bytes))
        except UcError:
            return b""

    def poke(self, address: int, data: bytes) -> bool:
        """See `Chip`."""
        from unicorn import UcError

        try:
            self._engine.mem_write(address, data)
        except UcError:
            return False
        return True
