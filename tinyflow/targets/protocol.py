"""How a number is got from firmware: load, call, read, write and counters, as a debug probe does it.

Implementations: the built-in simulator, the host, any GDB server, a serial line, any simulator with a command. The
firmware knows nothing of being measured.
Such a module, which a target's recipe names, has `open_machine(target, files) -> Machine` and, for the plan,
`capabilities(target) -> Capabilities`. In `target` are at least `cpu`, the processor's name, and `machine`, the
module's words for it, as in its recipe; it raises UsageError for a processor that it lacks.
"""

# ruff: noqa: ARG002 (of methods that answer for a machine that can't)

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from tinyflow.core.action import Output, Tool
from tinyflow.core.errors import RunError, UsageError

if TYPE_CHECKING:
    from tinyflow.targets.accesses import Accesses, Wanted
    from tinyflow.targets.blocks import Piece
    from tinyflow.targets.gdb_port import Stub
    from tinyflow.targets.write_limits import Guarded


@dataclass(frozen=True)
class FunctionCount:
    """What one function cost within one call."""

    instructions: int
    calls: int = 0


@dataclass(frozen=True)
class Counters:
    """What one call cost. A counter that this machine has not is None; it is never estimated."""

    wall_s: float
    instructions: int | None = None
    stack_bytes: int | None = None  # peak, by high-water mark
    heap_bytes: int | None = None  # peak since `load`, by high-water mark
    functions: Mapping[str, FunctionCount] = field(default_factory=dict)
    cycles: int | None = None  # as the chip's own counter has them

    def and_then(self, other: Counters) -> Counters:
        """What both calls cost, one after the other."""

        def known(combine: Callable[[list[int]], int], name: str) -> int | None:
            values = [value for value in (getattr(self, name), getattr(other, name)) if value is not None]
            return combine(values) if values else None

        functions = dict(self.functions)
        for name, count in other.functions.items():
            before = functions.get(name, FunctionCount(0))
            functions[name] = FunctionCount(before.instructions + count.instructions, before.calls + count.calls)
        return Counters(
            wall_s=self.wall_s + other.wall_s,
            instructions=known(sum, "instructions"),
            cycles=known(sum, "cycles"),
            stack_bytes=known(max, "stack_bytes"),
            heap_bytes=known(max, "heap_bytes"),
            functions=functions,
        )


COUNT_LIMIT = 1 << 32


def cycles_of(count: int | None, wall_s: float, clock_hz: int | None) -> int | None:
    """What a counter of 32 bits counted; None where there is none, it stands still, or may have gone round."""
    return count if count and wall_s * (clock_hz or 0) < COUNT_LIMIT else None


@dataclass(frozen=True)
class Capabilities:
    """What an implementation can do for one processor, and the files with their makers that it needs for that, by name.

    What is None, it can't do.
    """

    tools: tuple[Tool, ...]  # what decides the counts, for keys
    inputs: Mapping[str, Output] = field(default_factory=dict)  # of every run, besides the firmware
    guard: Mapping[str, Output] | None = None  # more of them, for `Machine.watch_writes`
    trace: Mapping[str, Output] | None = None  # more of them, for `Machine.trace` with waits for flash
    accesses: Mapping[str, Output] | None = None  # more of them, for `Machine.watch_accesses`
    counts_calls: bool = False  # whether `so_far` says what each call that `follow` sees costs
    advised: tuple[Tool, ...] = ()  # with them it could do more; the key has them where they are


class Calls(Protocol):
    """Who is told of calls while they happen, and may read and write memory meanwhile."""

    def begun(self, function: str) -> None:
        """One of the functions that were asked for begins."""

    def ended(self) -> None:
        """It is back."""


