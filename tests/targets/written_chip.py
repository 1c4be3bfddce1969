"""A stopped chip that is written down: its registers, its memory, and the block that ran last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from test_elf_sizes import FIRMWARE, MEMORY, RAM

from tinyflow.targets.chip import Chip, InstructionSet
from tinyflow.targets.elf import Symbol
from tinyflow.targets.gdb_port import Stub
from tinyflow.targets.protocol import Counters

STACK = (Symbol("tf_stack_bottom", RAM, 0, "label", ".stack"), Symbol("tf_stack_top", RAM + 64, 0, "label", ".stack"))
LINKED = replace(FIRMWARE, symbols=(*FIRMWARE.symbols, *STACK))
TARGET = {"name": "chip", "cpu": "some-cpu", "memory": MEMORY[:2]}


class WrittenChip(Chip):
    """It only answers."""

    def __init__(
        self,
        instruction_set: InstructionSet,
        registers: Mapping[str, int],
        memory: dict[int, bytes],
        last: tuple[int, int],
        instructions: int,
    ) -> None:
        super().__init__(TARGET, instruction_set)
        self.firmware = LINKED
        self.registers, self.memory = {"sp": RAM + 32, "cpsr": 1 << 5, **registers}, memory
        self.table = cast(Any, SimpleNamespace(last=last, instructions=instructions))

    def get(self, register: str) -> int:
        """See `Chip`."""
        return self.registers[register]

    def set(self, register: str, value: int) -> None:
        """See `Chip`."""
        self.registers[register] = value

    def peek(self, address: int, size_bytes: int) -> bytes:
        """See `Chip`."""
        for start, data in self.memory.items():
            if start <= address and address + size_bytes <= start + len(data):
                return data[address - start :][:size_bytes]
        return b""

    def poke(self, address: int, data: bytes) -> bool:
        """See `Chip`."""
        raise NotImplementedError

    def load(self, firmware: Path) -> Counters:
        """See `Machine`."""
        raise NotImplementedError

    def close(self) -> None:
        """See `Machine`."""

    def _stub(self, symbol: str) -> Stub:
        raise NotImplementedError

    def _run(self, symbol: str, begin: int, until: int, limit_instructions: int) -> Counters:
        raise NotImplementedError
