"""Where the host's firmware was when a signal stopped it, and why, in the words that the simulators have.

Addresses are those of the ELF file, so that they are the same in every run.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass, field
from pathlib import Path

from tinyflow.core.errors import RunError
from tinyflow.targets.elf import Firmware, place

STACK_BYTES = 8 << 20  # what host_process.py allows
_FAR_BYTES = 3 << 19  # behind the stack's end: Linux's guard and a frame that reaches over it
_READ, _WRITE, _FETCH = 1, 2, 4
_NEAR = 1 << 32  # of the firmware: an address that is shown as the ELF file would have it
_SHOWN_BYTES = 8  # of an instruction
_ACCESSES = (signal.SIGSEGV, signal.SIGBUS)
_OTHERS = {
    signal.SIGFPE: ("divides by zero, or the quotient doesn't fit", "is a divisor checked?"),
    signal.SIGTRAP: ("stops at a breakpoint instruction", "firmware that is measured runs without a debugger"),
    signal.SIGABRT: ("aborts", "firmware has nobody to call abort for"),
}


@dataclass(frozen=True)
class Layout:
    """Where the process has firmware and stack."""

    base: int  # of the firmware
    stack_end: int  # behind its highest address

    @classmethod
    def of(cls, process: int, firmware: Path) -> Layout:
        """Of a process that has loaded the firmware. Raises RunError where it hasn't."""
        maps = Path(f"/proc/{process}/maps").read_text(errors="surrogateescape").split("\n")
        name = str(firmware).replace("\n", "\\012")  # as the kernel spells it
        base = next((line for line in maps if line.endswith(f" {name}")), None)
        stack = next((line for line in maps if line.endswith("[stack]")), "0-0 ")
        if base is None:
            raise RunError("the process has not loaded the firmware", where=firmware.name)
        return cls(int(base.split("-")[0], 16), int(re.split("[- ]", stack)[1], 16))


@dataclass(frozen=True)
class Fault:
    """What host_faults.c tells."""

    number: int
    counter: int
    address: int
    access: int
    stack_pointer: int
    calls: int
    words: tuple[int, ...] = field(default=())

    @classmethod
    def parse(cls, text: str) -> Fault:
        """What is behind `fault`; zeros for what is missing."""
        numbers = [int(word, 16) for word in text.split()]
        number, counter, address, access, stack_pointer, calls = (numbers + [0] * 6)[:6]
        return cls(number, counter, address, access, stack_pointer, calls, tuple(numbers[6:]))

    def place(self, firmware: Firmware, layout: Layout) -> int:
        """The instruction; of a wild jump the one behind which the program would have gone on."""
        if firmware.function_at(self.counter - layout.base) is None:
            for word in self.words:
                if firmware.function_at(word - 1 - layout.base) is not None:
                    return word - 1 - layout.base
        return self.counter - layout.base


def where(fault: Fault, firmware: Firmware, layout: Layout, symbol: str) -> str:
    """For people: function and address, or the function that was called where it left the firmware without a trace."""
    address = fault.place(firmware, layout)
    return symbol if firmware.function_at(address) is None else place(firmware, address)


def explain(fault: Fault, firmware: Firmware, layout: Layout, symbol: str) -> RunError:
    """The refusal to raise for a call of `symbol`."""
    what, hint = _words(fault, firmware, layout)
    return RunError(f"{what}, in a call of {symbol}", where=where(fault, firmware, layout, symbol), hint=hint)


def _words(fault: Fault, firmware: Firmware, layout: Layout) -> tuple[str, str]:
    number = signal.Signals(fault.number)
    if number in _OTHERS:
        return _OTHERS[number]
    if number == signal.SIGILL:
        hint = "a trap that the compiler put there, or an instruction that this machine lacks"
        at = fault.counter - layout.base
        return f"undefined instruction {firmware.code(at, _SHOWN_BYTES).hex() or f'at 0x{at:08x}'}", hint
    if number not in _ACCESSES:
        return f"was stopped by {number.name}", "who sent it?"
    return _refused_access(fault, firmware, layout)


def _refused_access(fault: Fault, firmware: Firmware, layout: Layout) -> tuple[str, str]:
    address = fault.address
    if 0 < layout.stack_end - address < STACK_BYTES + _FAR_BYTES and fault.access != _FETCH:
        return f"stack overflow: its {STACK_BYTES} bytes are used up", "is it a recursion without end?"
    if not fault.access:
        return "accesses an address that no memory can have", "is a pointer overwritten?"
    offset = address - layout.base
    shown = f"0x{offset if 0 <= offset < _NEAR else address:08x}"
    if fault.access == _FETCH:
        return f"jumps to {shown}, where there is no code", "is the stack or a function pointer overwritten?"
    inside = [s for s in firmware.segments if s.address <= offset < s.address + s.size_bytes]
    if inside and fault.access == _WRITE:
        return f"writes {shown}, which is flash", "is a cast hiding a const?"
    verb = "writes" if fault.access == _WRITE else "reads"
    end = max(segment.address + segment.size_bytes for segment in firmware.segments)
    return f"{verb} {shown}, where there is no memory", f"the firmware has 0x00000000 to 0x{end - 1:08x}"
