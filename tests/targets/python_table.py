"""The counter of executed blocks again, by a callback in Python: what the hook in C is held against."""

from __future__ import annotations

from typing import Any

from tinyflow.targets.blocks import Edge, instruction_lengths


class PythonBlockTable:
    """See `block_table.BlockTable`."""

    def __init__(self, engine: Any, library: object, is_riscv: bool) -> None:
        from unicorn import UC_HOOK_BLOCK

        self._is_riscv = is_riscv
        self._instructions_of: dict[tuple[int, int], int] = {}
        self.reset(0)
        engine.hook_add(UC_HOOK_BLOCK, self._count)

    def reset(self, limit_instructions: int) -> None:
        """See `block_table.BlockTable`."""
        self._executions: dict[tuple[int, int, int, int], int] = {}
        self._limit = limit_instructions
        self.last: tuple[int, int] = (0, 0)
        self.instructions = 0
        self.is_over_limit = False

    def _count(self, engine: Any, address: int, size: int, _: object) -> None:
        if (address, size) not in self._instructions_of:
            code = bytes(engine.mem_read(address, size))
            self._instructions_of[address, size] = len(
                instruction_lengths(code, "EM_RISCV" if self._is_riscv else "EM_ARM")
            )
        key = (*self.last, address, size)
        self.last = (address, size)
        if self.instructions + self._instructions_of[address, size] > self._limit:
            self.is_over_limit = True
            engine.emu_stop()
            return
        self.instructions += self._instructions_of[address, size]
        self._executions[key] = self._executions.get(key, 0) + 1

    def edges(self) -> list[Edge]:
        """See `blocks.Table`."""
        return sorted(
            Edge(*key, self._instructions_of[key[2:]], executions) for key, executions in self._executions.items()
        )
