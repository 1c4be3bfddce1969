"""Machine code as instructions, by capstone: what each is and whether it reads or writes memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from tinyflow.targets.elf import Firmware

# By the beginning of a mnemonic; LDM, POP and the like count as one instruction that reads.
_ARM_READS = ("ldr", "ldm", "pop", "vldr", "vldm", "vpop", "ldrex", "tbb", "tbh")
_ARM_WRITES = ("str", "stm", "push", "vstr", "vstm", "vpush")
_RISCV_READS = ("lb", "lh", "lw", "lbu", "lhu", "c.lw", "c.flw", "flw", "lr.")
_RISCV_WRITES = ("sb", "sh", "sw", "c.sw", "c.fsw", "fsw", "sc.")


@dataclass(frozen=True)
class Instruction:
    """One instruction: `mnemonic` and `operands` as capstone spells them."""

    address: int
    size: int
    mnemonic: str
    operands: str
    is_riscv: bool

    @cached_property
    def reads(self) -> bool:
        """Whether it loads from memory."""
        return self.mnemonic.startswith(_RISCV_READS if self.is_riscv else _ARM_READS)

    @cached_property
    def writes(self) -> bool:
        """Whether it stores to memory."""
        return self.mnemonic.startswith(_RISCV_WRITES if self.is_riscv else _ARM_WRITES)


def disassembler(firmware: Firmware) -> Callable[[int, int], tuple[Instruction, ...]]:
    """(address, bytes) → the instructions of a block of that firmware; each block is read once."""
    import capstone

    is_riscv = firmware.machine == "EM_RISCV"
    if is_riscv:
        engine = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC)
    else:
        engine = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    known: dict[tuple[int, int], tuple[Instruction, ...]] = {}

    def disassemble(address: int, size: int) -> tuple[Instruction, ...]:
        if (address, size) not in known:
            found = engine.disasm_lite(firmware.code(address, size), address)
            known[address, size] = tuple(
                Instruction(at, length, mnemonic, operands, is_riscv) for at, length, mnemonic, operands in found
            )
        return known[address, size]

    return disassemble


def count(instructions: Iterable[Instruction]) -> tuple[int, int]:
    """How many of these read and how many write memory."""
    read = list(instructions)
    return sum(one.reads for one in read), sum(one.writes for one in read)
