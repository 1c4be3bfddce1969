"""Counts what the simulator reads, writes and fetches, by a hook in C: see accesses.c."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinyflow.targets.accesses import Cache, Code, Data, Seen, Wanted, places
from tinyflow.targets.elf import Firmware, addresses
from tinyflow.targets.unicorn import native_hook
from tinyflow.targets.unicorn.block_table import BlockTable
from tinyflow.targets.unicorn.cache_lines import Lines
from tinyflow.targets.unicorn.processor import Processor

_MOST_REGIONS, _PLACE_HINTS = 16, 256  # of accesses.c
_DATA, _CODE = 8, 3  # numbers in `struct tf_data` and `struct tf_code`
_NO_CACHE = Cache(32, 1, 32)


class AccessWatch(ctypes.Structure):
    """`struct tf_accesses` of accesses.c; watches one engine from now on: see `accesses.Accesses`."""

    instructions: Lines
    data: Lines
    _fields_ = (
        ("instructions", Lines),
        ("data", Lines),
        ("dirty", ctypes.c_void_p),
        ("region_begin", ctypes.c_uint64 * _MOST_REGIONS),
        ("region_end", ctypes.c_uint64 * _MOST_REGIONS),
        ("first_bit", ctypes.c_uint64 * _MOST_REGIONS),
        ("touched", ctypes.c_void_p),
        ("bitmap_bytes", ctypes.c_uint64),
        *((name, ctypes.c_void_p) for name in ("starts", "by_layer", "by_code", "distinct", "code", "layers")),
        *((name, ctypes.c_void_p) for name in ("entries", "layer_of", "is_called")),
        *((name, ctypes.c_uint64) for name in ("calls", "begun", "dispatcher_begin", "dispatcher_end")),
        ("now", ctypes.c_void_p),
        *((name, ctypes.c_uint64) for name in ("before", "layer", "place", "last_line", "places", "none", "regions")),
        ("place_hint", ctypes.c_uint32 * _PLACE_HINTS),
        ("status", native_hook.Status),
        *((name, ctypes.c_uint32) for name in ("is_whole", "is_dispatching", "is_another")),
    )

    def __init__(
        self,
        engine: Any,
        processor: Processor,
        table: BlockTable,
        firmware: Firmware,
        target: Mapping[str, Any],
        library: Path,
        wanted: Wanted,
    ) -> None:
        """Raises RunError where the firmware lacks one of the functions."""
        from unicorn import UC_HOOK_BLOCK, UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE

        dispatcher = firmware.symbol(wanted.dispatcher).addresses
        self._wanted = wanted
        self._places = places(firmware, target["memory"], wanted.arena)
        entries = [firmware.symbol(name).address for name, _ in wanted.calls]
        begins = [place.begin for place in self._places]
        cache = wanted.cache or _NO_CACHE
        count, rows = len(begins), wanted.layers + 1
        sizes = [region["length_bytes"] for region in target["memory"]]
        bitmap_bytes = -(-sum(sizes) // 8)
        self._arrays = {
            "dirty": np.zeros(cache.bytes // cache.line_bytes, np.uint8),
            "touched": np.zeros((rows + 1, bitmap_bytes), np.uint8),
            "starts": np.array([*begins, (1 << 64) - 1], np.uint64),
            "by_layer": np.zeros((rows, count, _DATA), np.uint64),
            "by_code": np.zeros((count, _DATA), np.uint64),
            "distinct": np.zeros(count, np.uint64),
            "code": np.zeros((count, _CODE), np.uint64),
            "layers": np.zeros((rows, _CODE), np.uint64),
            "entries": np.array(entries, np.uint64),
            "layer_of": np.array([layer for _, layer in wanted.calls], np.uint64),
            "is_called": np.isin(np.array(begins, np.uint64), np.array(entries, np.uint64)).astype(np.uint8),
        }
        super().__init__(
            **{name: array.ctypes.data for name, array in self._arrays.items()},
            bitmap_bytes=bitmap_bytes,
            calls=len(entries),
            dispatcher_begin=dispatcher.start,
            dispatcher_end=dispatcher.stop,
            now=table.address_of_instructions,
            places=count,
            none=wanted.layers,
            regions=len(sizes),
            status=native_hook.Status.of(processor),
        )
        for index, region in enumerate(target["memory"]):
            self.region_begin[index], self.region_end[index] = addresses(region).start, addresses(region).stop
            self.first_bit[index] = sum(sizes[:index])
        lines = (cache.bytes // cache.line_bytes, cache.ways, cache.line_bytes)
        self._kept = [self.instructions.open(*lines), self.data.open(*lines)]
        self._functions = ctypes.CDLL(str(library))
        native_hook.add(engine, UC_HOOK_BLOCK, self._functions.tf_enter, self)
        native_hook.add(engine, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, self._functions.tf_access, self)

    def begin(self, *, is_fed: bool = False) -> None:
        """See `Accesses`."""
        self.before, self.is_dispatching, self.is_whole = 0, 0, is_fed
        self.layer = self._wanted.layers
        if is_fed and self._wanted.calls:
            self.layer, self.begun = self._wanted.calls[0][1], 1

    def seen(self) -> Seen:
        """See `Accesses`."""
        arrays = self._arrays
        data = arrays["by_layer"].sum(axis=0)
        data[:, 4] = arrays["distinct"]
        by_code = arrays["by_code"].copy()
        by_code[:, 4] = 0
        return Seen(
            places=self._places,
            code={int(i): Code(*map(int, arrays["code"][i])) for i in arrays["code"].any(axis=1).nonzero()[0]},
            data=_nonzero(data),
            data_by_code=_nonzero(by_code),
            code_of_layers=[Code(*map(int, row)) for row in arrays["layers"]],
            data_of_layers=[_nonzero(rows) for rows in arrays["by_layer"]],
            is_as_expected=not self.is_another and self.begun == self.calls,
        )


def _nonzero(rows: Any) -> dict[int, Data]:
    return {int(index): Data(*map(int, rows[index])) for index in rows.any(axis=1).nonzero()[0]}
