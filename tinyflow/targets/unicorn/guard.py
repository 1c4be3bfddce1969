"""Watches what layers write: each only its outputs, its scratch and the stack, as the memory plan says.

The firmware stays as it is. Which layer runs is seen at the dispatching function's blocks and at its callees' entries.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinyflow.core.errors import RunError
from tinyflow.targets.chip import RETURN_ADDRESS, Chip
from tinyflow.targets.unicorn import native_hook
from tinyflow.targets.unicorn.processor import Processor
from tinyflow.targets.write_limits import Guarded, GuardedCall, describe

_MOST_RANGES = 64  # MOST_RANGES of guard.c


class _Table(ctypes.Structure):
    """`struct tf_guard` of guard.c."""

    _fields_ = (
        ("begin", ctypes.c_uint64 * _MOST_RANGES),
        ("end", ctypes.c_uint64 * _MOST_RANGES),
        ("address", ctypes.c_uint64),
        ("counter", ctypes.c_uint64),
        ("size", ctypes.c_uint32),
        ("ranges", ctypes.c_uint32),
        ("is_on", ctypes.c_uint32),
        ("counter_register", ctypes.c_int32),
        ("status", native_hook.Status),
        ("stop", ctypes.c_void_p),
    )


class Guard:
    """Watches one engine with its firmware from now on, in calls of one function."""

    def __init__(
        self, engine: Any, chip: Chip, library: Path, guarded: Guarded, ram: range, processor: Processor
    ) -> None:
        """`ram` is what is watched.

        Raises RunError for a function that the firmware has not.
        """
        from unicorn import UC_HOOK_BLOCK, UC_HOOK_MEM_WRITE
        from unicorn.unicorn_py3.unicorn import uclib

        firmware = chip.firmware
        self._chip, self._guarded = chip, guarded
        self._calls: Sequence[GuardedCall] = ()  # of the function that is called
        self._fed = () if guarded.fed is None else (guarded.fed,)
        every = (*self._fed, *guarded.calls)
        self._entries = {firmware.symbol(call.function).address: call.function for call in every}
        arena = guarded.arena.addresses(firmware)
        self._elsewhere = [range(ram.start, arena.start), range(arena.stop, ram.stop)]
        self._returns_to = (RETURN_ADDRESS | chip.instruction_set.code_bit).to_bytes(4, "little")
        self._stack = range(firmware.address("tf_stack_bottom"), firmware.address("tf_stack_top"))
        self._begun, self._is_dispatching, self._is_guarded = 0, False, False
        self._fault = ""
        self._functions = ctypes.CDLL(str(library))
        self._table = _Table(
            counter_register=processor.register("pc"),
            status=native_hook.Status.of(processor),
            stop=native_hook.address(uclib.uc_emu_stop),
        )
        write = self._functions.tf_guard_write
        native_hook.add(engine, UC_HOOK_MEM_WRITE, write, self._table, ram.start, ram.stop - 1)
        dispatcher = firmware.symbol(guarded.dispatcher).addresses
        engine.hook_add(UC_HOOK_BLOCK, self._dispatch, begin=dispatcher[0], end=dispatcher[-1])
        for address in self._entries:
            engine.hook_add(UC_HOOK_BLOCK, self._enter, begin=address, end=address)

    def begin(self, symbol: str) -> None:
        """A call of this function is about to begin."""
        is_fed = symbol in [call.function for call in self._fed]
        self._calls = self._fed if is_fed else self._guarded.calls
        self._is_guarded = is_fed or symbol == self._guarded.symbol
        self._begun, self._is_dispatching, self._fault = 0, is_fed, ""
        self._table.is_on = self._table.size = 0

    def end(self) -> None:
        """The call has returned. Raises RunError where it didn't call what the plan says: a guess would be wrong."""
        missing = len(self._calls) - self._begun
        if self._is_guarded and (self._fault or missing):
            what = self._fault or f"{missing} of the layers' functions were not called"
            raise RunError(what, where=self._guarded.dispatcher, hint="writes are guarded by `layers` of plan.json")

    @property
    def counter(self) -> int | None:
        """The instruction that wrote where it must not; None while there was none."""
        return int(self._table.counter) if self._table.size else None

    def told(self) -> tuple[str, str]:
        """What was written, and what may be."""
        call = self._calls[self._begun - 1]
        return describe(self._chip.firmware, call, int(self._table.address), int(self._table.size))

    def _dispatch(self, *_: object) -> None:
        self._is_dispatching = self._is_guarded
        self._table.is_on = 0

    def _enter(self, _engine: Any, address: int, _size: int, _: object) -> None:
        if not self._is_dispatching or self._fault:
            return
        self._is_dispatching = False
        function = self._entries[address]
        wanted = self._calls[self._begun].function if self._begun < len(self._calls) else "nothing"
        if function != wanted:
            self._fault = f"calls {function} where the plan has {wanted}"
            return
        places = self._calls[self._begun].writable
        elsewhere = self._elsewhere if self._calls is self._fed else ()
        self._begun += 1
        self._allow([self._free_stack(), *elsewhere, *(place.addresses(self._chip.firmware) for place in places)])

    def _free_stack(self) -> range:
        """The stack up to where the outermost function keeps its return address: nobody has business there.

        What lies right above is the arena, so that a write before its first tensor would pass for one to the stack.
        """
        content = self._chip.peek(self._stack.start, len(self._stack))
        place = content.rfind(self._returns_to)
        return self._stack if place < 0 else range(self._stack.start, self._stack.start + place)

    def _allow(self, ranges: Sequence[range]) -> None:
        if len(ranges) > _MOST_RANGES:
            self._fault = f"a layer with more than {_MOST_RANGES - 1} outputs"
            return
        for index, one in enumerate(ranges):
            self._table.begin[index], self._table.end[index] = one.start, one.stop
        self._table.ranges, self._table.is_on = len(ranges), 1
