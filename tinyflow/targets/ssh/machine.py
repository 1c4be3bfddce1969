"""A machine with Linux, as `protocol.Machine`: what `external` does with a simulator, with a program copied there.

A sample is invoked several times in one run, behind one invoke to get warm; each repetition tells its time and, where
the system lets it, its instructions and cycles.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.errors import RunError
from tinyflow.model.plan_document import PlanDocument
from tinyflow.targets import chip_faults
from tinyflow.targets.external.machine import External, Told
from tinyflow.targets.external.script import CALL, Step
from tinyflow.targets.programs import Ended, alone
from tinyflow.targets.protocol import Counters
from tinyflow.targets.segments import PAGE_BYTES
from tinyflow.targets.ssh import connection

_REPETITIONS = 10
_NOTHING_TAKES = 2  # instructions, see selfrun
_BELOW_STACK_BYTES = 4096
# Numbers of Linux's errors: what to do about them.
_NO_COUNTERS = {
    1: "kernel.perf_event_paranoid there forbids it: sysctl kernel.perf_event_paranoid=2",
    13: "kernel.perf_event_paranoid there forbids it: sysctl kernel.perf_event_paranoid=2",
    2: "its kernel knows no counters of this processor",
    38: "its kernel has no perf_event_open, or an emulator hasn't",
}


class Ssh(External):
    """See `protocol.Machine`."""

    is_native = True
    _alignment = PAGE_BYTES
    _kind = "ssh"

    def __init__(self, target: Mapping[str, Any], plan: PlanDocument | None) -> None:
        """Waits until nobody else uses the machine."""
        words = {**target["machine"], "exit": "semihosting", "command": [target["machine"]["host"]]}
        super().__init__({**target, "machine": words}, plan)
        self._way = "its standard output"
        self.repetitions: int = words.get("repetitions", _REPETITIONS)
        self._results: dict[tuple[Any, ...], list[Told]] = {}
        self._fed = "" if plan is None or plan.feed is None else plan.feed.function
        self._has_said = False
        self._ending = contextlib.ExitStack()
        self._ending.enter_context(alone(f"ssh {words['host']} {words.get('port', '')}"))

    def close(self) -> None:
        """See `protocol.Machine`."""
        self._ending.close()
        super().close()

    def call(self, symbol: str, *, limit_instructions: int, given: bytes = b"") -> tuple[int, Counters]:
        """See `protocol.Machine`. A row is given when the invoke behind all of them is called, which tells its cost."""
        if symbol != self._fed:
            return super().call(symbol, limit_instructions=limit_instructions, given=given)
        self._begin()
        self._steps.append(Step(CALL, self._code(symbol), given))
        self._known = {}
        return 0, Counters(0.0)

    def _run(self, symbol: str, steps: list[Step]) -> Told:
        """See `External`: a call of invoke is repeated, and each repetition is handed out once."""
        if not self._base or steps[-1].kind != CALL:
            return super()._run(symbol, steps)
        key = (tuple(steps), tuple(self._wanted))
        if not self._results.get(key):
            turns = self._turns(symbol, self._base, steps[len(self._base) :], 1 + self.repetitions)
            self._results[key] = turns[1:]
        return self._results[key].pop(0)

    def _ended(self, symbol: str, program: Path) -> Ended:  # noqa: ARG002 (of others)
        """See `External`."""
        return connection.run_there(self._words, self._target["isa"], program)

    def _counted(self, symbol: str, before: list[Step], given: bytes, calls: list[bytes], ended: Ended) -> Counters:  # noqa: ARG002
        """See `External`: the call, and the rows that it was given before."""
        rows = 0
        while not given and rows < len(before) and before[-1 - rows].kind == CALL and before[-1 - rows].data:
            rows += 1
        for row, call in enumerate(calls[-1 - rows : -1]):
            status = int.from_bytes(call[:4], "little", signed=True)
            if status:
                raise RunError(f"returned {status}, not 0, to row {row}", where=self._fed)
        told = [struct.unpack_from("<I3Q", call, 16) for call in calls[-1 - rows :]]
        elapsed_ns, instructions, cycles = (sum(one[number] for one in told) for number in (1, 2, 3))
        self._say(told[-1][0])
        takes = _NOTHING_TAKES * len(told)
        has_counters = not told[-1][0] and 0 < instructions < 1 << 63
        counts = (instructions + takes, cycles) if has_counters else (None, None)
        return Counters(elapsed_ns / 1e9, counts[0], cycles=counts[1] or None)

    def _say(self, error: int) -> None:
        """Why there are no counts, once, to the log."""
        if error and not self._has_said:
            self._has_said = True
            print(f"{self._program} counts nothing: {_NO_COUNTERS.get(error, os.strerror(error))}")

    def _fault(self, cause: int, counter: int, value: int) -> tuple[str, str]:
        """See `External`: a signal."""
        bottom = self._firmware.address("tf_stack_bottom")
        if cause != chip_faults.SEGMENT:
            return chip_faults.SIGNALS.get(cause, (f"takes signal {cause}", "see signal(7)"))
        if bottom - _BELOW_STACK_BYTES <= value < bottom:
            return chip_faults.overflow(self._firmware.address("tf_stack_top") - bottom)
        if not self._firmware.code(counter, 1):
            return "jumps to where there is no code", "is the stack or a function pointer overwritten?"
        return f"accesses 0x{value:08x}, where it may not", "is it a null pointer, or beyond an array?"
