"""Why the processor trapped, in words: where (function and offset), what it did, what to look at."""

from __future__ import annotations

from tinyflow.core.errors import RunError
from tinyflow.targets import chip_faults
from tinyflow.targets.chip import Chip
from tinyflow.targets.chip_faults import Words

# Armv8-M Architecture Reference Manual (DDI 0553), D1.2: fault status registers and bits of CFSR.
_CFSR, _MMFAR, _BFAR = 0xE000ED28, 0xE000ED34, 0xE000ED38
_NO_FETCH = 1 << 0 | 1 << 8
_NO_STACKING = 1 << 4 | 1 << 12
_MEMORY_ADDRESS, _BUS_ADDRESS = 1 << 7, 1 << 15
_NO_ACCESS = 1 << 1 | 1 << 9 | 1 << 10 | _NO_STACKING
_UNDEFINED = 1 << 16
_BKPT = b"\xbe"  # the upper byte of a halfword; QEMU sets no bit of HFSR for it
_SUPERVISOR_CALL = 11  # exception number
_STACKED_PC = 24  # bytes from the stack pointer
_ARM_CAUSES = {
    1 << 17: chip_faults.ARM_CODE,
    1 << 19: ("uses an FPU or a coprocessor that is off or missing", "with which flags was it built?"),
    1 << 24: chip_faults.UNALIGNED,
    1 << 25: ("divides by zero", "and the firmware wants that to trap"),
}

# RISC-V Privileged ISA, table 3.6: mcause.
_FETCH_FAULTS, _ILLEGAL = (0, 1, 12), 2
_ACCESS_FAULTS = {5: "reads", 7: "writes"}
_RISCV_CAUSES = {
    4: chip_faults.UNALIGNED,
    6: chip_faults.UNALIGNED,
    3: chip_faults.BREAKPOINT,
    8: chip_faults.SYSTEM_CALL,
    11: chip_faults.SYSTEM_CALL,
}

_UNDEFINED_VECTOR, _CALL_VECTOR, _PREFETCH_VECTOR = 0x04, 0x08, 0x0C
# Xtensa ISA manual, table 4-64: EXCCAUSE.
_XTENSA_ILLEGAL, _XTENSA_FETCH_FAULTS = 0, (2, 12, 14, 16, 17, 18, 20)
_XTENSA_ACCESS_FAULTS = (3, 13, 15, 24, 25, 26, 28, 29)
_XTENSA_CAUSES = {
    1: chip_faults.SYSTEM_CALL,
    6: ("divides by zero", "the processor traps then"),
    9: chip_faults.UNALIGNED,
    32: ("uses the FPU, which is off", "with which flags was it built?"),
}
_WAITS = (b"\x30\xbf", b"\x20\xbf", b"\x73\x00\x50\x10")  # wfi, wfe; RISC-V's wfi


def explain(chip: Chip, symbol: str) -> RunError:
    """The refusal to raise for a call of `symbol` that trapped."""
    counter, words = _EXPLAIN[chip.instruction_set.lengths](chip)
    if words is None:
        return chip_faults.wild_jump(chip, "jumps", counter, symbol)
    return chip_faults.refusal(chip, words, symbol, counter)


def explain_signal(chip: Chip, symbol: str, signal: int) -> RunError:
    """The same where Linux has sent a signal."""
    counter = chip.get("pc")
    if signal == chip_faults.SEGMENT and not chip.firmware.code(counter, 1):
        return chip_faults.wild_jump(chip, "jumps", counter, symbol)
    if signal == chip_faults.ILLEGAL:
        words = chip_faults.undefined(chip, counter)
    elif signal == chip_faults.SEGMENT:
        words = chip_faults.stack_overflow(chip, chip.get("sp")) or chip_faults.UNSEEN
    else:
        words = chip_faults.SIGNALS.get(signal, (f"takes signal {signal}", "see signal(7)"))
    return chip_faults.refusal(chip, words, symbol, counter)


def lockup(chip: Chip, stack_pointer: int) -> Words:
    """For an exception within an exception, at which a Cortex-M stops for good."""
    words = ("an exception within an exception (lockup)", "is the stack pointer spoiled?")
    return chip_faults.stack_overflow(chip, stack_pointer) or words


