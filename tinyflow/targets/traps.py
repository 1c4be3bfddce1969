"""What firmware that runs by itself tells of an exception (`tf_fault` of recipes/runtimes/selfrun), in words."""

from __future__ import annotations

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


def words_of(isa: str, cause: int, value: int) -> tuple[str, str]:
    """What it was, and what to look at."""
    words = _EXCEPTIONS[isa].get(cause, f"takes exception {cause}")
    if isa == "thumb":
        words = next((more for bits, more in _STATUS.items() if value & bits), words)
    return words, f"the value of this exception is 0x{value:08x}; the built-in simulator tells more"
