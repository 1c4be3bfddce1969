"""Target implementation: this machine. The firmware is a shared object in a process of its own.

Wall time is real. Instructions are counted where valgrind is installed, by a twin that runs a call again: that count
is exact and the same on every machine of the architecture, for the firmware runs nothing but its own code. (The
processor's own counters are not used: they vary from run to run, and contain the program that calls.)
"""

from __future__ import annotations

import contextlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tinyflow.core.action import Tool
from tinyflow.core.errors import RunError, Timeout
from tinyflow.core.process import advice_on, clean_environment, end_of, with_parent
from tinyflow.targets import elf, host_faults
from tinyflow.targets.elf import Symbol
from tinyflow.targets.host_faults import Fault, Layout
from tinyflow.targets.native import compiled
from tinyflow.targets.protocol import Calls, Capabilities, Counters, Machine
from tinyflow.targets.stops import Stops

_PROCESS = Path(__file__).with_name("host_process.py")
_FAULTS = Path(__file__).with_name("host_faults.c")
_LIBRARY = "host_faults.so"
# What a firmware that never ends is given when its calls are counted; it gets to where it stays in far less.
_AGAIN_LIMIT_S = 10.0
_TELLING_LIMIT_S = 5.0
_ANSWER_LIMIT_S = 60.0  # to start Python, under valgrind and on a busy machine
# Turn a limit of instructions into one of time: what a slow, busy machine does under valgrind.
_SLOWEST_INSTRUCTIONS_PER_S = 20_000_000
_SLOWEST_CALL_S = 2.0


def capabilities(target: Mapping[str, Any]) -> Capabilities:  # noqa: ARG001 (every target's)
    """See `protocol`; a handler tells where the firmware faulted."""
    valgrind = (Tool("binary", "valgrind", "apt install valgrind"),)
    tools = (*(valgrind if shutil.which("valgrind") else ()), Tool("package", "pyelftools"))
    faults = compiled(_FAULTS, "compile the host's fault handler", has_libc=True)
    return Capabilities(tools, {_LIBRARY: faults}, advised=valgrind)


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Host:  # noqa: ARG001 (every target's)
    """A process on the machine that we are on."""
    return Host(files.get(_LIBRARY))


