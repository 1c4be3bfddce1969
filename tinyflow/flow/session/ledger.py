"""What happened to each action in this session. Worker threads write it; the display and the reports read it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Container, Iterable
from typing import NamedTuple

from tinyflow.core.action import Action
from tinyflow.core.errors import TinyflowError
from tinyflow.core.execute import Outcome
from tinyflow.core.process import Cancelled
from tinyflow.core.states import DONE, FAILED, RUNNING, STOPPED


class Entry(NamedTuple):
    """One action: RUNNING, FAILED, STOPPED or one of DONE, and the seconds that it took in this session."""

    state: str
    seconds: float = 0.0
    error: Exception | None = None


class Ledger:
    """Entries by action id; an action without one has not been looked at."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._started: dict[str, float] = {}
        self._changed = threading.Condition()

    def begin(self, action: Action) -> None:
        """An action is being executed from now on."""
        with self._changed:
            self._started[action.id] = time.monotonic()
            self._entries[action.id] = Entry(RUNNING)

    def end(self, action: Action, outcome: str, seconds: float = 0.0) -> None:
        """An action has its outputs: `outcome` is one of DONE."""
        self._put(action, Entry(outcome, seconds))

    def end_all(self, ids: Iterable[str], outcome: str) -> None:
        """Actions that have their outputs, by id, and took no time."""
        with self._changed:
            self._entries.update(dict.fromkeys(ids, Entry(outcome)))
            self._changed.notify_all()

    def fail(self, action: Action, error: Exception) -> None:
        """An action ended without outputs."""
        state = STOPPED if isinstance(error, Cancelled) else FAILED
        self._put(action, Entry(state, time.monotonic() - self._started[action.id], error))

    def note(self, action: Action, ended: Outcome | Exception) -> None:
        """An action ended so that was not told of before."""
        if isinstance(ended, Exception):
            self.begin(action)
            self.fail(action, ended)
        else:
            self.end(action, ended.outcome, ended.seconds)

    def _put(self, action: Action, entry: Entry) -> None:
        with self._changed:
            self._entries[action.id] = entry
            self._changed.notify_all()

    def get(self, action: Action) -> Entry | None:
        """What is known of an action."""
        return self._entries.get(action.id)

    def is_done(self, action: Action) -> bool:
        """Whether an action has its outputs."""
        entry = self.get(action)
        return entry is not None and entry.state in DONE

    def counts(self) -> Counter[str]:
        """How many actions are in each state."""
        with self._changed:
            return Counter(entry.state for entry in self._entries.values())

    def failures(self, expected: Container[str] = ()) -> list[Exception]:
        """Errors of this session, but those of expected actions, by id."""
        with self._changed:
            entries = [entry for action, entry in self._entries.items() if action not in expected]
        return [entry.error for entry in entries if entry.state == FAILED and entry.error is not None]

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing runs; False where something still did at the end."""
        with self._changed:
            return self._changed.wait_for(
                lambda: all(entry.state != RUNNING for entry in self._entries.values()), timeout_s
            )


def exit_status(errors: Iterable[Exception]) -> int:
    """The process's exit status after these errors: 0 without any; a missing tool (3) says more than a failure (1)."""
    return max((error.exit_status if isinstance(error, TinyflowError) else 1 for error in errors), default=0)
