"""The two instruction sets as the simulator sees them: CPU models, registers, calling conventions.

Processors' recipes say what they are called here. Here stands everything that differs between Arm and RISC-V.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    cpuid: int  # of a Cortex-M
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


def check_words(cpu: str, words: Mapping[str, Any]) -> None:
    """Raise UsageError for a processor that the simulator lacks: without a `model` in its recipe. Imports nothing."""
    if "model" not in words:
        hint = "its recipe says `machines: {unicorn: {model: …}}` where it has"
        raise UsageError(f"the built-in simulator has no {cpu}", hint=hint)


def processor(cpu: str, words: Mapping[str, Any]) -> Processor:
    """A processor by its words: `model`, a constant of Unicorn's, and `cpuid` of a Cortex-M.

    Raises UsageError for one that the simulator lacks.
    """
    check_words(cpu, words)
    model: str = words["model"]
    return _riscv(cpu, model) if model.startswith("UC_CPU_RISCV") else _arm(cpu, model, words["cpuid"])


def _arm(cpu: str, model: str, cpuid: int) -> Processor:
    from unicorn import UC_ARCH_ARM, UC_MODE_THUMB, arm_const

    return Processor(
        name=cpu,
        is_riscv=False,
        architecture=UC_ARCH_ARM,
        mode=UC_MODE_THUMB,  # UC_MODE_MCLASS would make every model a Cortex-M33 (Unicorn 2.1.4)
        model=getattr(arm_const, model),
        cpuid=cpuid,
        stack_alignment=8,  # AAPCS32, 6.2.1.2
        program_counter=arm_const.UC_ARM_REG_PC,
        stack_pointer=arm_const.UC_ARM_REG_SP,
        link=arm_const.UC_ARM_REG_LR,
        result=arm_const.UC_ARM_REG_R0,
        others=tuple(getattr(arm_const, f"UC_ARM_REG_R{number}") for number in range(13)),
    )


def _riscv(cpu: str, model: str) -> Processor:
    from unicorn import UC_ARCH_RISCV, UC_MODE_RISCV32, riscv_const

    kept = (0, 1, 2, 3, 4)  # zero, ra, sp; gp and tp belong to the start-up code
    return Processor(
        name=cpu,
        is_riscv=True,
        architecture=UC_ARCH_RISCV,
        mode=UC_MODE_RISCV32,
        model=getattr(riscv_const, model),
        cpuid=0,
        stack_alignment=16,  # RISC-V psABI, integer calling convention
        program_counter=riscv_const.UC_RISCV_REG_PC,
        stack_pointer=riscv_const.UC_RISCV_REG_SP,
        link=riscv_const.UC_RISCV_REG_RA,
        result=riscv_const.UC_RISCV_REG_A0,
        others=tuple(getattr(riscv_const, f"UC_RISCV_REG_X{number}") for number in range(32) if number not in kept),
    )
