"""What simulators have in common in saying why a processor stopped: causes and hints, from a stop as each sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.core.errors import RunError
from tinyflow.targets.elf import Firmware, place

# An access this far below the stack is taken for an overflow even before the stack pointer itself has moved.
_BELOW_STACK_BYTES = 4096

Words = tuple[str, str]  # what it did, what to look at

SYSTEM_CALL = ("calls an operating system", "there is none: no semihosting, no ecall, no svc")
BREAKPOINT = ("stops at a breakpoint instruction", "firmware that is measured runs without a debugger")
ARM_CODE = ("jumped to an even address, where Arm code would be", "a Cortex-M has Thumb code only")
WAITING = ("waits for an interrupt (wfi), and none will come", "interrupts are not simulated")


def refusal(firmware: Firmware, words: Words, instructions: int, symbol: str, address: int) -> RunError:
    """What to raise for a call of `symbol` that stopped at `address` after `instructions`."""
    what, hint = words
    return RunError(f"{what}, {instructions} instructions into {symbol}", where=place(firmware, address), hint=hint)


def wild_jump(verb: str, address: int) -> Words:
    """For a processor that left for where no instruction can be fetched."""
    return f"{verb} to 0x{address:08x}, where there is no code", "is the stack or a function pointer overwritten?"


def undefined(code: bytes, is_riscv: bool, cpu: str) -> Words:
    """For an instruction that the processor lacks: RISC-V's is one number, Thumb's one or two halfwords."""
    unit = len(code) if is_riscv and code else 2
    pieces = (code[start : start + unit] for start in range(0, len(code), unit))
    digits = "".join(f"{int.from_bytes(piece, 'little'):0{2 * unit}x}" for piece in pieces)
    return f"undefined instruction {digits}", f"is it built for {cpu}?"


def is_overflow(firmware: Firmware, stack_pointer: int, address: int | None = None) -> bool:
    """Whether the stack was left at its lower end, by the pointer or by an access at `address`."""
    bottom = firmware.address("tf_stack_bottom")
    return stack_pointer < bottom or (address is not None and bottom - _BELOW_STACK_BYTES <= address < bottom)


def stack_overflow(firmware: Firmware) -> Words:
    """For a stack that was left."""
    size = firmware.address("tf_stack_top") - firmware.address("tf_stack_bottom")
    return f"stack overflow: its {size} bytes are used up", "raise `stack` in the target's recipe"


def write_to_flash(accessed: str) -> Words:
    """`accessed` is an address, or bytes at one."""
    return f"writes {accessed}, which is flash", "is a cast hiding a const?"


def no_memory(verb: str, accessed: str, target: Mapping[str, Any]) -> Words:
    """For an access to what is no memory of the target."""
    known = ", ".join(
        f"{region['name']} 0x{region['origin']:08x} to 0x{region['origin'] + region['length_bytes'] - 1:08x}"
        for region in target["memory"]
    )
    return f"{verb} {accessed}, where there is no memory", f"{target['name']} has {known}"
