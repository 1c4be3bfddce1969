"""A simulator that only runs programs to their end, as a machine: each call is a run of all that led to it.

A run begins at reset, so set-up is done in each, and, of a model with state, all invokes since it was reset. What a
simulator counts is of a whole run: a call's cost is what a run without it counts less.
"""

from __future__ import annotations

import re
import shutil
import struct
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinyflow.core.errors import RunError, Timeout
from tinyflow.core.process import advice_on, end_of
from tinyflow.model.plan_document import PlanDocument
from tinyflow.targets import elf
from tinyflow.targets.elf import place
from tinyflow.targets.external.script import CALL, READ, WRITE, Step, encoded, frames, with_script
from tinyflow.targets.own_main import MACHINES, memory_of, words_of
from tinyflow.targets.programs import Ended, run
from tinyflow.targets.protocol import Counters, Machine
from tinyflow.targets.segments import ALIGNMENT

_NOTHING, _NOTHING_TAKES = "tf_nothing", 2  # of selfrun: a function, and its instructions

_FRAMES = {CALL: "C", READ: "R"}
Told = tuple[list[bytes], dict[tuple[int, int], bytes], Ended]  # of calls, of reads, and the run


class External(Machine):
    """See `protocol.Machine`."""

    is_remote = True
    _alignment = ALIGNMENT  # of the script
    _kind = "external"  # where the recipe has the words

    def __init__(self, target: Mapping[str, Any], plan: PlanDocument | None) -> None:
        """Without `plan` each call may depend on all before."""
        self._target = target
        self._words: Mapping[str, Any] = target["machine"]
        self._way = f"`exit: {self._words['exit']}`"  # how the program prints and ends
        self._counts: Mapping[str, str] = self._words.get("counts", {})
        self._reset = "" if plan is None else plan.reset
        self._setup = "" if plan is None else plan.setup
        self._invoke = "" if plan is None or plan.reset else plan.invoke
        self._folder = Path(tempfile.mkdtemp(prefix="tinyflow-external-"))
        self._firmware: elf.Firmware
        self._file: bytes
        self._base: list[Step] = []  # up to set-up
        self._steps: list[Step] = []
        self._is_over = False  # what comes is another inference, which depends on set-up alone
        self._wanted: dict[tuple[int, int], None] = {}  # all that was ever read
        self._known: dict[tuple[int, int], bytes] = {}  # since the last step

    def load(self, firmware: Path) -> Counters:
        """See `protocol.Machine`. Nothing runs yet."""
        started = time.perf_counter()
        self._firmware = elf.read_for(firmware, MACHINES[self._target["isa"]], self._target["cpu"])
        self._file = firmware.read_bytes()
        self._firmware.symbol("tf_script")
        return Counters(time.perf_counter() - started)

    def call(
        self,
        symbol: str,
        *,
        limit_instructions: int,  # noqa: ARG002 (a limit of time does)
        given: bytes = b"",
    ) -> tuple[int, Counters]:
        """See `protocol.Machine`."""
        self._begin(is_anew=bool(self._reset) and symbol == self._reset)
        before = list(self._steps)
        self._steps.append(Step(CALL, self._code(symbol), given))
        try:
            calls, self._known, ended = self._run(symbol, self._steps)
        except (RunError, Timeout):
            self._steps.pop()  # what comes doesn't begin with that
            raise
        if symbol == self._setup:
            self._base = list(self._steps)
        self._is_over = symbol == self._invoke
        status, stack, most = struct.unpack_from("<i2I", calls[-1])
        stack_bytes, heap_bytes = memory_of(self._target, symbol, stack, most)
        counted = self._counted(symbol, before, given, calls, ended)
        return status, replace(counted, stack_bytes=stack_bytes, heap_bytes=heap_bytes)

    def _counted(self, symbol: str, before: list[Step], given: bytes, calls: list[bytes], ended: Ended) -> Counters:
        """Time and counts of the last call of a run, by what it told of it and by a run up to it."""
        (retired,) = struct.unpack_from("<I", calls[-1], 12)
        counted: dict[str, int] = {}
        if "minstret" in self._counts.values():
            counted["instructions"] = retired + _NOTHING_TAKES
        elif self._counts:
            nothing = Step(CALL, self._code(_NOTHING), given)
            without = self._numbers(symbol, self._run(symbol, [*before, nothing])[2])
            for name, whole in self._numbers(symbol, ended).items():
                counted[name] = whole - without[name] + (_NOTHING_TAKES if name == "instructions" else 0)
                if whole < without[name] or (whole == without[name] and symbol != self._setup):
                    what = f"a run with {symbol} counts no more {name} than one without"
                    hint = f"is what `{self._counts[name]}` matches the number of a whole run?"
                    raise RunError(what, where=symbol, hint=hint)
        return Counters(ended.wall_s, counted.get("instructions"), cycles=counted.get("cycles"))

    def read(self, symbol: str, size_bytes: int) -> bytes:
        """See `protocol.Machine`. What is read again is read by the run of the call itself from then on."""
        wanted = self._firmware.address(symbol), size_bytes
        if wanted not in self._known:
            is_new = wanted not in self._wanted
            self._wanted[wanted] = None
            try:
                self._known = self._run(symbol, self._steps)[1]
            except (RunError, Timeout):
                if is_new:
                    del self._wanted[wanted]
                raise
        return self._known[wanted]

    def write(self, symbol: str, data: bytes) -> None:
        """See `protocol.Machine`."""
        self._begin()
        self._steps.append(Step(WRITE, self._firmware.address(symbol), data))
        self._known = {}

    def close(self) -> None:
        """See `protocol.Machine`."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _code(self, symbol: str) -> int:
        """As a function pointer has it: with Thumb's bit."""
        return self._firmware.address(symbol) | int(self._target["isa"] == "thumb")

    def _begin(self, *, is_anew: bool = False) -> None:
        """Forget what the next step doesn't depend on."""
        if is_anew or self._is_over:
            self._steps = list(self._base)
        self._is_over = False

    def _run(self, symbol: str, steps: list[Step]) -> Told:
        """Run steps and read what is wanted behind them; RunError and Timeout name `symbol`."""
        return self._turns(symbol, [], steps, 1)[0]

    def _turns(self, symbol: str, first: list[Step], steps: list[Step], count: int) -> list[Told]:
        """The same several times in one run, behind what comes first."""
        turn = [*steps, *(Step(READ, address, size_bytes=size) for address, size in self._wanted)]
        whole = [*first, *turn * count]
        script = encoded(self._words, whole)
        at = elf.free_place(self._firmware, self._target["memory"], symbol, len(script), self._alignment)
        path = self._folder / "firmware.elf"
        path.write_bytes(with_script(self._file, self._firmware.address("tf_script"), at, script, self._alignment))
        ended = self._ended(symbol, path)
        told = self._told(symbol, ended)
        wanted = [*(_FRAMES[step.kind] for step in whole if step.kind in _FRAMES), "E"]
        self._check(symbol, ended, told, is_whole=[kind for kind, _ in told] == wanted)
        many = sum(step.kind in _FRAMES for step in turn)
        turns = []
        for begin in range(len(told) - 1 - count * many, len(told) - 1, many):
            one = told[begin : begin + many]
            read = dict(zip(self._wanted, (data for kind, data in one if kind == "R"), strict=True))
            turns.append(([data for kind, data in one if kind == "C"], read, ended))
        return turns

    def _ended(self, symbol: str, program: Path) -> Ended:  # noqa: ARG002 (of others)
        """Run a program."""
        return run(self._words["command"], {"elf": str(program)}, program.parent, self._limit_s)

    def _told(self, symbol: str, ended: Ended) -> list[tuple[str, bytes]]:
        try:
            return frames(ended.printed)
        except ValueError as error:
            hint = "does something else print into the firmware's lines, or does the console lose bytes?"
            raise self._error(f"{error}; what {self._program} prints is damaged", symbol, ended, hint) from None

    def _check(self, symbol: str, ended: Ended, told: list[tuple[str, bytes]], *, is_whole: bool) -> None:
        """Raise for every end but the one that is meant, with the most that is known of it."""
        program, way = self._program, self._way
        faults = [data for kind, data in told if kind == "T"]
        is_done = bool(told) and told[-1][0] == "E"
        silence = "" if told else f"the firmware told nothing: does it begin at reset, and print by {way}?"
        if faults:
            cause, counter, value = struct.unpack("<3I", faults[0])
            words, hint = self._fault(cause, counter, value)
            raise RunError(f"{words} in a call of {symbol}", where=place(self._firmware, counter), hint=hint)
        if ended.is_flood:
            raise self._error(f"{program} prints without end", symbol, ended, "is that a trace? Switch it off")
        if ended.status is None:
            hint = f"is it a loop without end? Else raise `call` in the recipe's `{self._kind}`"
            if is_done:
                hint = f"the firmware has done all and ended by {way}: does the simulator know that?"
            raise self._error(
                f"{program} didn't end within {self._limit_s:g} s", symbol, ended, silence or hint, Timeout
            )
        if ended.status < 0:
            raise self._error(f"{program} {end_of(ended.status)}", symbol, ended, silence or advice_on(-ended.status))
        if ended.status != self._words.get("status", 0):
            what = f"{program} ended with status {ended.status}, not {self._words.get('status', 0)}"
            hint = f"is `status` in the recipe what it ends with after {way}?" if is_done else ""
            raise self._error(what, symbol, ended, hint)
        if not is_whole:
            what, hint = f"{program} ended before the firmware had done all", "is there a limit in its command?"
            if not told:
                what = f"{program} printed {'nothing of the firmware' if ended.printed.strip() else 'nothing'}"
                hint = f"does the firmware begin at reset, and print by {way}?"
            raise self._error(what, symbol, ended, hint)

    def _fault(self, cause: int, counter: int, value: int) -> tuple[str, str]:  # noqa: ARG002 (of others)
        """What an exception at an address was, in words, and what to do about it."""
        return words_of(self._target["isa"], cause, value)

    def _numbers(self, symbol: str, ended: Ended) -> dict[str, int]:
        """What the simulator counted in a run, by the last match of each pattern."""
        found = {}
        text = ended.printed.decode("utf-8", "replace")
        for name, pattern in self._counts.items():
            matches = re.findall(pattern, text, re.MULTILINE)
            digits = re.sub(r"[,_' ]", "", matches[-1]) if matches else ""
            if not digits.isdecimal():
                what = f"{self._program} printed no number of {name}"
                hint = f"nothing matches `counts: {{{name}: {pattern}}}`"
                raise self._error(what, symbol, ended, hint if not matches else f"{matches[-1]!r} is none")
            found[name] = int(digits)
        return found

    @property
    def _limit_s(self) -> float:
        return float(self._words.get("call_s", 60.0))

    @property
    def _program(self) -> str:
        return Path(self._words["command"][0]).name

    def _error(
        self, what: str, symbol: str, ended: Ended, hint: str, kind: type[RunError] | type[Timeout] = RunError
    ) -> RunError | Timeout:
        told = f"its last words: {ended.last_words}" if ended.last_words else ""
        return kind(what, where=symbol, hint="; ".join(filter(None, (hint, told))) or "see docs/simulators.md")
