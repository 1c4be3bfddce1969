"""How a number is got from firmware: load, call, read, write and counters, as a debug probe does it.

Implementations: the built-in simulator, the host, any GDB server. The firmware knows nothing of being measured.
Such a module has `open_machine(target, files) -> Machine`, which `open_machine` here finds by the target's recipe, and,
for the plan, `tools()` and `inputs()`: what decides its counts, and which files it needs, by name, with their makers.
It may have `check_cpu(cpu)`, which raises UsageError for a processor that it lacks; `doit doctor` asks it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast


@dataclass(frozen=True)
class FunctionCount:
    """What one function cost within one call."""

    instructions: int
    calls: int = 0


@dataclass(frozen=True)
class Counters:
    """What one call cost. A counter that this machine has not is None; it is never estimated."""

    instructions: int | None
    stack_bytes: int | None  # peak, by high-water mark
    heap_bytes: int | None  # peak since `load`, by high-water mark
    wall_s: float
    functions: Mapping[str, FunctionCount] = field(default_factory=dict)


class Calls(Protocol):
    """Who is told of calls while they happen, and may read and write memory meanwhile."""

    def begun(self, function: str) -> None:
        """One of the functions that were asked for begins."""

    def ended(self) -> None:
        """It is back."""


class Machine(Protocol):
    """One target with one firmware. `symbol` may carry an offset: `model_arena+128`."""

    is_native: bool
    """Whether `wall_s` is the program's own time and varies, so that it is worth repeating."""

    def load(self, firmware: Path) -> Counters:
        """Put the ELF's segments where they belong, reset, and run the start-up code to the entry of `main`.

        Its cost. Raises RunError for firmware of another processor or memory map, and for what goes wrong on the way.
        """

    def call(self, symbol: str, *, limit_instructions: int) -> tuple[int, Counters]:
        """Call `int symbol(void)` to its return; its value and its cost. Raises RunError and Timeout."""

    def read(self, symbol: str, size_bytes: int) -> bytes:
        """Bytes of memory. Raises RunError for an unknown symbol."""

    def write(self, symbol: str, data: bytes) -> None:
        """Change bytes of memory. Raises RunError for an unknown symbol."""

    def calls_begun(self, dispatcher: str, functions: Collection[str]) -> int:
        """How many calls of these functions `dispatcher` had begun when the last call ended, however it ended.

        0 where that isn't known.
        """

    def follow(
        self, symbol: str, dispatcher: str, functions: Collection[str], calls: Calls, *, limit_instructions: int
    ) -> int | None:
        """Like `call`, and tells of each call of these functions that `dispatcher` makes.

        None, and nothing is called, where this machine doesn't see calls or the firmware lacks one of the functions.
        """

    def counting_twin(self, symbol: str) -> Machine | None:
        """A machine that counts the instructions of `symbol` where this one doesn't, at the price of speed, or None."""

    def close(self) -> None:
        """Free everything; called once."""


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Machine:
    """The machine of a target: its recipe as a plain mapping, and the files it needs by name (`block_table.so`)."""
    implementation = import_module(target["implementation"])
    return cast(Machine, implementation.open_machine(target, files))