class Machine(Protocol):
    """One target with one firmware. `symbol` may carry an offset: `model_arena+128`.

    Implementations derive from it: what a machine doesn't see or count has its answer here.
    """

    is_native: bool = False
    """Whether `wall_s` is the program's own time."""
    repetitions: int = 1
    """How often each sample is worth repeating, for its times vary."""
    is_remote: bool = False
    """Whether each kilobyte that is read or written takes a while: then no more is than has to be."""

    @abstractmethod
    def load(self, firmware: Path) -> Counters:
        """Put the ELF's segments where they belong, reset, and run the start-up code to the entry of `main`.

        Its cost. Raises RunError for firmware of another processor or memory map, and for what goes wrong on the way.
        """

    @abstractmethod
    def call(self, symbol: str, *, limit_instructions: int, given: bytes = b"") -> tuple[int, Counters]:
        """Call `int symbol(void)` to its return; its value and its cost. Raises RunError and Timeout.

        `given`: bytes to which the function gets a pointer; they lie where the firmware has nothing.
        """

    @abstractmethod
    def read(self, symbol: str, size_bytes: int) -> bytes:
        """Bytes of memory. Raises RunError for an unknown symbol."""

    @abstractmethod
    def write(self, symbol: str, data: bytes) -> None:
        """Change bytes of memory. Raises RunError for an unknown symbol."""

    @abstractmethod
    def close(self) -> None:
        """Free everything; called once."""

    def calls_begun(self, dispatcher: str, functions: Collection[str]) -> int:
        """How many calls of these functions `dispatcher` had begun when the last call ended, however it ended.

        0 where that isn't known.
        """
        return 0

    def follow(
        self, symbol: str, dispatcher: str, functions: Sequence[str], calls: Calls, *, limit_instructions: int
    ) -> int | None:
        """Like `call`, and tells of each call of these functions that `dispatcher` makes.

        Of a machine that can't stop at all of them those in the order in which they are given, and no others.
        None, and nothing is called, where this machine doesn't see calls or the firmware lacks one of the functions.
        """
        return None

    def so_far(self) -> Counters:
        """What the call under way has cost where `follow` tells of a call, as far as this machine counts."""
        return Counters(0.0)

    def counting_twin(self, symbol: str) -> Machine | None:
        """A machine that counts the instructions of `symbol` where this one doesn't, at the price of speed, or None."""
        return None

    def told(self) -> Mapping[str, Any]:
        """What else is to be known of a run: `memory_bytes`, `remarks` (sentences), where there is something."""
        return {}

    def watch_writes(self, guarded: Guarded) -> None:
        """From now on raise RunError for a write of a layer outside of what it may write."""
        raise UsageError("this machine doesn't see writes")

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
        """Like `call`, cut into what `dispatcher`, or where the firmware has none `symbol`, called, in order.

        And into what the functions `within`, which it calls, called.

        With `flash` (flash_model.so, and the target's `flash_timing`) waits for flash are counted.
        """
        raise RunError("only the built-in simulator sees every instruction", hint="profile a simulated target")

    def watch_accesses(self, library: Path, wanted: Wanted) -> Accesses:
        """Count what is read, written and fetched in calls from now on; `library` is accesses.so."""
        raise UsageError("only the built-in simulator sees every access", hint="take a target such as stm32f7")

    def stopped_at(self, symbol: str) -> Stub:
        """Begin a call, stop it before its first instruction, and leave it to a debugger: see `gdb_port`."""
        hint = "take a chip that a simulator here has, such as stm32f7, or a board"
        raise UsageError("nothing of this target is behind a GDB port", hint=hint)


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Machine:
    """The machine of a target: its recipe as a plain mapping, and the files it needs by name (`block_table.so`)."""
    return cast(Machine, _module(target).open_machine(target, files))


def capabilities(target: Mapping[str, Any]) -> Capabilities:
    """What a target's module can do for a processor. Raises UsageError for one that it lacks."""
    return cast(Capabilities, _module(target).capabilities(target))


def _module(target: Mapping[str, Any]) -> Any:
    """Raises UsageError for one that isn't there."""
    name = target["implementation"]
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        ours = "tinyflow.targets.unicorn, qemu, gdb, monitor, external, ssh, host"
        hint = f"`implementation` of the target's recipe; ours: {ours}"
        raise UsageError(f"there is no module {name}", hint=hint) from None