def refuse_waiting(chip: Chip, symbol: str) -> None:
    """Raise RunError for a processor that is at or behind an instruction that waits."""
    counter = chip.get("pc")
    for address in (counter, counter - 2, counter - 4):
        if chip.peek(address, 4).startswith(_WAITS):
            raise chip_faults.refusal(chip, chip_faults.WAITING, symbol, address)


def _riscv(chip: Chip) -> tuple[int, Words | None]:
    """Where and why; None for an instruction that could not be fetched."""
    number, counter, value = (chip.get(name) for name in ("mcause", "mepc", "mtval"))
    if number in _FETCH_FAULTS:
        return counter, None
    if number in _ACCESS_FAULTS:
        return counter, _refused_access(chip, _ACCESS_FAULTS[number], value)
    if number == _ILLEGAL:
        return counter, chip_faults.undefined(chip, counter)
    return counter, _RISCV_CAUSES.get(number, (f"takes exception {number}", "see mcause"))


def _arm(chip: Chip) -> tuple[int, Words | None]:
    """Likewise."""
    status = _word(chip, _CFSR)
    if status & _NO_STACKING:
        below = chip.firmware.address("tf_stack_bottom") - 1
        return chip.last_instruction()[0], _refused_access(chip, "accesses", below)
    counter = _word(chip, chip.get("sp") + _STACKED_PC)
    if status & _NO_FETCH:
        return counter, None
    if status & (_MEMORY_ADDRESS | _BUS_ADDRESS) and status & _NO_ACCESS:
        register = _MMFAR if status & _MEMORY_ADDRESS else _BFAR
        return counter, _refused_access(chip, "accesses", _word(chip, register))
    if status & _NO_ACCESS:
        words = ("accesses memory that is not there", "QEMU doesn't say where")
        return counter, chip_faults.stack_overflow(chip, chip.get("sp")) or words
    if status & _UNDEFINED:
        return counter, chip_faults.undefined(chip, counter)
    for bit, words in _ARM_CAUSES.items():
        if status & bit:
            return counter, words
    if chip.peek(counter, 2)[1:] == _BKPT:
        return counter, chip_faults.BREAKPOINT
    number = chip.get("xpsr") & 0x1FF
    if number == _SUPERVISOR_CALL:
        return counter - 2, chip_faults.SYSTEM_CALL
    return counter, (f"takes exception {number}", "see the processor's manual")


def _xtensa(chip: Chip) -> tuple[int, Words | None]:
    """Likewise."""
    number, counter, address = (chip.get(name) for name in ("exccause", "epc1", "excvaddr"))
    if number == _XTENSA_ILLEGAL:
        return counter, chip_faults.undefined(chip, counter)
    if number in _XTENSA_FETCH_FAULTS:
        return counter, None
    if number in _XTENSA_ACCESS_FAULTS:
        return counter, _refused_access(chip, "accesses", address)
    return counter, _XTENSA_CAUSES.get(number, (f"takes exception {number}", "see EXCCAUSE"))


def _arm_a(chip: Chip) -> tuple[int, Words | None]:
    """Likewise, by the vector: how far the return address is behind the instruction (DDI 0406, B1.8.3)."""
    vector, link = chip.get("pc"), chip.get("lr")
    if vector == _UNDEFINED_VECTOR:
        return link - 4, chip_faults.undefined(chip, link - 4)
    if vector == _CALL_VECTOR:
        return link - 4, chip_faults.SYSTEM_CALL
    if vector == _PREFETCH_VECTOR:
        return link - 4, None
    return link - 8, chip_faults.UNSEEN


def _aarch64(chip: Chip) -> tuple[int, Words | None]:
    """Likewise; its registers for exceptions aren't read."""
    return chip.last_instruction()[0], ("takes an exception", "an undefined instruction, or memory that is not there?")


_EXPLAIN = {"A32": _arm_a, "EM_AARCH64": _aarch64, "EM_ARM": _arm, "EM_RISCV": _riscv, "EM_XTENSA": _xtensa}


def _refused_access(chip: Chip, verb: str, address: int) -> Words:
    is_to_flash = chip_faults.region_at(chip, address) == "flash"
    return chip_faults.refused_access(chip, verb, address, f"0x{address:08x}", is_to_flash=is_to_flash)


def _word(chip: Chip, address: int) -> int:
    """A word of memory or of the system registers."""
    return int.from_bytes(chip.peek(address, 4), "little")
