"""Firmware with a main of its own (runtimes selfrun, monitor, linuxrun): for whom there is one, what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.core.errors import RunError, UsageError
from tinyflow.targets.chip_faults import overflow

MACHINES = {
    **{"thumb": "EM_ARM", "arm": "EM_ARM", "aarch64": "EM_AARCH64"},
    **{"riscv": "EM_RISCV", "x86_64": "EM_X86_64"},
}
"""By instruction set, what the ELF header says."""

_NO_CODE, _UNDEFINED = "jumped to where there is no code", "undefined instruction"
_UNALIGNED = "accesses memory at an unaligned address"
# DDI 0403, B1.5.2: exception numbers. RISC-V Privileged ISA, table 3.6: mcause.
_EXCEPTIONS = {
    "thumb": {3: "takes a hard fault", 4: "MemManage fault", 5: "BusFault", 6: "UsageFault"},
    "riscv": {
        **dict.fromkeys((0, 1, 12), _NO_CODE),
        2: _UNDEFINED,
        **dict.fromkeys((4, 6), _UNALIGNED),
        5: "reads where there is no memory",
        7: "writes where there is no memory",
    },
}
# Bits of CFSR, DDI 0403, B3.2.15, which say more than the number of a hard fault.
_STATUS = {
    1 << 0 | 1 << 8: _NO_CODE,
    1 << 1 | 1 << 4 | 1 << 9 | 1 << 10 | 1 << 12: "accesses where there is no memory",
    1 << 16: _UNDEFINED,
    1 << 17: "jumped to an even address, where Arm code would be",
    1 << 19: "uses an FPU or a coprocessor that is off or missing",
    1 << 24: _UNALIGNED,
    1 << 25: "divides by zero",
}


def check(target: Mapping[str, Any], runtime: str) -> None:
    """Raises UsageError for a processor that no main of a runtime is for."""
    if target["isa"] not in _EXCEPTIONS:
        hint = f"there is a main for {' and '.join(_EXCEPTIONS)}: recipes/runtimes/{runtime}"
        raise UsageError(f"no firmware of {target['cpu']} runs by itself", hint=hint)


def memory_of(target: Mapping[str, Any], symbol: str, stack: int, most: int) -> tuple[int, int | None]:
    """A call's bytes of stack and heap; the latter isn't counted. Raises RunError for a stack that is used up."""
    if stack == most:
        what, hint = overflow(most)
        raise RunError(f"{what} in a call of {symbol}", where=symbol, hint=hint)
    return stack, None if target.get("heap_bytes") else 0


def words_of(isa: str, cause: int, value: int) -> tuple[str, str]:
    """What an exception was (`tf_fault`), and what to look at."""
    words = _EXCEPTIONS[isa].get(cause, f"takes exception {cause}")
    if isa == "thumb":
        words = next((more for bits, more in _STATUS.items() if value & bits), words)
    return words, f"the value of this exception is 0x{value:08x}; the built-in simulator tells more"
