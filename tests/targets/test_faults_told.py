"""Why firmware stopped, from stops that are written down: each cause has its words, at every border."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import unicorn
from test_elf_sizes import FIRMWARE, FLASH, RAM
from written_chip import WrittenChip

from tinyflow.core.errors import RunError
from tinyflow.targets import host_faults
from tinyflow.targets.chip import RISCV, THUMB, InstructionSet
from tinyflow.targets.chip_faults import instruction
from tinyflow.targets.elf import Segment, Symbol
from tinyflow.targets.host_faults import STACK_BYTES, Fault, Layout
from tinyflow.targets.unicorn import faults
from tinyflow.targets.unicorn.faults import Access, Events

NO_MEMORY = "where there is no memory"

# The host

BASE, TOP = 0x7F0000000000, 0x7FFF00000000
SHARED = replace(
    FIRMWARE,
    segments=(Segment(0, 0, bytes(range(64)), 64), Segment(0x1000, 0x1000, b"", 0x100)),
    symbols=(Symbol("f", 0x10, 8, "function", ".text"), Symbol("g", 0x20, 8, "function", ".text")),
)
LAYOUT = Layout(BASE, TOP)


def test_a_fault_is_read_from_its_line() -> None:
    """Hexadecimal numbers in their order, zeros for what is missing, the rest being words of the stack."""
    assert Fault.parse("b 10 20 2 30 4 5 6") == Fault(11, 16, 32, 2, 48, 4, (5, 6))
    assert Fault.parse("b 10") == Fault(11, 16, 0, 0, 0, 0, ())


def test_a_layout_is_read_from_the_process(tmp_path: Path) -> None:
    """The first mapping of the file, and the end of the stack; a file that is not loaded is told."""
    lines = Path(f"/proc/{os.getpid()}/maps").read_text().splitlines()
    file = next(line.split(maxsplit=5)[5] for line in lines if ".so" in line)
    first = next(line for line in lines if line.endswith(file))
    stack = next(line for line in lines if line.endswith("[stack]"))
    found = Layout.of(os.getpid(), Path(file))
    assert found == Layout(int(first.split("-")[0], 16), int(stack.split()[0].split("-")[1], 16))
    with pytest.raises(RunError, match="the process has not loaded the firmware") as caught:
        Layout.of(os.getpid(), tmp_path / "none.so")
    assert caught.value.where == "none.so"


@pytest.mark.parametrize(
    ("address", "access", "what"),
    [
        (TOP - 1, 2, f"stack overflow: its {STACK_BYTES} bytes are used up"),
        (TOP - STACK_BYTES - (3 << 19) + 1, 1, f"stack overflow: its {STACK_BYTES} bytes are used up"),
        (TOP - STACK_BYTES - (3 << 19), 1, f"reads 0x7ffeff680000, {NO_MEMORY}"),
        (TOP, 2, f"writes 0x7fff00000000, {NO_MEMORY}"),
        (TOP - 1, 4, "jumps to 0x7ffeffffffff, where there is no code"),
        (0, 0, "accesses an address that no memory can have"),
        (16, 1, f"reads 0x00000010, {NO_MEMORY}"),
        (BASE, 2, "writes 0x00000000, which is flash"),
        (BASE + 0x10FF, 2, "writes 0x000010ff, which is flash"),
        (BASE + 0x1100, 2, f"writes 0x00001100, {NO_MEMORY}"),
        (BASE + 0x10, 1, f"reads 0x00000010, {NO_MEMORY}"),
        (BASE + (1 << 32) - 1, 1, f"reads 0xffffffff, {NO_MEMORY}"),
        (BASE + (1 << 32), 1, f"reads 0x7f0100000000, {NO_MEMORY}"),
        (BASE - 1, 1, f"reads 0x7effffffffff, {NO_MEMORY}"),
        (16, 4, "jumps to 0x00000010, where there is no code"),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS])
def test_every_access_of_the_host_has_its_words(number: int, address: int, access: int, what: str) -> None:
    """Addresses of the firmware are those of its file."""
    told = host_faults.explain(Fault(number, BASE + 0x14, address, access, 0, 0), SHARED, LAYOUT, "f")
    assert (told.what, told.where) == (f"{what}, in a call of f", "f+0x4 (0x00000014)")
    assert told.hint
    if NO_MEMORY in what:
        assert told.hint == "the firmware has 0x00000000 to 0x000010ff"


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (signal.SIGFPE, "divides by zero, or the quotient doesn't fit"),
        (signal.SIGTRAP, "stops at a breakpoint instruction"),
        (signal.SIGABRT, "aborts"),
        (signal.SIGTERM, "was stopped by SIGTERM"),
        (signal.SIGILL, "undefined instruction 1415161718191a1b"),
    ],
)
def test_every_signal_of_the_host_has_its_words(number: int, what: str) -> None:
    """With the code where that isn't an instruction; at the end of a segment what there is, outside its address."""
    told = host_faults.explain(Fault(number, BASE + 0x14, 0, 0, 0, 0), SHARED, LAYOUT, "f")
    assert (told.what, bool(told.hint)) == (f"{what}, in a call of f", True)
    if number == signal.SIGILL:
        for offset, code in ((62, "3e3f"), (64, "at 0x00000040"), (0, "0001020304050607")):
            fault = Fault(number, BASE + offset, 0, 0, 0, 0)
            assert host_faults.explain(fault, SHARED, LAYOUT, "f").what.startswith(f"undefined instruction {code},")


