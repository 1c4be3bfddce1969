"""Why the processor stopped, in words: where (function and offset), what it did, what to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from tinyflow.core.errors import RunError
from tinyflow.targets import chip_faults
from tinyflow.targets.chip import Chip
from tinyflow.targets.chip_faults import Words

# Exceptions as QEMU numbers them (target/arm/cpu.h; RISC-V Privileged ISA, table 3.6): what it did, what to look at.
_ARM_SUPERVISOR_CALL = 2
_ARM_PREFETCH_ABORT = 3
_ARM_EXCEPTIONS = {
    _ARM_SUPERVISOR_CALL: chip_faults.SYSTEM_CALL,
    4: ("accesses memory at an unaligned address", "this CPU can't: is a pointer cast to a larger type?"),
    7: chip_faults.BREAKPOINT,
    17: ("uses an FPU, which this CPU hasn't", "with which flags was it built?"),
}
_RISCV_EXCEPTIONS = dict.fromkeys((8, 9, 10, 11), chip_faults.SYSTEM_CALL)
_RISCV_ILLEGAL = 2
# Where Unicorn's program counter is at an exception, past the instruction that took it.
_PAST_ARM_SUPERVISOR_CALL = 2
_PAST_RISCV_EXCEPTION = 4

# First bytes of instructions. Thumb (Armv7-M ARM, A7.7): bx lr; pop {…, pc}; pop.w {…, pc}. RISC-V: c.jr ra; jalr ra.
_THUMB_RETURNS = (b"\x70\x47", b"\xbd", b"\xbd\xe8")
_RISCV_RETURNS = (b"\x82\x80", b"\x67\x80\x00\x00")
_RISCV_BREAKPOINTS = (b"\x02\x90", b"\x73\x00\x10\x00")  # c.ebreak, ebreak
_THUMB_STATE = 1 << 5  # of the CPSR


class Access(NamedTuple):
    """An access that memory refused; `kind` is Unicorn's UC_MEM_… constant."""

    kind: int
    address: int
    size_bytes: int


@dataclass
class Events:
    """What Unicorn's hooks told before it stopped."""

    access: Access | None = None
    exception: int | None = None

    def clear(self) -> None:
        """Forget the last call."""
        self.access = self.exception = None


def watch(engine: Any) -> Events:
    """Note refused accesses and exceptions of a `unicorn.Uc`, and stop it there."""
    from unicorn import UC_HOOK_INTR, UC_HOOK_MEM_INVALID

    events = Events()

    def refuse(_engine: Any, kind: int, address: int, size: int, _value: int, _: object) -> bool:
        events.access = Access(kind, address, size)
        return False

    def interrupt(stopped: Any, number: int, _: object) -> None:
        events.exception = number
        stopped.emu_stop()

    engine.hook_add(UC_HOOK_MEM_INVALID, refuse)
    engine.hook_add(UC_HOOK_INTR, interrupt)
    return events


def explain(chip: Chip, events: Events, has_failed: bool, symbol: str) -> RunError:
    """The refusal to raise for a call of `symbol` that stopped; `has_failed`: Unicorn reported an error."""
    # At the instruction that did it, behind it, or where a jump led.
    address = chip.get("pc")
    if is_wild_jump(chip, events):
        return chip_faults.wild_jump(chip, "returns" if _is_return(chip) else "jumps", address, symbol)
    if events.exception is not None and chip.instruction_set.is_riscv:
        address -= _PAST_RISCV_EXCEPTION
    elif events.exception == _ARM_SUPERVISOR_CALL:
        address -= _PAST_ARM_SUPERVISOR_CALL
    return chip_faults.refusal(chip, _words(chip, events, has_failed, address), symbol, address)


def is_wild_jump(chip: Chip, events: Events) -> bool:
    """Whether it left for a place from which no instruction can be fetched."""
    from unicorn import UC_MEM_FETCH_PROT, UC_MEM_FETCH_UNMAPPED

    if events.access:
        return events.access.kind in (UC_MEM_FETCH_PROT, UC_MEM_FETCH_UNMAPPED)
    return events.exception == _ARM_PREFETCH_ABORT and not chip.instruction_set.is_riscv


def _words(chip: Chip, events: Events, has_failed: bool, address: int) -> Words:
    if events.access:
        return _refused_access(chip, events.access)
    if chip_faults.region_at(chip, address) is None:  # the rest of a page that is not all memory
        return f"runs to 0x{address:08x}, where there is no code", "is a function pointer overwritten?"
    if events.exception is not None or has_failed:
        return _trap(chip, events.exception, address)
    return chip_faults.WAITING  # the one way to stop silently


def _is_return(chip: Chip) -> bool:
    """Whether the last instruction was one."""
    code = chip.last_instruction()[1]
    if chip.instruction_set.is_riscv:
        return code in _RISCV_RETURNS
    bx_lr, pop_pc, pop_wide_pc = _THUMB_RETURNS
    return code == bx_lr or code[1:] == pop_pc or (code[:2] == pop_wide_pc and code[3] >= 0x80)


def _refused_access(chip: Chip, access: Access) -> Words:
    from unicorn import UC_MEM_READ_UNMAPPED, UC_MEM_WRITE_PROT

    accessed = f"{access.size_bytes} bytes at 0x{access.address:08x}"
    verb = "reads" if access.kind == UC_MEM_READ_UNMAPPED else "writes"
    is_to_flash = access.kind == UC_MEM_WRITE_PROT
    return chip_faults.refused_access(chip, verb, access.address, accessed, is_to_flash=is_to_flash)


def _trap(chip: Chip, exception: int | None, address: int) -> Words:
    """An exception, or an instruction that the simulator refused."""
    is_riscv = chip.instruction_set.is_riscv
    known = _RISCV_EXCEPTIONS if is_riscv else _ARM_EXCEPTIONS
    if exception in known:
        return known[exception]
    if exception is not None and not (is_riscv and exception == _RISCV_ILLEGAL):
        return f"takes exception {exception}", "exceptions are not simulated"
    if is_riscv and chip_faults.instruction(chip, address) in _RISCV_BREAKPOINTS:
        return chip_faults.BREAKPOINT
    if not is_riscv and not chip.get("cpsr") & _THUMB_STATE:
        return chip_faults.ARM_CODE
    return chip_faults.undefined(chip, address)
