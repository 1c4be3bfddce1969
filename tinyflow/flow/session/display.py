"""Shows actions while they run: what moves on a terminal (`live`), else plain lines. Decides nothing."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from tinyflow.core import safe_text
from tinyflow.core.action import Action
from tinyflow.core.states import BUILT, FAILED, HIT, UP_TO_DATE
from tinyflow.core.units import format_seconds
from tinyflow.flow.session.forecast import Duration, Forecast

if TYPE_CHECKING:
    from rich.progress import TaskID

    from tinyflow.flow.session.live import RunningList

_COUNTED = (HIT, BUILT, UP_TO_DATE, FAILED)


class Display:
    """What a reporter needs; `started` comes from worker threads. By itself it shows nothing."""

    def expect(self, actions: Sequence[Action]) -> None:
        """These actions may run: told once, before any does."""

    def started(self, action: Action) -> None:
        """An action is being executed."""

    def ended(self, action: Action, state: str, lines: Iterable[str]) -> None:
        """An action came to this state; the lines stay."""

    def print_lines(self, lines: Iterable[str]) -> None:
        """Something to read that stays."""

    def close(self) -> None:
        """Nothing runs any more."""


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream can show things that move."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def width_of(stream: TextIO) -> int | None:
    """How many characters a terminal has across; None for what is none, which takes any width."""
    return shutil.get_terminal_size().columns if is_terminal(stream) else None


class PlainDisplay(Display):
    """One line when an action ends, and nothing before, for in parallel they end in another order: for logs.

    A quiet one only shows what failed.
    """

    def __init__(self, stream: TextIO, *, is_quiet: bool = False) -> None:
        self._stream = stream
        self._is_quiet = is_quiet
        self._lock = threading.Lock()

    def ended(self, action: Action, state: str, lines: Iterable[str]) -> None:
        """Only the lines: they name the action."""
        del action
        if not self._is_quiet or state == FAILED:
            self.print_lines(lines)

    def print_lines(self, lines: Iterable[str]) -> None:
        """These lines, together."""
        with self._lock:
            self._stream.write("".join(f"{safe_text.shown(line)}\n" for line in lines))
            self._stream.flush()


class LiveDisplay(Display):
    """Running actions and counts at the bottom; what ended scrolls above. Begun with the first action that starts."""

    def __init__(
        self,
        stream: TextIO,
        durations: Callable[[], Iterable[Duration]],
        started_s: float,
        progress: Callable[[Action], str] = lambda action: "",
    ) -> None:
        """`durations` tells what actions took before; it is asked once, and only where something runs.

        `started_s` is the session's begin on the monotonic clock; `progress` tells how far a running action is.
        """
        self._stream = stream
        self._durations = durations
        self._started_s = started_s
        self._progress = progress
        self._expected: tuple[Action, ...] = ()
        self._list: RunningList | None = None
        self._turn = threading.RLock()  # of those who add to what is shown
        # For what `summary` reads, and never held while rich is called: rich calls `summary` holding its own.
        self._lock = threading.Lock()

    def _shown(self) -> RunningList:
        """What moves, begun when there is first something to show: `rich` takes a while to import."""
        if self._list is None:
            from tinyflow.flow.session.live import RunningList

            self._forecast = Forecast(self._expected, self._durations())
            self._shown_s = time.monotonic()
            self._counts: Counter[str] = Counter()
            self._running: dict[str, tuple[TaskID, Action, float]] = {}
            self._list = RunningList(self._stream, self.told, self.summary)
            self._list.start()
        return self._list

    def summary(self, running: int) -> str:
        """`14/60 · 2 running · 9 built · 12.3 s · about 40 s left`."""
        now = time.monotonic()
        with self._lock:
            told = [f"{sum(self._counts.values())}/{len(self._expected)}", f"{running} running"]
            told += [f"{self._counts[state]} {state}" for state in _COUNTED if self._counts[state]]
            ages = {name: now - began_s for name, (_, _, began_s) in self._running.items()}
            left_s = self._forecast.seconds_left(now - self._shown_s, ages)
        told.append(format_seconds(now - self._started_s))
        if left_s is not None:
            told.append(f"about {_round(left_s)} left")
        return " · ".join(told)

    def told(self) -> list[tuple[TaskID, str]]:
        """The line of each running action that says how far it is."""
        with self._lock:
            running = list(self._running.values())
        lines = [(task, action, self._progress(action)) for task, action, _ in running]
        return [(task, safe_text.shown(f"{action.title}: {text}")) for task, action, text in lines if text]

    def expect(self, actions: Sequence[Action]) -> None:
        """Keep them for the counts."""
        self._expected = tuple(actions)

    def started(self, action: Action) -> None:
        """Add a line."""
        with self._turn:
            task = self._shown().add_task(safe_text.shown(action.title), total=None)
            with self._lock:
                self._running[action.id] = (task, action, time.monotonic())

    def ended(self, action: Action, state: str, lines: Iterable[str]) -> None:
        """Count it, take it from the list, and print the lines above."""
        with self._turn:
            shown = self._shown()
            with self._lock:
                running = self._running.pop(action.id, None)
                self._counts[state] += 1
                self._forecast.end(action)
            if running is not None:
                shown.remove_task(running[0])
            shown.say(lines, state)

    def print_lines(self, lines: Iterable[str]) -> None:
        """These lines, above the list."""
        with self._turn:
            self._shown().say(lines)

    def close(self) -> None:
        """Remove the list."""
        with self._turn:
            if self._list is not None:
                self._list.stop()
                self._list = None


def _round(seconds: float) -> str:
    """An estimate, no more exact than it is: `40 s`, `3 min`."""
    if seconds < 90:
        return f"{max(5, round(seconds / 5) * 5)} s"
    return f"{round(seconds / 60)} min"
