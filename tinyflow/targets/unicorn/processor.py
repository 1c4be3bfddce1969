"""The two instruction sets as the simulator sees them: CPU models and registers.

Processors' recipes say what they are called here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.targets.chip import RISCV, THUMB, InstructionSet
from tinyflow.targets.unicorn import words_for


@dataclass(frozen=True)
class Processor:
    """One CPU: how to make its engine, and Unicorn's numbers of its registers."""

    instruction_set: InstructionSet
    architecture: int
    mode: int
    model: int
    cpuid: int  # of a Cortex-M
    constants: Any  # Unicorn's module
    prefix: str  # of its registers

    def register(self, name: str) -> int:
        """Unicorn's number of a register."""
        return int(getattr(self.constants, f"{self.prefix}_{name.upper()}"))

    def open_engine(self) -> Any:
        """A fresh `unicorn.Uc` of this CPU, without memory."""
        from unicorn import Uc

        engine = Uc(self.architecture, self.mode)
        engine.ctl_set_cpu_model(self.model)
        return engine


def processor(target: Mapping[str, Any]) -> Processor:
    """A target's processor. Raises UsageError for one that the simulator lacks."""
    words = words_for(target)
    from unicorn import UC_ARCH_ARM, UC_ARCH_RISCV, UC_MODE_RISCV32, UC_MODE_THUMB, arm_const, riscv_const

    model: str = words["model"]
    number = getattr(riscv_const if model.startswith("UC_CPU_RISCV") else arm_const, model, None)
    if number is None:
        hint = "its models are the constants UC_CPU_ARM_… and UC_CPU_RISCV32_… of the package unicorn"
        raise UsageError(f'the simulator has no model "{model}" (processor {target["cpu"]})', hint=hint)
    if model.startswith("UC_CPU_RISCV"):
        return Processor(RISCV, UC_ARCH_RISCV, UC_MODE_RISCV32, number, 0, riscv_const, "UC_RISCV_REG")
    # UC_MODE_MCLASS would make every model a Cortex-M33 (Unicorn 2.1.4)
    return Processor(THUMB, UC_ARCH_ARM, UC_MODE_THUMB, number, words["cpuid"], arm_const, "UC_ARM_REG")
