"""What simulators have in common in saying why a processor stopped: causes and hints, from a stop as each sees it."""

from __future__ import annotations

from tinyflow.core.errors import RunError
from tinyflow.targets.blocks import instruction_lengths
from tinyflow.targets.chip import Chip
from tinyflow.targets.elf import addresses, place

# An access this far below the stack is taken for an overflow even before the stack pointer itself has moved.
_BELOW_STACK_BYTES = 4096

Words = tuple[str, str]  # what it did, what to look at

SYSTEM_CALL = ("calls an operating system", "there is none: no semihosting, no ecall, no svc")
BREAKPOINT = ("stops at a breakpoint instruction", "firmware that is measured runs without a debugger")
ARM_CODE = ("jumped to an even address, where Arm code would be", "a Cortex-M has Thumb code only")
UNALIGNED = ("accesses memory at an unaligned address", "this access can't: is a pointer cast to a larger type?")
UNSEEN = ("accesses memory that is not there", "QEMU doesn't say where")
# Linux's, as far as programs get them for what they do
SEGMENT, ILLEGAL = 11, 4
SIGNALS = {
    ILLEGAL: ("undefined instruction", "is it built for this processor?"),
    5: BREAKPOINT,
    7: UNALIGNED,
    8: ("divides by zero", "the processor traps then"),
    SEGMENT: UNSEEN,
}
WAITING = ("waits for an interrupt (wfi), and none will come", "interrupts are not simulated")


def refusal(chip: Chip, words: Words, symbol: str, address: int, instructions: int | None = None) -> RunError:
    """What to raise for a call of `symbol` that an instruction at `address` stopped, after all before it by default."""
    what, hint = words
    count = chip.retired(address) if instructions is None else instructions
    into = f", {count} instructions into {symbol}" if count is not None else f" in a call of {symbol}"
    return RunError(what + into, where=place(chip.firmware, address), hint=hint)


def wild_jump(chip: Chip, verb: str, address: int, symbol: str) -> RunError:
    """For a processor that left for where no instruction can be fetched; the jump itself has retired."""
    words = f"{verb} to 0x{address:08x}, where there is no code", "is the stack or a function pointer overwritten?"
    return refusal(chip, words, symbol, chip.last_instruction()[0], chip.executed)


def instruction(chip: Chip, address: int) -> bytes:
    """The instruction at an address, cut to its length."""
    code = chip.peek(address, 4) or chip.peek(address, 2)
    return code[: next(iter(instruction_lengths(code, chip.instruction_set.lengths)), 0)]


def undefined(chip: Chip, address: int) -> Words:
    """For an instruction that the processor lacks: RISC-V's is one number, Thumb's one or two halfwords."""
    code = instruction(chip, address)
    unit = len(code) if chip.instruction_set.is_riscv and code else 2
    pieces = (code[start : start + unit] for start in range(0, len(code), unit))
    digits = "".join(f"{int.from_bytes(piece, 'little'):0{2 * unit}x}" for piece in pieces)
    return f"undefined instruction {digits}", f"is it built for {chip.target['cpu']}?"


def stack_overflow(chip: Chip, stack_pointer: int, address: int | None = None) -> Words | None:
    """For a stack that was left at its lower end, by the pointer or by an access at `address`; else None."""
    bottom = chip.firmware.address("tf_stack_bottom")
    if bottom <= stack_pointer and not (address is not None and bottom - _BELOW_STACK_BYTES <= address < bottom):
        return None
    size = chip.firmware.address("tf_stack_top") - bottom
    return overflow(size)


def overflow(size: int) -> Words:
    """For a stack of so many bytes."""
    return f"stack overflow: its {size} bytes are used up", "raise `stack` in the target's recipe"


def refused_access(chip: Chip, verb: str, address: int, accessed: str, *, is_to_flash: bool) -> Words:
    """For an access that memory refused; `accessed` is the address, or bytes at it."""
    if overflow := stack_overflow(chip, chip.get("sp"), address):
        return overflow
    if is_to_flash:
        return f"writes {accessed}, which is flash", "is a cast hiding a const?"
    known = ", ".join(
        f"{region['name']} 0x{region['origin']:08x} to 0x{addresses(region)[-1]:08x}"
        for region in chip.target["memory"]
    )
    return f"{verb} {accessed}, where there is no memory", f"{chip.target['name']} has {known}"


def region_at(chip: Chip, address: int) -> str | None:
    """The kind of memory that the target has at an address."""
    return next((region["kind"] for region in chip.target["memory"] if address in addresses(region)), None)