class Host(Machine):
    """A process with the firmware: see `protocol.Machine`."""

    is_native = True
    repetitions = 5

    def __init__(self, faults: Path | None = None) -> None:
        """`faults` is host_faults.so, without which a fault is only a signal."""
        self._faults = faults
        self._folder = Path(tempfile.mkdtemp(prefix="tinyflow-host-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._path: Path
        self._layout: Layout | None = None
        # What brings a new process to where this one is: functions called, then bytes written.
        self._called: dict[str, None] = {}
        self._written: dict[str, bytes] = {}
        self._fault: tuple[str, Fault] | None = None  # of a call of this function
        self._stop: Callable[[int, int], None] | None = None
        self._stopped: elf.Firmware | None = None  # in a call, when nobody knows symbols

    def load(self, firmware: Path) -> Counters:
        """See `protocol.Machine`; there is no start-up code."""
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [*self._launcher(), sys.executable, "-I", "-S", "-B", _PROCESS, firmware.resolve(), *self._watcher()],
            cwd=self._folder,
            env=clean_environment(self._folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=with_parent(),
        )
        self._path = firmware
        self._ask("load", firmware.stem)
        if self._faults is not None:
            self._layout = Layout.of(self._process.pid, firmware.resolve())
        return Counters(time.perf_counter() - started)

    def call(self, symbol: str, *, limit_instructions: int, given: bytes = b"") -> tuple[int, Counters]:
        """See `protocol.Machine`."""
        status, elapsed_ns = self._ask("call", symbol, len(given), given, limit_s=_limit_s(limit_instructions))
        if not given:
            self._called[symbol] = None
        return status, Counters(elapsed_ns / 1e9)

    def read(self, symbol: str, size_bytes: int) -> bytes:
        """See `protocol.Machine`."""
        if self._stopped is not None:
            self._ask("peek", self._place(self._stopped, symbol), size_bytes)
        else:
            self._ask("read", symbol, size_bytes)
        return self._pipes()[1].read(size_bytes)

    def write(self, symbol: str, data: bytes) -> None:
        """See `protocol.Machine`."""
        if self._stopped is not None:
            self._ask("poke", self._place(self._stopped, symbol), len(data), data)
            return
        self._ask("write", symbol, len(data), data)
        self._written[symbol] = data

    def calls_begun(self, dispatcher: str, functions: Collection[str]) -> int:
        """See `protocol.Machine`: by another process that does the same again, with breakpoints (x86-64 only).

        0 where that one ends in another way.
        """
        if self._fault is None:
            return 0
        symbol, fault = self._fault
        twin = Host(self._faults)
        try:
            twin.load(self._path)
            if not twin._break(dispatcher, functions):
                return 0
            for called in self._called:
                if called != symbol:
                    twin._ask("call", called)
            for name, data in self._written.items():
                twin.write(name, data)
            twin._ask("call", symbol, limit_s=_AGAIN_LIMIT_S)
        except (RunError, Timeout):
            again = None if twin._fault is None else twin._fault[1]
            if again is not None and again.number == fault.number and twin._function(again) == self._function(fault):
                return again.calls
        finally:
            twin.close()
        return 0

    def _function(self, fault: Fault) -> Symbol | None:
        assert self._layout is not None
        firmware = elf.read(self._path)
        return firmware.function_at(fault.place(firmware, self._layout))

    def _break(self, dispatcher: str, functions: Collection[str], verb: str = "break") -> bool:
        """Count the calls of these functions by `dispatcher` from now on, or stop at each. Whether that can be done."""
        assert self._layout is not None
        firmware = elf.read(self._path)
        caller = firmware.symbol(dispatcher)
        entries = sorted({firmware.symbol(name).address for name in functions})
        places = [caller.address, *entries, caller.address + caller.size_bytes]
        return self._ask(verb, ",".join(f"{self._layout.base + place:x}" for place in places))[0] == 0

    def follow(
        self, symbol: str, dispatcher: str, functions: Sequence[str], calls: Calls, *, limit_instructions: int
    ) -> int | None:
        """See `protocol.Machine`: by breakpoints (x86-64 only)."""
        try:
            if self._layout is None or not self._break(dispatcher, functions, "stop"):
                return None
        except RunError:
            return None
        base, firmware = self._layout.base, elf.read(self._path)
        entries = {base + firmware.symbol(name).address: name for name in functions}
        addresses = firmware.symbol(dispatcher).addresses
        stops = Stops(range(base + addresses.start, base + addresses.stop), entries, calls)

        def stop(place: int, returns_to: int) -> None:
            self._stopped = firmware
            stops.at(place, returns_to)
            self._stopped = None

        self._stop = stop
        try:
            status = self.call(symbol, limit_instructions=limit_instructions)[0]
        finally:
            self._stop = None
        self._ask("stop", "0")
        stops.end()
        return status

    def _place(self, firmware: elf.Firmware, symbol: str) -> str:
        assert self._layout is not None
        return f"{self._layout.base + firmware.address(symbol):x}"

    def counting_twin(self, symbol: str) -> CountingHost | None:
        """See `protocol.Machine`."""
        return CountingHost(symbol) if shutil.which("valgrind") else None

    def close(self) -> None:
        """See `protocol.Machine`."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _watcher(self) -> Sequence[Path]:
        return () if self._faults is None else (self._faults.resolve(),)

    def _launcher(self) -> Sequence[str]:
        """The command, up to the program that it runs."""
        return ()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        """Where requests go and where answers come from."""
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def _ask(
        self, verb: str, symbol: str, size: int = 0, data: bytes = b"", limit_s: float = _ANSWER_LIMIT_S
    ) -> tuple[int, int]:
        """One request; the two numbers of its answer."""
        answers = self._pipes()[1]
        self._send(verb, symbol, size, data)
        if not select.select([answers], [], [], limit_s)[0]:
            hint = "is it a loop without end? Else raise `limit` in the target's recipe"
            if self._layout is not None and verb == "call" and self._interrupt():
                assert self._fault is not None
                self._fault = symbol, self._fault[1]
                where = host_faults.where(self._fault[1], elf.read(self._path), self._layout, symbol)
                raise Timeout(f"{symbol} didn't return within {limit_s:g} s", where=where, hint=hint)
            raise Timeout(f"{verb} took more than {limit_s:g} s", where=symbol, hint=hint)
        word, _, rest = answers.readline().decode().strip().partition(" ")
        while word == "stop" and self._stop is not None:
            self._stop(*(int(place, 16) for place in rest.split()))
            self._send("goon", "0")
            word, _, rest = answers.readline().decode().strip().partition(" ")
        if word == "fault" and self._layout is not None:
            self._fault = symbol, Fault.parse(rest)
            raise host_faults.explain(self._fault[1], elf.read(self._path), self._layout, symbol)
        if word == "error":
            raise RunError(
                rest, where=symbol, hint="is it built for this machine, and defines all that plan.json names?"
            )
        if word != "ok":
            raise self._death(verb, symbol)
        first, second = rest.split()
        return int(first), int(second)

    def _send(self, verb: str, symbol: str, size: int = 0, data: bytes = b"") -> None:
        requests = self._pipes()[0]
        with contextlib.suppress(BrokenPipeError):  # the end of the answers tells more
            requests.write(f"{verb} {symbol} {size}\n".encode() + data)
            requests.flush()

    def _interrupt(self) -> bool:
        """Ask a firmware that doesn't return where it is; whether it told."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)
        answers = self._pipes()[1]
        if not select.select([answers], [], [], _TELLING_LIMIT_S)[0]:
            return False
        word, _, rest = answers.readline().decode().strip().partition(" ")
        self._fault = "", Fault.parse(rest if word == "fault" else "")
        return word == "fault"

    def _death(self, verb: str, symbol: str) -> RunError:
        assert self._process is not None
        status = self._process.wait()
        return RunError(
            f"the firmware's process {end_of(status)} in {verb}",
            where=symbol,
            hint=advice_on(-status) or "run the bench on a simulated target, which names function and address",
        )


class CountingHost(Host):
    """The same under valgrind's callgrind, which counts the calls of one function, with all that it calls."""

    def __init__(self, symbol: str) -> None:
        super().__init__()
        self._symbol = symbol
        self._calls = 0

    def load(self, firmware: Path) -> Counters:
        """See `protocol.Machine`. Debugging information is hidden: Valgrind 3.19 ends where it meets DWARF 5."""
        hidden = self._folder / firmware.name
        hidden.write_bytes(firmware.read_bytes().replace(b".debug_", b".hidden"))
        return super().load(hidden)

    def call(self, symbol: str, *, limit_instructions: int, given: bytes = b"") -> tuple[int, Counters]:
        """See `protocol.Machine`; the status is 0, or 1 for every other."""
        started = time.perf_counter()
        status, _ = self._ask("count", symbol, len(given), given, limit_s=_limit_s(limit_instructions))
        wall_s = time.perf_counter() - started
        if symbol != self._symbol:
            return status, Counters(wall_s)
        self._calls += 1
        return status, Counters(wall_s, _summary(self._folder / f"counts.{self._calls}"))

    def _launcher(self) -> Sequence[str]:
        # Collecting begins with the function and a file with the sum is written at its end. One function only:
        # with two, callgrind 3.19 writes sums of 0.
        return (
            *("valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=counts"),
            *(f"--toggle-collect={self._symbol}", f"--dump-after={self._symbol}"),
        )


def _limit_s(limit_instructions: int) -> float:
    return _SLOWEST_CALL_S + limit_instructions / _SLOWEST_INSTRUCTIONS_PER_S


def _summary(path: Path) -> int:
    """The total of a callgrind file; its only event is instructions."""
    for line in path.read_text(errors="replace").split("\n"):
        if line.startswith("summary: "):
            return int(line.removeprefix("summary: "))
    raise RunError(f"valgrind wrote no sum to {path.name}", hint="is it older than 3.19?")
