"""One call cut into pieces: what each call made by one function cost, in order, without a change of the firmware.

The table of executed blocks adds up over a whole call, so a kernel that several layers share has one sum. Here the
table is looked at whenever the dispatching function (`model_invoke`, or an interpreter's loop) is back in charge after
a call; the differences belong to what it called, and to itself before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinyflow.targets.blocks import Edge, Piece, edges_between
from tinyflow.targets.elf import Firmware, Symbol
from tinyflow.targets.unicorn.block_table import BlockTable
from tinyflow.targets.unicorn.flash_model import FlashModel

Waits = Mapping[str, int]  # function → lines of flash


class Recorder:
    """Watches functions of a loaded firmware during one call: a dispatcher, and some that it calls."""

    def __init__(
        self, engine: Any, table: BlockTable, firmware: Firmware, own: Sequence[str], flash: FlashModel | None = None
    ) -> None:
        """The dispatcher is the first. Raises RunError where the firmware has no such function."""
        from unicorn import UC_HOOK_BLOCK

        self._engine = engine
        self._table = table
        self._firmware = firmware
        self._own = [firmware.symbol(name) for name in own]
        self._flash = flash
        self._pieces: list[Piece] = []
        self._before = b""  # the table at the last moment
        # Behind the table's own hook, so that the block just entered is counted already.
        engine.ctl_flush_tb()  # code that was translated before would not call the new hook
        self._hooks = [
            engine.hook_add(UC_HOOK_BLOCK, self._look, begin=one.addresses[0], end=one.addresses[-1])
            for one in self._own
        ]

    def _look(self, *_: object) -> None:
        before = self._table.previous_address
        if before and not any(before in one.addresses for one in self._own):
            self._cut()

    def _cut(self) -> None:
        """What ran since the last moment."""
        after = self._table.snapshot()
        waits = self._flash.waits() if self._flash is not None else {}
        edges = edges_between(self._before or bytes(len(after)), after)
        self._pieces += _split(edges, waits, self._own, self._firmware)
        self._before = after

    def pieces(self) -> list[Piece]:
        """The call, cut; to be asked once, when it has returned. The pieces' instructions add up to the call's."""
        for hook in self._hooks:
            self._engine.hook_del(hook)
        self._cut()
        return self._pieces


def _split(edges: list[Edge], waits: Waits, own: Sequence[Symbol], firmware: Firmware) -> list[Piece]:
    """The part of watched functions that the dispatcher calls; what was called by any of them; the dispatcher's."""
    parts: dict[str, list[Edge]] = {}
    for edge in edges:
        parts.setdefault(next((one.name for one in own if edge.address in one.addresses), ""), []).append(edge)
    called = parts.pop("", [])
    entries = (edge.address for edge in called if any(edge.from_address in one.addresses for one in own))
    callee = firmware.function_at(next(entries, called[0].address)) if called else None
    found = [(name, mine) for name, mine in parts.items() if name != own[0].name]
    found += [(callee.name if callee else "?", called)] if called else []
    found += [("", parts[own[0].name])] if own[0].name in parts else []
    pieces = []
    for name, mine in found:
        # of functions that are not watched it is the callee that waited, or who else there is
        is_rest = mine is (called or found[-1][1])
        spent = {
            at: count for at, count in waits.items() if at == (name or own[0].name) or (is_rest and at not in parts)
        }
        pieces.append(Piece(name, tuple(mine), spent))
    return pieces
