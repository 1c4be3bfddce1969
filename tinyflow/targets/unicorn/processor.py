"""The two instruction sets as the simulator sees them: CPU models, registers, calling conventions.

Names of a CPU are those of the target recipes. Here stands everything that differs between Arm and RISC-V.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyflow.core.errors import UsageError


@dataclass(frozen=True)
class Processor:
    """One CPU: how to make its engine, start it and call a function. Register fields are Unicorn's numbers."""

    name: str
    is_riscv: bool
    architecture: int
    mode: int
    model: int
    stack_alignment: int  # bytes, at a call
    program_counter: int
    stack_pointer: int
    link: int
    result: int
    others: tuple[int, ...]  # the general registers that a call begins with as 0

    @property
    def machine(self) -> str:
        """What its firmware's ELF header says, in pyelftools' word."""
        return "EM_RISCV" if self.is_riscv else "EM_ARM"

    @property
    def code_bit(self) -> int:
        """What a code address carries in its lowest bit: Thumb's 1."""
        return 0 if self.is_riscv else 1

    def open_engine(self) -> Any:
        """A fresh `unicorn.Uc` of this CPU, without memory."""
        from unicorn import Uc

        engine = Uc(self.architecture, self.mode)
        engine.ctl_set_cpu_model(self.model)
        return engine


_ARM = {
    "cortex-m0": "M0",
    "cortex-m0plus": "M0",  # the same instructions
    "cortex-m3": "M3",
    "cortex-m4": "M4",
    "cortex-m7": "M7",
    "cortex-m33": "M33",
}
_RISCV = "rv32imc"


def check_name(cpu: str) -> None:
    """Raise UsageError for the CPU of a target recipe that the simulator lacks. Imports nothing."""
    if cpu not in (*_ARM, _RISCV):
        hint = "it has cortex-m0, m0plus, m3, m4, m7, m33, and rv32imc"
        raise UsageError(f"the built-in simulator has no {cpu}", hint=hint)


def processor(cpu: str) -> Processor:
    """The CPU of a target recipe. Raises UsageError for one that the simulator lacks."""
    check_name(cpu)
    return _riscv() if cpu == _RISCV else _arm(cpu)


def _arm(cpu: str) -> Processor:
    from unicorn import UC_ARCH_ARM, UC_MODE_THUMB, arm_const

    return Processor(
        name=cpu,
        is_riscv=False,
        architecture=UC_ARCH_ARM,
        mode=UC_MODE_THUMB,  # UC_MODE_MCLASS would make every model a Cortex-M33 (Unicorn 2.1.4)
        model=getattr(arm_const, f"UC_CPU_ARM_CORTEX_{_ARM[cpu]}"),
        stack_alignment=8,  # AAPCS32, 6.2.1.2
        program_counter=arm_const.UC_ARM_REG_PC,
        stack_pointer=arm_const.UC_ARM_REG_SP,
        link=arm_const.UC_ARM_REG_LR,
        result=arm_const.UC_ARM_REG_R0,
        others=tuple(getattr(arm_const, f"UC_ARM_REG_R{number}") for number in range(13)),
    )


def _riscv() -> Processor:
    from unicorn import UC_ARCH_RISCV, UC_MODE_RISCV32, riscv_const

    kept = (0, 1, 2, 3, 4)  # zero, ra, sp; gp and tp belong to the start-up code
    return Processor(
        name=_RISCV,
        is_riscv=True,
        architecture=UC_ARCH_RISCV,
        mode=UC_MODE_RISCV32,
        model=riscv_const.UC_CPU_RISCV32_SIFIVE_E31,  # RV32IMAC without F: traps what the chip lacks, but for A
        stack_alignment=16,  # RISC-V psABI, integer calling convention
        program_counter=riscv_const.UC_RISCV_REG_PC,
        stack_pointer=riscv_const.UC_RISCV_REG_SP,
        link=riscv_const.UC_RISCV_REG_RA,
        result=riscv_const.UC_RISCV_REG_A0,
        others=tuple(getattr(riscv_const, f"UC_RISCV_REG_X{number}") for number in range(32) if number not in kept),
    )