def test_a_wild_jump_is_placed_where_it_came_from() -> None:
    """In front of the first word of the stack that leads back into a function; without one, the called function."""
    jump = Fault(11, 16, 16, 4, 0, 0, (7, BASE + 0x28, BASE + 0x12))
    assert host_faults.where(jump, SHARED, LAYOUT, "h") == "g+0x7 (0x00000027)"
    begin = replace(jump, words=(BASE + 0x10, BASE + 0x12))  # behind no instruction of it
    assert host_faults.where(begin, SHARED, LAYOUT, "h") == "f+0x1 (0x00000011)"
    assert host_faults.where(replace(jump, words=(7,)), SHARED, LAYOUT, "h") == "h"
    assert host_faults.where(replace(jump, counter=BASE + 0x20), SHARED, LAYOUT, "h") == "g+0x0 (0x00000020)"


# The built-in simulator

AT = FLASH + 8
Stop = tuple[WrittenChip, Events, bool]


def stop(
    events: Events,
    code: bytes = bytes(8),
    *,
    cpu: InstructionSet = THUMB,
    counter: int = AT + 4,
    sp: int = RAM + 32,
    failed: bool = False,
) -> Stop:
    """A processor that is at the third short instruction of a block of four."""
    memory = {FLASH: (bytes(8) + code + bytes(4096))[:4096]}
    chip = WrittenChip(cpu, {"pc": counter, "sp": sp}, memory, (AT, len(code)), 9)
    return chip, events, failed


def told(made: Stop) -> tuple[str, str]:
    """Where, and what."""
    error = faults.explain(*made, "f")
    assert error.hint
    what, _, behind = error.what.rpartition(", ")
    assert re.fullmatch("[5-9] instructions into f", behind)
    return str(error.where).partition(" ")[0], what


@pytest.mark.parametrize(
    ("kind", "address", "what"),
    [
        (unicorn.UC_MEM_READ_UNMAPPED, 0x10, f"reads 4 bytes at 0x00000010, {NO_MEMORY}"),
        (unicorn.UC_MEM_WRITE_UNMAPPED, 0x10, f"writes 4 bytes at 0x00000010, {NO_MEMORY}"),
        (unicorn.UC_MEM_WRITE_PROT, FLASH, "writes 4 bytes at 0x08000000, which is flash"),
        (unicorn.UC_MEM_WRITE_UNMAPPED, RAM - 1, "stack overflow: its 64 bytes are used up"),
        (unicorn.UC_MEM_WRITE_UNMAPPED, RAM - 4096, "stack overflow: its 64 bytes are used up"),
        (unicorn.UC_MEM_WRITE_UNMAPPED, RAM - 4097, f"writes 4 bytes at 0x1fffefff, {NO_MEMORY}"),
        (unicorn.UC_MEM_WRITE_UNMAPPED, RAM, f"writes 4 bytes at 0x20000000, {NO_MEMORY}"),
    ],
)
def test_every_access_of_the_simulator_has_its_words(kind: int, address: int, what: str) -> None:
    """An address right below the stack is its overflow, and so is any once the stack pointer has left it."""
    events = Events(Access(kind, address, 4))
    assert told(stop(events)) == ("main+0xc", what)
    assert told(stop(events, sp=RAM - 4))[1] == "stack overflow: its 64 bytes are used up"
    assert told(stop(events, sp=RAM))[1] == what
    if NO_MEMORY in what:
        has = "chip has flash 0x08000000 to 0x08000fff, ram 0x20000000 to 0x200007ff"
        assert faults.explain(*stop(events), "f").hint == has
    events.clear()
    assert events == Events()


