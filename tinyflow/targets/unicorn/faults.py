"""Why the processor stopped, in words: where (function and offset), what it did, what to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tinyflow.core.errors import RunError
from tinyflow.targets import chip_faults
from tinyflow.targets.blocks import instruction_lengths
from tinyflow.targets.chip_faults import Words
from tinyflow.targets.elf import Firmware
from tinyflow.targets.unicorn.processor import Processor

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
# Where Unicorn's program counter stands at an exception, past the instruction that took it.
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


@dataclass(frozen=True)
class Stop:
    """A processor that stopped where it should not, with all that is needed to say why."""

    processor: Processor
    firmware: Firmware
    target: Mapping[str, Any]
    engine: Any
    events: Events
    has_failed: bool  # Unicorn reported an error
    last_block: tuple[int, int]  # address, size in bytes

    @property
    def counter(self) -> int:
        """The program counter: at the instruction that did it, behind it, or where a jump led."""
        return int(self.engine.reg_read(self.processor.program_counter))

    @property
    def stack_pointer(self) -> int:
        """The stack pointer; an instruction that was refused has not moved it."""
        return int(self.engine.reg_read(self.processor.stack_pointer))

    @property
    def is_wild_jump(self) -> bool:
        """Whether it left for a place from which no instruction can be fetched."""
        from unicorn import UC_MEM_FETCH_PROT, UC_MEM_FETCH_UNMAPPED

        if self.events.access:
            return self.events.access.kind in (UC_MEM_FETCH_PROT, UC_MEM_FETCH_UNMAPPED)
        return self.events.exception == _ARM_PREFETCH_ABORT and not self.processor.is_riscv

    @property
    def address(self) -> int:
        """The instruction that did it; of a wild jump, the jump."""
        if self.is_wild_jump:
            return self.jump()[0]
        if self.events.exception is not None and self.processor.is_riscv:
            return self.counter - _PAST_RISCV_EXCEPTION
        if self.events.exception == _ARM_SUPERVISOR_CALL:
            return self.counter - _PAST_ARM_SUPERVISOR_CALL
        return self.counter

    def code(self, address: int, size_bytes: int) -> bytes:
        """Bytes of the program; none where there is no memory."""
        from unicorn import UcError

        try:
            return bytes(self.engine.mem_read(address, size_bytes))
        except UcError:
            return b""

    def instruction(self) -> bytes:
        """The instruction at `address`, cut to its length."""
        code = self.code(self.address, 4) or self.code(self.address, 2)
        return code[: next(iter(instruction_lengths(code, self.processor.is_riscv)), 0)]

    def jump(self) -> tuple[int, bytes]:
        """Address and bytes of the last instruction that ran."""
        first, size = self.last_block
        code = self.code(first, size)
        start = sum(instruction_lengths(code, self.processor.is_riscv)[:-1])
        return first + start, code[start:]


def explain(stop: Stop, symbol: str, instructions: int) -> RunError:
    """The refusal to raise for a call of `symbol` that stopped after `instructions`."""
    return chip_faults.refusal(stop.firmware, _words(stop), instructions, symbol, stop.address)


def _words(stop: Stop) -> Words:
    if stop.is_wild_jump:
        return chip_faults.wild_jump("returns" if _is_return(stop) else "jumps", stop.counter)
    if stop.events.access:
        return _refused_access(stop, stop.events.access)
    if not _is_memory(stop.target, stop.address):  # the rest of a page that is not all memory
        return f"runs to 0x{stop.address:08x}, where there is no code", "is a function pointer overwritten?"
    if stop.events.exception is not None or stop.has_failed:
        return _trap(stop)
    return chip_faults.WAITING  # the one way to stop silently


def _is_memory(target: Mapping[str, Any], address: int) -> bool:
    return any(r["origin"] <= address < r["origin"] + r["length_bytes"] for r in target["memory"])


def _is_return(stop: Stop) -> bool:
    """Whether the last instruction was one."""
    code = stop.jump()[1]
    if stop.processor.is_riscv:
        return code in _RISCV_RETURNS
    bx_lr, pop_pc, pop_wide_pc = _THUMB_RETURNS
    return code == bx_lr or code[1:] == pop_pc or (code[:2] == pop_wide_pc and code[3] >= 0x80)


def _refused_access(stop: Stop, access: Access) -> Words:
    from unicorn import UC_MEM_READ_UNMAPPED, UC_MEM_WRITE_PROT

    if chip_faults.is_overflow(stop.firmware, stop.stack_pointer, access.address):
        return chip_faults.stack_overflow(stop.firmware)
    accessed = f"{access.size_bytes} bytes at 0x{access.address:08x}"
    if access.kind == UC_MEM_WRITE_PROT:
        return chip_faults.write_to_flash(accessed)
    return chip_faults.no_memory("reads" if access.kind == UC_MEM_READ_UNMAPPED else "writes", accessed, stop.target)


def _trap(stop: Stop) -> Words:
    """An exception, or an instruction that the simulator refused."""
    exception = stop.events.exception
    known = _RISCV_EXCEPTIONS if stop.processor.is_riscv else _ARM_EXCEPTIONS
    if exception in known:
        return known[exception]
    if exception is not None and not (stop.processor.is_riscv and exception == _RISCV_ILLEGAL):
        return f"takes exception {exception}", "exceptions are not simulated"
    return _refused_instruction(stop)


def _refused_instruction(stop: Stop) -> Words:
    code, is_riscv = stop.instruction(), stop.processor.is_riscv
    if is_riscv and code in _RISCV_BREAKPOINTS:
        return chip_faults.BREAKPOINT
    if not is_riscv and not stop.engine.reg_read(_cpsr()) & _THUMB_STATE:
        return chip_faults.ARM_CODE
    return chip_faults.undefined(code, is_riscv, stop.processor.name)


def _cpsr() -> int:
    from unicorn.arm_const import UC_ARM_REG_CPSR

    return int(UC_ARM_REG_CPSR)
