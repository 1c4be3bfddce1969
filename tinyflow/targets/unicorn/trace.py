"""One call cut into pieces: what each call made by one function cost, in order, without a change of the firmware.

The table of executed blocks adds up over a whole call, so a kernel that several layers share has one sum. Here the
table is looked at whenever the dispatching function (`model_invoke`, or an interpreter's loop) is back in charge after
a call; the differences belong to what it called, and to itself before that.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from tinyflow.targets.blocks import Edge, Piece, edges_between
from tinyflow.targets.elf import Firmware, Symbol
from tinyflow.targets.unicorn.block_table import BlockTable
from tinyflow.targets.unicorn.flash_model import FlashModel

Waits = Mapping[str, int]  # function → lines of flash


class Recorder:
    """Watches one function of a loaded firmware during one call."""

    def __init__(
        self, engine: Any, table: BlockTable, firmware: Firmware, dispatcher: str, flash: FlashModel | None = None
    ) -> None:
        """Raises RunError where the firmware has no such function."""
        from unicorn import UC_HOOK_BLOCK

        self._engine = engine
        self._table = table
        self._firmware = firmware
        self._function = firmware.symbol(dispatcher)
        self._flash = flash
        self._moments: list[tuple[bytes, Waits]] = []  # the table, and waits since the moment before
        self._own = own = self._function.addresses
        # Behind the table's own hook, so that the block just entered is counted already.
        engine.ctl_flush_tb()  # code that was translated before would not call the new hook
        self._hook = engine.hook_add(UC_HOOK_BLOCK, self._look, begin=own[0], end=own[-1])

    def _look(self, *_: object) -> None:
        if self._table.previous_address and self._table.previous_address not in self._own:
            self._moments.append(self._moment())

    def _moment(self) -> tuple[bytes, Waits]:
        return self._table.snapshot(), self._flash.waits() if self._flash is not None else {}

    def pieces(self) -> list[Piece]:
        """The call, cut; to be asked once, when it has returned. The pieces' instructions add up to the call's."""
        self._engine.hook_del(self._hook)
        moments = [*self._moments, self._moment()]
        nothing = bytes(len(moments[0][0]))
        found: list[Piece] = []
        for (before, _), (after, waits) in pairwise([(nothing, {}), *moments]):
            found += _split(edges_between(before, after), waits, self._function, self._firmware)
        return found


def _split(edges: list[Edge], waits: Waits, dispatcher: Symbol, firmware: Firmware) -> list[Piece]:
    """The callee's part, where there was a call, then the dispatcher's."""
    own = [edge for edge in edges if edge.address in dispatcher.addresses]
    called = [edge for edge in edges if edge.address not in dispatcher.addresses]
    pieces = []
    if called:
        entry = next((edge.address for edge in called if edge.from_address in dispatcher.addresses), called[0].address)
        function = firmware.function_at(entry)
        others = {name: count for name, count in waits.items() if name != dispatcher.name or not own}
        pieces.append(Piece(function.name if function else "?", tuple(called), others))
    if own:
        mine = {name: count for name, count in waits.items() if name == dispatcher.name or not called}
        pieces.append(Piece("", tuple(own), mine))
    return pieces
