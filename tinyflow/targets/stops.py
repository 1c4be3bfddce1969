"""Where a program stops at the beginnings of functions: which of the stops are calls by one function, told as calls.

The end of a call is told when the next one begins, or when all is over: nobody stops there.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyflow.targets.protocol import Calls


class Stops:
    """Stops at a dispatcher's beginning and at those of functions that it calls, and that others may call, too."""

    def __init__(self, dispatcher: range, functions: Mapping[int, str], calls: Calls) -> None:
        """`dispatcher` is its addresses, `functions` are names by their first addresses."""
        self._dispatcher = dispatcher
        self._functions = functions
        self._calls = calls
        self._returns_to = -1  # where the dispatcher returns to, and so does a function that it ends with
        self._is_within = False

    @property
    def addresses(self) -> list[int]:
        """Where to stop."""
        return [self._dispatcher.start, *sorted(self._functions)]

    def at(self, address: int, returns_to: int) -> bool:
        """It has stopped here, and will return there. Whether that is the dispatcher's beginning, or a call by it."""
        if address == self._dispatcher.start:
            self._returns_to = returns_to
            return True
        if returns_to in self._dispatcher or returns_to == self._returns_to:
            self.end()
            self._is_within = True
            self._calls.begun(self._functions[address])
            return True
        return False

    def end(self) -> None:
        """The call that is the last so far has ended."""
        if self._is_within:
            self._is_within = False
            self._calls.ended()
