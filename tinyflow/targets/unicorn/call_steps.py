"""One call, looked at between the calls that one of its functions makes: each beginning and each end is told.

Nothing is added to what runs; instructions are those of any other call.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tinyflow.targets.chip import Chip
from tinyflow.targets.protocol import Calls


class Follower:
    """Watches a dispatcher and what it calls, from now on until `close`."""

    def __init__(
        self,
        engine: Any,
        chip: Chip,
        dispatcher: str,
        functions: Collection[str],
        calls: Calls,
    ) -> None:
        """Raises RunError where the firmware lacks one of them."""
        from unicorn import UC_HOOK_BLOCK

        self._engine, self._chip, self._calls = engine, chip, calls
        self._dispatcher = dispatching = chip.firmware.symbol(dispatcher).addresses
        for name in functions:
            chip.firmware.symbol(name)
        # of several files' own functions of one name each
        self._names = {one.address: one.name for one in chip.firmware.functions if one.name in set(functions)}
        self._is_within = False
        self._returns_to = 0  # where the dispatcher returns to, and so does a function that it ends with
        engine.ctl_flush_tb()  # code that was translated before would not call the new hooks
        self._hooks = [
            engine.hook_add(UC_HOOK_BLOCK, self._enter, begin=address, end=address) for address in self._names
        ]
        self._hooks.append(engine.hook_add(UC_HOOK_BLOCK, self._back, begin=dispatching[0], end=dispatching[-1]))

    def close(self) -> None:
        """No more is told; the call that still ran has ended."""
        for hook in self._hooks:
            self._engine.hook_del(hook)
        self._engine.ctl_flush_tb()
        self._leave()

    def _enter(self, _: object, address: int, *_rest: object) -> None:
        if not self._is_within and self._is_called_here():
            self._is_within = True
            self._calls.begun(self._names[address])

    def _is_called_here(self) -> bool:
        """Whether the dispatcher called, or ends with this function; a function that it calls may call it, too."""
        link = self._link()
        return link in self._dispatcher or link == self._returns_to

    def _back(self, _: object, address: int, *_rest: object) -> None:
        self._leave()
        if address == self._dispatcher[0]:
            self._returns_to = self._link()

    def _link(self) -> int:
        rules = self._chip.instruction_set
        return self._chip.get(rules.link) & ~rules.code_bit

    def _leave(self) -> None:
        if self._is_within:
            self._is_within = False
            self._calls.ended()
