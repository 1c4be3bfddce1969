"""What all simulated chips have in common: they are looked at from outside, through registers and memory.

The stack is measured by painting it before a call and looking how far the paint is gone; the heap likewise, since
`load`. All RAM begins as paint, not as zeros, so that nothing works by luck.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyflow.core.errors import RunError, Timeout
from tinyflow.targets import elf
from tinyflow.targets.blocks import Edge, Table, instruction_lengths
from tinyflow.targets.gdb_port import End, Stub
from tinyflow.targets.protocol import Counters, FunctionCount, Machine

PAINT = b"\xa5"
_WORD = 4 * PAINT
# Start-up copies and clears RAM, a few instructions for a word; more than this is a loop.
STARTUP_LIMIT_INSTRUCTIONS = 100_000_000
NO_LIMIT = 1 << 62  # instructions
_THUMB_STATE = 1 << 24  # of xPSR
# Calls return to where no chip has memory.
RETURN_ADDRESS = 0x9FFFF000


@dataclass(frozen=True)
class InstructionSet:
    """What differs between Arm and RISC-V for who calls a function. Registers have the names of QEMU's GDB stub."""

    machine: str  # what firmware's ELF header says, in pyelftools' word
    has_vector_table: bool  # whose first words are stack pointer and reset: Cortex-M
    stack_alignment: int  # bytes, at a call
    code_bit: int  # what a code address carries in its lowest bit: Thumb's 1
    link: str  # the register with the return address
    result: str  # and that of the first argument
    others: tuple[str, ...]  # the general registers that a call begins with as 0

    encoding: str = ""  # of instructions, where the machine has more than one

    @property
    def lengths(self) -> str:
        """What `instruction_lengths` goes by."""
        return self.encoding or self.machine

    @property
    def is_riscv(self) -> bool:
        """Whether it is RISC-V."""
        return self.machine == "EM_RISCV"


# AAPCS32, 6.2.1.2.
THUMB = InstructionSet("EM_ARM", True, 8, 1, "lr", "r0", tuple(f"r{number}" for number in range(13)))
# RISC-V psABI, integer calling convention; gp and tp belong to the start-up code, fp is s0.
_RISCV_OTHERS = (("a", range(8)), ("t", range(7)), ("s", range(1, 12)))
RISCV = InstructionSet(
    *("EM_RISCV", False, 16, 0, "ra", "a0"),
    others=("fp", *(f"{kind}{number}" for kind, numbers in _RISCV_OTHERS for number in numbers)),
)


# AAPCS32 again, in Arm state; AAPCS64, 6.1.1.
ARM = InstructionSet("EM_ARM", False, 8, 0, "lr", "r0", THUMB.others, "A32")
AARCH64 = InstructionSet("EM_AARCH64", False, 16, 0, "x30", "x0", tuple(f"x{number}" for number in range(30)))
# Xtensa ISA manual, 8.1.2, Call0 ABI: a0 is the return address, a1 the stack pointer, a2 the first argument and result.
XTENSA = InstructionSet("EM_XTENSA", False, 16, 0, "a0", "a2", tuple(f"a{number}" for number in range(2, 16)))


