"""Cycles of a Cortex-M4, estimated from what was executed; never measured, and never shown as if it were.

Core: Arm Cortex-M4 Technical Reference Manual (DDI 0439), 3.3 "Instruction set summary" and 3.3.3 "Load/store
timings": a load takes 2 cycles, 1 behind another access that it doesn't depend on; a store 1 (2 with a register
offset); N registers 1 + N; a taken branch 1 + 2; IT folds into a 16-bit instruction before it. Flash: what its caches
don't hold costs the wait states (`flash_model`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tinyflow.targets.disassembly import Instruction

TAKEN_BRANCH_CYCLES = 2  # on top of the branch's own; the pipeline is refilled
_DIVISION_CYCLES = 7  # 2 to 12, by the operands
_MANY = ("ldm", "stm", "push", "pop", "vldm", "vstm", "vpush", "vpop")
_BY_NAME = {
    **dict.fromkeys(("ldrd", "strd"), 3),
    **dict.fromkeys(("sdiv", "udiv"), _DIVISION_CYCLES),
    **dict.fromkeys(("vmla.f32", "vmls.f32", "vfma.f32", "vfms.f32", "vnmla.f32", "vnmls.f32"), 3),
    **dict.fromkeys(("vdiv.f32", "vsqrt.f32"), 14),
    **dict.fromkeys(("vldr", "vstr"), 2),
    **dict.fromkeys(("tbb", "tbh"), 2),
    **dict.fromkeys(("mrs", "msr"), 2),
}


def block_cycles(instructions: Sequence[Instruction]) -> int:
    """Cycles of straight-line code on a Cortex-M4, without waits for memory and without what follows a taken branch."""
    cycles = 0
    before: Instruction | None = None
    for instruction in instructions:
        cycles += _cycles(instruction, before)
        before = instruction
    return cycles


def _cycles(instruction: Instruction, before: Instruction | None) -> int:
    name = instruction.mnemonic.removesuffix(".w")
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name.startswith(_MANY):
        return 1 + _registers(instruction.operands)
    if name.startswith("it"):
        return 0 if before is not None and before.size == 2 else 1
    if instruction.reads:
        return 1 if before is not None and _is_single_access(before) and not _depends(instruction, before) else 2
    if instruction.writes:
        return 2 if re.search(r"\[\w+, [a-z]", instruction.operands) else 1
    return 1


def _registers(operands: str) -> int:
    """How many registers a list in braces has: `{r4, r5, pc}`, `{d8-d11}`."""
    inside = operands[operands.find("{") + 1 : operands.find("}")]
    count = 0
    for part in inside.split(","):
        first, _, last = part.strip().partition("-")
        words = 2 if first.startswith("d") else 1
        count += words * (int(last[1:]) - int(first[1:]) + 1 if last else 1)
    return count


def _is_single_access(instruction: Instruction) -> bool:
    name = instruction.mnemonic
    return name.startswith(("ldr", "str")) and not name.startswith(("ldrd", "strd"))


def _depends(instruction: Instruction, before: Instruction) -> bool:
    """Whether a load's address needs what the load before it brings."""
    if not before.reads:
        return False
    written = before.operands.partition(",")[0].strip()
    return re.search(rf"\[[^\]]*\b{re.escape(written)}\b", instruction.operands) is not None
