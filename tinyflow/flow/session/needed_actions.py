"""Which actions somebody still waits for: what only refused benches need is not begun."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable

from tinyflow.core.action import Action


class Demand:
    """Wholes, such as benches, are lost with any of their actions; an action is, with the last whole that needs it."""

    def __init__(self, wholes: Callable[[], Iterable[Collection[Action]]]) -> None:
        """`wholes` are asked for when the first action fails, which is never in most sessions."""
        self._find = wholes
        self._wholes: list[frozenset[str]] | None = None  # ids of those that are not lost
        self._waiting: Counter[str] = Counter()  # action id → how many of them need it
        self._lock = threading.Lock()

    def lose(self, action: Action) -> None:
        """An action failed."""
        with self._lock:
            if self._wholes is None:
                self._wholes = [frozenset(part.id for part in whole) for whole in self._find()]
                self._waiting.update(id_ for whole in self._wholes for id_ in whole)
            for whole in self._wholes:
                if action.id in whole:
                    self._waiting.subtract(whole)
            self._wholes = [whole for whole in self._wholes if action.id not in whole]

    def is_lost(self, action: Action) -> bool:
        """Whether nobody waits for an action any more."""
        with self._lock:
            return self._wholes is not None and self._waiting[action.id] <= 0