@pytest.mark.parametrize(
    ("code", "verb"),
    [("7047", "returns"), ("80bd", "returns"), ("bde8f080", "returns"), ("bde8f070", "jumps"), ("1847", "jumps")],
)
def test_a_wild_jump_of_an_arm_is_a_return_or_not(code: str, verb: str) -> None:
    """By the last instruction of the block; pop.w only where it pops pc. It lies there."""
    jump = bytes.fromhex(code)
    for events in (Events(Access(unicorn.UC_MEM_FETCH_UNMAPPED, 0x10, 2)), Events(exception=3)):
        made = stop(events, bytes(4) + jump, counter=0x10)
        assert told(made) == ("main+0xc", f"{verb} to 0x00000010, where there is no code")
    assert made[0].last_instruction() == (AT + 4, jump)


@pytest.mark.parametrize(("code", "verb"), [("8280", "returns"), ("67800000", "returns"), ("8287", "jumps")])
def test_a_wild_jump_of_a_riscv_is_a_return_or_not(code: str, verb: str) -> None:
    """Likewise; exception 3 is none."""
    events = Events(Access(unicorn.UC_MEM_FETCH_PROT, RAM, 2))
    made = stop(events, bytes(4) + bytes.fromhex(code), cpu=RISCV, counter=RAM)
    assert told(made) == ("main+0xc", f"{verb} to 0x20000000, where there is no code")
    assert not faults.is_wild_jump(*stop(Events(exception=3), cpu=RISCV)[:2])


@pytest.mark.parametrize(
    ("cpu", "exception", "place", "what"),
    [
        (THUMB, 2, "main+0xa", "calls an operating system"),
        (THUMB, 4, "main+0xc", "accesses memory at an unaligned address"),
        (THUMB, 7, "main+0xc", "stops at a breakpoint instruction"),
        (THUMB, 17, "main+0xc", "uses an FPU, which this CPU hasn't"),
        *((RISCV, number, "main+0x8", "calls an operating system") for number in (8, 9, 10, 11)),
    ],
)
def test_every_exception_of_the_simulator_has_its_words(cpu: Any, exception: int, place: str, what: str) -> None:
    """At the instruction that took it, behind which the counter may stand."""
    assert told(stop(Events(exception=exception), cpu=cpu)) == (place, what)


def test_the_rest_of_what_stops_the_simulator() -> None:
    """Code that ends with its page, an instruction that it refuses, and waiting, which is silent."""
    assert told(stop(Events(), counter=FLASH + 4096))[1] == "runs to 0x08001000, where there is no code"
    assert told(stop(Events(), counter=FLASH + 4095))[1] == "waits for an interrupt (wfi), and none will come"
    assert told(stop(Events()))[1] == "waits for an interrupt (wfi), and none will come"
    wide = stop(Events(), bytes(4) + b"\xf0\xf7\x00\xa0", failed=True)
    assert instruction(wide[0], AT + 4) == b"\xf0\xf7\x00\xa0"
    assert instruction(stop(Events(), bytes(4) + b"\x30\xbf")[0], AT + 4) == b"\x30\xbf"
    assert told(wide)[1].startswith("undefined instruction f7f0a000")
    assert told(stop(Events(exception=5)))[1] == "takes exception 5"
    assert told(stop(Events(exception=5), cpu=RISCV, counter=AT + 8))[1] == "takes exception 5"
    for code, what in (("0290", _BREAK), ("73001000", _BREAK), ("0000", "undefined instruction 0000"), _WIDE):
        illegal = stop(Events(exception=2), bytes(4) + bytes.fromhex(code), cpu=RISCV, counter=AT + 8)
        assert told(illegal) == ("main+0xc", what)
    even = stop(Events(), failed=True)
    even[0].set("cpsr", 0xFFFFFFDF)
    assert told(even)[1] == "jumped to an even address, where Arm code would be"
    assert told(stop(Events(), bytes(4) + b"\x01\xde", failed=True))[1] == "undefined instruction de01"


_BREAK = "stops at a breakpoint instruction"
_WIDE = ("731000c0", "undefined instruction c0001073")