class Chip(Machine):
    """A simulated chip: see `protocol.Machine`."""

    def __init__(self, target: Mapping[str, Any], instruction_set: InstructionSet) -> None:
        """`target` is the recipe as a mapping."""
        self.target = target
        self.instruction_set = instruction_set
        self.firmware: elf.Firmware
        self.table: Table

    @property
    def return_address(self) -> int:
        """Where calls return to."""
        return RETURN_ADDRESS

    @property
    def edges(self) -> list[Edge]:
        """The raw counts of the last call (or start-up): every profile follows from them."""
        return self.table.edges()

    @abstractmethod
    def get(self, register: str) -> int:
        """A register's value."""

    @abstractmethod
    def set(self, register: str, value: int) -> None:
        """Change a register."""

    @abstractmethod
    def peek(self, address: int, size_bytes: int) -> bytes:
        """Bytes of memory; none where not all of it is there."""

    @abstractmethod
    def poke(self, address: int, data: bytes) -> bool:
        """Change bytes of memory; False where there is none."""

    @abstractmethod
    def _run(self, symbol: str, begin: int, until: int, limit_instructions: int) -> Counters:
        """Run from one address to another; every end but that is an error."""

    def _revive(self) -> None:
        """Begin anew where an error has left the chip in no state to go on."""

    def call(self, symbol: str, *, limit_instructions: int, given: bytes = b"") -> tuple[int, Counters]:
        """See `protocol.Machine`."""
        begin = self._prepare(symbol, given)
        counters = self._run(symbol, begin, self.return_address, limit_instructions)
        return self._status(), counters

    def _prepare(self, symbol: str, given: bytes = b"") -> int:
        """Stack and registers for a call; where it begins.

        Registers begin as 0, so that one call doesn't depend on another's leavings.
        """
        begin, rules = self.firmware.address(symbol), self.instruction_set
        bottom, size = self._stack()
        self._revive()
        self._paint(bottom, size)
        for register in rules.others:
            self.set(register, 0)
        if given:
            place = elf.free_place(self.firmware, self.target["memory"], symbol, len(given))
            self.poke(place, given)
            self.set(rules.result, place)
        self.set("sp", (bottom + size) & -rules.stack_alignment)
        self.set(rules.link, self.return_address | rules.code_bit)
        return begin

    def _paint(self, bottom: int, size: int) -> None:
        """The stack, before a call."""
        self.poke(bottom, PAINT * size)

    def _status(self) -> int:
        """What the call that has just ended returned."""
        status = (self.get(self.instruction_set.result) & 0xFFFFFFFF).to_bytes(4, "little")
        return int.from_bytes(status, "little", signed=True)

    def stopped_at(self, symbol: str) -> Stub:
        """See `protocol.Machine`."""
        begin = self._prepare(symbol)
        self._enter(begin)
        return self._stub(symbol)

    def _enter(self, begin: int) -> None:
        """Let the next instruction be that at this address."""
        if self.instruction_set.has_vector_table:
            self.set("xpsr", _THUMB_STATE)
        self.set("pc", begin)

    @abstractmethod
    def _stub(self, symbol: str) -> Stub:
        """What answers a debugger; the call of `symbol` is about to begin."""

    def end_of_call(self, symbol: str) -> End | None:
        """What a debugger is to be told where it stopped because the call is over; None where it isn't."""
        if self.get("pc") != self.return_address:
            return None
        return End(f"{symbol} has returned {self._status()}", b"W%02x" % (self._status() & 0xFF))

    def read(self, symbol: str, size_bytes: int) -> bytes:
        """See `protocol.Machine`."""
        self._revive()
        data = self.peek(self.firmware.address(symbol), size_bytes)
        if len(data) < size_bytes:
            raise _outside_memory(size_bytes, symbol)
        return data

    def write(self, symbol: str, data: bytes) -> None:
        """See `protocol.Machine`."""
        self._revive()
        if not self.poke(self.firmware.address(symbol), data):
            raise _outside_memory(len(data), symbol)

    def calls_begun(self, dispatcher: str, functions: Collection[str]) -> int:
        """See `protocol.Machine`."""
        try:
            caller = self.firmware.symbol(dispatcher)
            entries = {self.firmware.symbol(name).address for name in functions}
        except RunError:
            return 0
        return sum(
            edge.executions
            for edge in self.edges
            if edge.from_address in caller.addresses and edge.is_taken and edge.address in entries
        )

    def last_instruction(self) -> tuple[int, bytes]:
        """Address and bytes of the last instruction of the block that was entered last."""
        first, size = self.table.last
        code = self.peek(first, size)
        start = sum(instruction_lengths(code, self.instruction_set.lengths)[:-1])
        return first + start, code[start:]

    @property
    def executed(self) -> int | None:
        """Instructions of the call that ended last, however it did; None where nobody counts."""
        return self.table.instructions

    def retired(self, address: int) -> int | None:
        """Instructions before the one at this address, where it stopped the last block, which counts as a whole.

        None where nobody counts.
        """
        first, size = self.table.last
        if not first <= address < first + size:
            return self.table.instructions
        code = self.peek(address, first + size - address)
        return self.table.instructions - len(instruction_lengths(code, self.instruction_set.lengths))

    def _read_firmware(self, path: Path) -> None:
        """Raises RunError for firmware of another processor."""
        self.firmware = elf.read_for(path, self.instruction_set.machine, self.target["cpu"])

    def _regions(self, kind: str) -> list[Mapping[str, Any]]:
        return [region for region in self.target["memory"] if region["kind"] == kind]

    def _programmed(self) -> Iterator[elf.Segment]:
        """Every segment that has bytes, to lie where it is before reset. Raises RunError for one outside of flash."""
        flash = self._regions("flash")
        for segment in self.firmware.segments:
            begin, end = segment.load_address, segment.load_address + len(segment.data)
            if begin == end:
                continue
            if not any(begin in elf.addresses(r) and end - 1 in elf.addresses(r) for r in flash):
                what = f"bytes 0x{begin:08x} to 0x{end - 1:08x} of the firmware lie outside flash"
                raise RunError(what, hint=f"is it linked for {self.target['name']}?")
            yield segment

    def _check_memory(self) -> None:
        """Raises RunError where nothing is at an end of what the recipe calls memory."""
        for region in self.target["memory"]:
            for place in (region["origin"], region["origin"] + region["length_bytes"] - len(_WORD)):
                is_there = bool(self.peek(place, len(_WORD)))
                if region["kind"] == "ram":
                    is_there = self.poke(place, _WORD) and self.peek(place, len(_WORD)) == _WORD
                if not is_there:
                    what = f"there is no memory at 0x{place:08x}, which is {region['name']} as the recipe has it"
                    hint = f"is it {self.target['name']} that runs here? Else correct `memory` in its recipe"
                    raise RunError(what, hint=hint)

    def _reset(self) -> int:
        """Where the processor begins; an Arm with a stack pointer: the vector table's first words.

        That is first in flash, or as near to it as its alignment lets it.
        """
        if not self.instruction_set.has_vector_table:
            return self.firmware.entry
        sections = (section.address for section in self.firmware.sections if section.name == ".vectors")
        vectors = self.peek(next(sections, self._regions("flash")[0]["origin"]), 8)
        self.set("sp", int.from_bytes(vectors[:4], "little"))
        return int.from_bytes(vectors[4:], "little") & ~1

    def _counters(self, wall_s: float) -> Counters:
        """What the call that has just ended cost."""
        return Counters(
            instructions=self.table.instructions,
            stack_bytes=self._stack_bytes(),
            heap_bytes=self._heap_bytes(),
            wall_s=wall_s,
            functions=count_functions(self.edges, self.firmware),
        )

    def _stack_bytes(self) -> int:
        """What isn't paint any more."""
        return len(self.peek(*self._stack()).lstrip(PAINT))

    def _heap_bytes(self) -> int:
        """Likewise."""
        if not self.target.get("heap_bytes"):
            return 0
        return len(self.peek(*self._between("tf_heap_start", "tf_heap_end")).rstrip(PAINT))

    def _stack(self) -> tuple[int, int]:
        """Its lowest address and its bytes."""
        return self._between("tf_stack_bottom", "tf_stack_top")

    def _between(self, first: str, last: str) -> tuple[int, int]:
        begin = self.firmware.address(first)
        return begin, self.firmware.address(last) - begin

    def _timeout(self, symbol: str, limit_instructions: int) -> Timeout:
        return Timeout(
            f"{symbol} didn't return within {limit_instructions} instructions",
            where=elf.place(self.firmware, self.table.last[0]),
            hint="is it a loop without end? Else raise `limit` in the target's recipe",
        )


def count_functions(edges: Iterable[Edge], firmware: elf.Firmware) -> dict[str, FunctionCount]:
    """Function → its own instructions, without those of its callees, and how often it was entered.

    An entry comes from another function; a call of a function by itself doesn't count. Functions of one name (static
    ones) share an entry, and so does code without a symbol (`?`). The instructions add up to the total.
    """
    instructions: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for edge in edges:
        function = firmware.function_at(edge.address)
        name = function.name if function else "?"
        instructions[name] += edge.instructions * edge.executions
        if function and edge.address == function.address and firmware.function_at(edge.from_address) is not function:
            calls[name] += edge.executions
    ordered = sorted(instructions.items(), key=lambda item: (-item[1], item[0]))
    return {name: FunctionCount(count, calls[name]) for name, count in ordered}


def _outside_memory(size_bytes: int, symbol: str) -> RunError:
    return RunError(f"{size_bytes} bytes at {symbol} lie outside the target's memory")
