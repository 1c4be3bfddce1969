"""A chip in memory: flash, RAM, one core; firmware goes in, exact counts come out."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.errors import RunError, UsageError
from tinyflow.targets import elf
from tinyflow.targets.blocks import Edge, Piece, instruction_lengths
from tinyflow.targets.chip import PAINT, STARTUP_LIMIT_INSTRUCTIONS, Chip, outside_memory, status_of
from tinyflow.targets.guarding import Guarded
from tinyflow.targets.protocol import Calls, Counters
from tinyflow.targets.unicorn import faults
from tinyflow.targets.unicorn.block_table import BlockTable, attach
from tinyflow.targets.unicorn.flash_model import FlashModel
from tinyflow.targets.unicorn.follow import Follower
from tinyflow.targets.unicorn.guard import Guard
from tinyflow.targets.unicorn.memory_map import PAGE_BYTES, map_memory
from tinyflow.targets.unicorn.processor import Processor, processor
from tinyflow.targets.unicorn.system_space import map_system_space
from tinyflow.targets.unicorn.trace import Recorder

# A page of our own, executable by the architectures' default maps, where no chip has memory: calls return there.
_RETURN_ADDRESS = 0x9FFFF000


class Simulator(Chip):
    """The built-in instruction-set simulator: see `protocol.Machine`."""

    def __init__(self, target: Mapping[str, Any], library: Path | None, guard: Path | None = None) -> None:
        """`target` is the recipe as a mapping; `library` is block_table.so, without which counting is slow.

        `guard` is guard.so, which `watch_writes` needs.
        """
        super().__init__(target)
        self._library = library
        self._guard_library = guard
        self._guard: Guard | None = None
        self._processor: Processor = processor(target["cpu"], target.get("machine", {}))
        self._engine: Any = None
        self._table: BlockTable
        self._events: faults.Events

    @property
    def edges(self) -> list[Edge]:
        """See `Chip`."""
        return self._table.edges()

    def load(self, firmware: Path) -> Counters:
        """See `protocol.Machine`."""
        self._read_firmware(firmware, self._processor.machine)
        self._engine = self._processor.open_engine()
        self._events = faults.watch(self._engine)
        self._map_memory()
        for segment in self._programmed():
            self._engine.mem_write(segment.load_address, segment.data)
        self._table = attach(self._engine, self._library, self._processor.is_riscv)
        return self._run("reset", self._reset(), self._firmware.address("main"), STARTUP_LIMIT_INSTRUCTIONS)

    def call(self, symbol: str, *, limit_instructions: int) -> tuple[int, Counters]:
        """See `protocol.Machine`. Registers begin as 0, so that one call doesn't depend on another's leavings."""
        begin = self._firmware.address(symbol)
        bottom, size = self._stack()
        self._engine.mem_write(bottom, PAINT * size)
        cpu = self._processor
        for register in cpu.others:
            self._engine.reg_write(register, 0)
        self._engine.reg_write(cpu.stack_pointer, (bottom + size) & -cpu.stack_alignment)
        self._engine.reg_write(cpu.link, _RETURN_ADDRESS | cpu.code_bit)
        counters = self._run(symbol, begin, _RETURN_ADDRESS, limit_instructions)
        return status_of(int(self._engine.reg_read(cpu.result))), counters

    def trace(
        self,
        symbol: str,
        dispatcher: str,
        *,
        limit_instructions: int,
        flash_cache: tuple[Path, Mapping[str, int]] | None = None,
    ) -> tuple[int, Counters, list[Piece]]:
        """See `protocol.Machine`."""
        flash = None
        if flash_cache is not None:
            flash = FlashModel(self._engine, flash_cache[0], self._regions("flash")[0], flash_cache[1])
        recorder = Recorder(self._engine, self._table, self._firmware, dispatcher, flash)
        status, counters = self.call(symbol, limit_instructions=limit_instructions)
        return status, counters, recorder.pieces()

    def watch_writes(self, guarded: Guarded) -> None:
        """See `protocol.Machine`."""
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
        ram = self._regions("ram")
        return range(min(r["origin"] for r in ram), max(r["origin"] + r["length_bytes"] for r in ram))

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

    def read(self, symbol: str, size_bytes: int) -> bytes:
        """See `protocol.Machine`."""
        return bytes(self._access(self._engine.mem_read, symbol, size_bytes, size_bytes))

    def write(self, symbol: str, data: bytes) -> None:
        """See `protocol.Machine`."""
        self._access(self._engine.mem_write, symbol, data, len(data))

    def close(self) -> None:
        """See `protocol.Machine`."""
        self._engine = None

    def _map_memory(self) -> None:
        from unicorn import UC_PROT_EXEC, UC_PROT_READ, UcError

        map_memory(self._engine, self._target["memory"], self._events, is_riscv=self._processor.is_riscv)
        for region in self._regions("ram"):
            self._engine.mem_write(region["origin"], PAINT * region["length_bytes"])
        try:
            self._engine.mem_map(_RETURN_ADDRESS, PAGE_BYTES, UC_PROT_READ | UC_PROT_EXEC)
            if not self._processor.is_riscv:
                map_system_space(self._engine, self._processor.cpuid, lambda: self._table.instructions)
        except UcError as error:
            what = f"memory lies where calls return to (0x{_RETURN_ADDRESS:08x}) or where Arm has the core's registers"
            raise UsageError(what, hint="the built-in simulator needs both; move it in the recipe") from error

    def _reset(self) -> int:
        """Where the processor begins."""
        if self._processor.is_riscv:
            return self._firmware.entry
        stack_pointer, entry = self._vectors()
        self._engine.reg_write(self._processor.stack_pointer, stack_pointer)
        return entry

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
            raise self._timeout(symbol, limit_instructions, self._table.last[0])
        if has_failed or self._engine.reg_read(self._processor.program_counter) != until:
            raise self._fault(symbol, has_failed)
        if self._guard is not None:
            self._guard.end()
        return self._counters(self._table.instructions, wall_s)

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

    def _peek(self, address: int, size_bytes: int) -> bytes:
        return bytes(self._engine.mem_read(address, size_bytes))

    def _access(self, access: Any, symbol: str, argument: object, size_bytes: int) -> Any:
        from unicorn import UcError

        try:
            return access(self._firmware.address(symbol), argument)
        except UcError:
            raise outside_memory(size_bytes, symbol) from None
