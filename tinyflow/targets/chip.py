"""What all simulated chips have in common: they are looked at from outside, through their memory.

The stack is measured by painting it before a call and looking how far the paint is gone; the heap likewise, since
`load`. All RAM begins as paint, not as zeros, so that nothing works by luck.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from tinyflow.core.errors import RunError, Timeout
from tinyflow.targets import elf
from tinyflow.targets.blocks import Edge
from tinyflow.targets.profile import count_calls_begun, count_functions
from tinyflow.targets.protocol import Counters, Machine

PAINT = b"\xa5"
# Start-up copies and clears RAM, a few instructions for a word; more than this is a loop.
STARTUP_LIMIT_INSTRUCTIONS = 100_000_000


class Chip(Machine):
    """A simulated chip: see `protocol.Machine`."""

    def __init__(self, target: Mapping[str, Any]) -> None:
        """`target` is the recipe as a mapping."""
        self._target = target
        self._firmware: elf.Firmware

    @property
    def firmware(self) -> elf.Firmware:
        """What was loaded."""
        return self._firmware

    @property
    @abstractmethod
    def edges(self) -> list[Edge]:
        """The raw counts of the last call (or start-up): every profile follows from them."""

    @abstractmethod
    def _peek(self, address: int, size_bytes: int) -> bytes:
        """Bytes of memory that is there."""

    def calls_begun(self, dispatcher: str, functions: Collection[str]) -> int:
        """See `protocol.Machine`."""
        return count_calls_begun(self.edges, self._firmware, dispatcher, functions)

    def _read_firmware(self, path: Path, machine: str) -> None:
        """Raises RunError for firmware of another processor than `machine`, in pyelftools' word."""
        self._firmware = elf.read(path)
        if self._firmware.machine != machine:
            hint = f"is it built for {self._target['cpu']}?"
            raise RunError(f"is {self._firmware.machine}, not {machine}", where=path.name, hint=hint)

    def _regions(self, kind: str) -> list[Mapping[str, Any]]:
        return [region for region in self._target["memory"] if region["kind"] == kind]

    def _programmed(self) -> Iterator[elf.Segment]:
        """Every segment that has bytes, to lie where it is before reset. Raises RunError for one outside of flash."""
        flash = self._regions("flash")
        for segment in self._firmware.segments:
            begin, end = segment.load_address, segment.load_address + len(segment.data)
            if begin == end:
                continue
            if not any(r["origin"] <= begin and end <= r["origin"] + r["length_bytes"] for r in flash):
                what = f"bytes 0x{begin:08x} to 0x{end - 1:08x} of the firmware lie outside flash"
                raise RunError(what, hint=f"is it linked for {self._target['name']}?")
            yield segment

    def _vectors(self) -> tuple[int, int]:
        """An Arm's stack pointer at reset, and where it begins: the vector table's first words.

        That is first in flash, or as near to it as its alignment lets it.
        """
        sections = (section.address for section in self._firmware.sections if section.name == ".vectors")
        vectors = self._peek(next(sections, self._regions("flash")[0]["origin"]), 8)
        return int.from_bytes(vectors[:4], "little"), int.from_bytes(vectors[4:], "little") & ~1

    def _counters(self, instructions: int, wall_s: float) -> Counters:
        """What the call that has just ended cost."""
        heap_bytes = 0
        if self._target.get("heap_bytes"):
            heap_bytes = len(self._peek(*self._between("tf_heap_start", "tf_heap_end")).rstrip(PAINT))
        return Counters(
            instructions=instructions,
            stack_bytes=len(self._peek(*self._stack()).lstrip(PAINT)),
            heap_bytes=heap_bytes,
            wall_s=wall_s,
            functions=count_functions(self.edges, self._firmware),
        )

    def _stack(self) -> tuple[int, int]:
        """Its lowest address and its bytes."""
        return self._between("tf_stack_bottom", "tf_stack_top")

    def _between(self, first: str, last: str) -> tuple[int, int]:
        begin = self._firmware.address(first)
        return begin, self._firmware.address(last) - begin

    def _timeout(self, symbol: str, limit_instructions: int, counter: int) -> Timeout:
        return Timeout(
            f"{symbol} didn't return within {limit_instructions} instructions",
            where=elf.place(self._firmware, counter),
            hint="is it a loop without end? Else raise `limit` in the target's recipe",
        )


def status_of(register: int) -> int:
    """An int that a function returned, from the register that holds it."""
    return int.from_bytes((register & 0xFFFFFFFF).to_bytes(4, "little"), "little", signed=True)


def outside_memory(size_bytes: int, symbol: str) -> RunError:
    """The refusal of an access from outside."""
    return RunError(f"{size_bytes} bytes at {symbol} lie outside the target's memory")
