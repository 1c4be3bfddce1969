"""Caches in front of a chip's flash, followed while the firmware runs: how often it waits for a line."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyflow.targets.elf import Symbol, addresses
from tinyflow.targets.unicorn import native_hook
from tinyflow.targets.unicorn.block_table import BlockTable
from tinyflow.targets.unicorn.cache_lines import Lines
from tinyflow.targets.unicorn.processor import Processor

# Reads of constants that are looked at in each layer. Unicorn takes 150 ns for one, and what follows in a layer goes
# through its loops again: of vww's lines on stm32f4 0.2 % more are waited for (tinyc, tvmaot) where all reads are seen.
_SEEN_READS = 20_000
_NOWHERE = 0xFFFF_FFFF


class FlashModel(ctypes.Structure):
    """`struct tf_flash` of flash_model.c; watches one engine. `timing` is that of a target's recipe, `flash_timing`."""

    instructions: Lines
    data: Lines
    reads_left: int
    blind_since: int
    _fields_ = (
        ("instructions", Lines),
        ("data", Lines),
        ("begin", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("last_fetched", ctypes.c_uint64),
        ("block", ctypes.c_uint64),
        ("functions", ctypes.c_void_p),
        ("misses", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
        ("reads_left", ctypes.c_uint64),
        ("now", ctypes.c_void_p),
        ("blind_since", ctypes.c_uint64),
        ("hook", ctypes.c_void_p),
        ("remove", ctypes.c_void_p),
        ("status", native_hook.Status),
        ("is_shared", ctypes.c_uint32),
        ("has_prefetch", ctypes.c_uint32),
    )

    def __init__(
        self,
        engine: Any,
        processor: Processor,
        table: BlockTable,
        functions: Sequence[Symbol],
        library: Path,
        region: Mapping[str, Any],
        timing: Mapping[str, Any],
        seen_reads: int = _SEEN_READS,
    ) -> None:
        from unicorn import UC_HOOK_BLOCK, UC_HOOK_MEM_READ
        from unicorn.unicorn_py3.unicorn import uclib

        flash = addresses(region)
        self._names = ["", *(function.name for function in functions)]
        self._starts = (ctypes.c_uint64 * len(self._names))(0, *(function.address for function in functions))
        self._misses = (ctypes.c_uint64 * 2 * len(self._names))()
        super().__init__(
            begin=flash.start,
            end=flash.stop,
            functions=ctypes.addressof(self._starts),
            misses=ctypes.addressof(self._misses),
            count=len(self._names),
            now=table.address_of_instructions,
            remove=native_hook.address(uclib.uc_hook_del),
            status=native_hook.Status.of(processor),
            is_shared=timing["data"] is None,
            has_prefetch=timing["prefetch"],
        )
        self._kept = []
        for lines, name in ((self.instructions, "instructions"), (self.data, "data")):
            cache = timing[name] or timing["instructions"]
            kept = lines.open(cache["lines"], cache["ways"] or cache["lines"], timing["line_bytes"])
            self._kept.append(kept)
        self._engine, self._table, self._seen_reads = engine, table, seen_reads
        self._functions = ctypes.CDLL(str(library))
        self._since = 0
        native_hook.add(engine, UC_HOOK_BLOCK, self._functions.tf_fetch, self)
        # Code that is translated while nobody reads wouldn't tell of its reads later.
        native_hook.add(engine, UC_HOOK_MEM_READ, self._functions.tf_load, self, _NOWHERE, _NOWHERE)
        self._look()

    def begin_call(self) -> None:
        """Instructions are counted anew; the caches hold what they held."""
        self._since = 0

    def _look(self) -> None:
        from unicorn import UC_HOOK_MEM_READ

        if not self.reads_left:
            first, last = self.begin, self.end - 1
            self.hook = native_hook.add(
                self._engine, UC_HOOK_MEM_READ, self._functions.tf_load, self, first, last, is_flushed=False
            )
        self.reads_left = self._seen_reads

    def waits(self) -> dict[str, int]:
        """Function → lines that it had to wait for since it was asked last; what wasn't seen is like the rest."""
        now = self._table.instructions
        seen = (now if self.reads_left else self.blind_since) - self._since
        factor = (now - self._since) / seen if seen > 0 else 1.0
        found = {
            name: code + round(data * factor)
            for name, (code, data) in zip(self._names, self._misses, strict=True)
            if code or data
        }
        ctypes.memset(self._misses, 0, ctypes.sizeof(self._misses))
        self._since = now
        self._look()
        return found
