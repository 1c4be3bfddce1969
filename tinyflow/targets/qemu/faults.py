"""Why the processor trapped, in words: where (function and offset), what it did, what to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tinyflow.core.errors import RunError
from tinyflow.targets import chip_faults
from tinyflow.targets.blocks import instruction_lengths
from tinyflow.targets.chip_faults import Words
from tinyflow.targets.elf import Firmware
from tinyflow.targets.qemu.boards import Board
from tinyflow.targets.qemu.gdb import Remote

_UNALIGNED = ("accesses memory at an unaligned address", "this access can't: is a pointer cast to a larger type?")

# Armv8-M Architecture Reference Manual (DDI 0553), D1.2: fault status registers and bits of CFSR.
_CFSR, _MMFAR, _BFAR = 0xE000ED28, 0xE000ED34, 0xE000ED38
_NO_FETCH = 1 << 0 | 1 << 8
_NO_STACKING = 1 << 4 | 1 << 12
_MEMORY_ADDRESS, _BUS_ADDRESS = 1 << 7, 1 << 15
_NO_ACCESS = 1 << 1 | 1 << 9 | 1 << 10 | _NO_STACKING
_BKPT = 0xBE  # the upper byte of a halfword; QEMU sets no bit of HFSR for it
_SUPERVISOR_CALL = 11  # exception number
_STACKED_PC = 24  # bytes from the stack pointer
_ARM_CAUSES = {
    1 << 17: chip_faults.ARM_CODE,
    1 << 19: ("uses an FPU or a coprocessor that is off or missing", "with which flags was it built?"),
    1 << 24: _UNALIGNED,
    1 << 25: ("divides by zero", "and the firmware wants that to trap"),
}

# RISC-V Privileged ISA, table 3.6: mcause.
_FETCH_FAULTS, _ILLEGAL, _EBREAK, _LOAD_FAULT, _STORE_FAULT = (0, 1, 12), 2, 3, 5, 7
_RISCV_CAUSES = {
    4: _UNALIGNED,
    6: _UNALIGNED,
    _EBREAK: chip_faults.BREAKPOINT,
    8: chip_faults.SYSTEM_CALL,
    11: chip_faults.SYSTEM_CALL,
}
_WAITS = (b"\x30\xbf", b"\x20\xbf", b"\x73\x00\x50\x10")  # wfi, wfe; RISC-V's wfi


class Cause(NamedTuple):
    """Why and where a processor trapped; `address` is of the memory that it wanted."""

    counter: int
    kind: str  # fetch, read, write, access, undefined, other
    address: int | None = None
    words: Words = ("", "")


@dataclass(frozen=True)
class Stop:
    """A processor that stopped where it should not."""

    board: Board
    firmware: Firmware
    target: Mapping[str, Any]
    remote: Remote
    last_block: tuple[int, int]  # address, size in bytes
    instructions: int  # with all of the last block

    def retired(self, address: int) -> int:
        """Instructions before the one at this address, which stopped the last block."""
        first, size = self.last_block
        if not first <= address < first + size:
            return self.instructions
        code = self.remote.read(address, first + size - address) or b""
        return self.instructions - len(instruction_lengths(code, self.board.is_riscv))

    def jump(self) -> int:
        """Address of the last instruction that ran."""
        first, size = self.last_block
        lengths = instruction_lengths(self.remote.read(first, size) or b"", self.board.is_riscv)
        return first + sum(lengths[:-1])

    def word(self, address: int) -> int:
        """A word of memory or of the system registers."""
        return int.from_bytes(self.remote.read(address, 4) or b"", "little")


def explain(stop: Stop, symbol: str) -> RunError:
    """The refusal to raise for a call of `symbol` that trapped."""
    cause = _riscv(stop) if stop.board.is_riscv else _arm(stop)
    address = stop.jump() if cause.kind == "fetch" else cause.counter
    instructions = stop.instructions if cause.kind == "fetch" else stop.retired(address)
    return chip_faults.refusal(stop.firmware, _words(stop, cause), instructions, symbol, address)


def explain_lockup(firmware: Firmware, symbol: str, stack_pointer: int, counter: int, instructions: int) -> RunError:
    """The refusal for an exception within an exception, at which a Cortex-M stops for good."""
    words = ("an exception within an exception (lockup)", "is the stack pointer spoiled?")
    if chip_faults.is_overflow(firmware, stack_pointer):
        words = chip_faults.stack_overflow(firmware)
    return chip_faults.refusal(firmware, words, instructions, symbol, counter)


def refuse_waiting(stop: Stop, symbol: str) -> None:
    """Raise RunError for a processor that stands at or behind an instruction that waits."""
    counter = stop.remote.get("pc")
    for back in (0, 2, 4):
        code = stop.remote.read(counter - back, 4) or b""
        if code.startswith(_WAITS):
            address = counter - back
            raise chip_faults.refusal(stop.firmware, chip_faults.WAITING, stop.retired(address), symbol, address)


def _riscv(stop: Stop) -> Cause:
    number, counter, value = (stop.remote.get(name) for name in ("mcause", "mepc", "mtval"))
    if number in _FETCH_FAULTS:
        return Cause(counter, "fetch", counter)
    if number in (_LOAD_FAULT, _STORE_FAULT):
        return Cause(counter, "read" if number == _LOAD_FAULT else "write", value)
    if number == _ILLEGAL:
        return Cause(counter, "undefined")
    return Cause(counter, "other", None, _RISCV_CAUSES.get(number, (f"takes exception {number}", "see mcause")))


def _arm(stop: Stop) -> Cause:
    status = stop.word(_CFSR)
    if status & _NO_STACKING:
        return Cause(stop.jump(), "access", stop.firmware.address("tf_stack_bottom") - 1)
    counter = stop.word(stop.remote.get("sp") + _STACKED_PC)
    if status & _NO_FETCH:
        return Cause(counter, "fetch", counter)
    if status & _NO_ACCESS:
        known = status & (_MEMORY_ADDRESS | _BUS_ADDRESS)
        register = _MMFAR if status & _MEMORY_ADDRESS else _BFAR
        return Cause(counter, "access", stop.word(register) if known else None)
    if status & 1 << 16:
        return Cause(counter, "undefined")
    for bit, words in _ARM_CAUSES.items():
        if status & bit:
            return Cause(counter, "other", None, words)
    if (stop.remote.read(counter, 2) or b"\0\0")[1] == _BKPT:
        return Cause(counter, "other", None, chip_faults.BREAKPOINT)
    number = stop.remote.get("xpsr") & 0x1FF
    if number == _SUPERVISOR_CALL:
        return Cause(counter - 2, "other", None, chip_faults.SYSTEM_CALL)
    return Cause(counter, "other", None, (f"takes exception {number}", "see the processor's manual"))


def _words(stop: Stop, cause: Cause) -> Words:
    if cause.kind == "other":
        return cause.words
    if cause.kind == "fetch":
        return chip_faults.wild_jump("jumps", cause.counter)
    if cause.kind == "undefined":
        code = stop.remote.read(cause.counter, 4) or b"\0\0\0\0"
        code = code[: instruction_lengths(code, stop.board.is_riscv)[0]]
        return chip_faults.undefined(code, stop.board.is_riscv, stop.target["cpu"])
    return _refused_access(stop, cause)


def _refused_access(stop: Stop, cause: Cause) -> Words:
    address = cause.address
    if chip_faults.is_overflow(stop.firmware, stop.remote.get("sp"), address):
        return chip_faults.stack_overflow(stop.firmware)
    if address is None:
        return "accesses memory that is not there", "QEMU doesn't say where"
    inside = [r for r in stop.target["memory"] if r["origin"] <= address < r["origin"] + r["length_bytes"]]
    if inside and inside[0]["kind"] == "flash":
        return chip_faults.write_to_flash(f"0x{address:08x}")
    verb = {"read": "reads", "write": "writes"}.get(cause.kind, "accesses")
    return chip_faults.no_memory(verb, f"0x{address:08x}", stop.target)
