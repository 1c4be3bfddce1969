"""What moves on a terminal: running actions with their times, and a line of counts. Decides nothing.

The only place besides the tables that imports `rich`; imported when there is something to show.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TextIO

from rich.console import Console, RenderableType
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from tinyflow.core import safe_text
from tinyflow.core.action import Action
from tinyflow.core.states import BUILT, FAILED, HIT, UP_TO_DATE
from tinyflow.core.units import format_seconds
from tinyflow.flow.session.forecast import Forecast
from tinyflow.flow.streams import as_it_is

_STYLES = {BUILT: "green", HIT: "cyan", FAILED: "bold red"}
_TOLD = (HIT, BUILT, UP_TO_DATE, FAILED)


class _List(Progress):
    """The running actions, and a line below them that is made anew each time."""

    def __init__(self, live: Live, stream: TextIO) -> None:
        self._summary = live.summary
        self._told = live.told
        super().__init__(
            SpinnerColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(file=as_it_is(stream), highlight=False),
            transient=True,
            refresh_per_second=5,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """The list, then the line."""
        for task, text in self._told():
            self.update(task, description=text)
        yield from super().get_renderables()
        yield Text(self._summary(len(self.tasks)), style="dim", no_wrap=True, overflow="ellipsis")


class Live:
    """One session on a terminal. `rich` draws from a thread of its own."""

    def __init__(
        self,
        stream: TextIO,
        actions: Iterable[Action],
        forecast: Forecast,
        started_s: float,
        progress: Callable[[Action], str] = lambda action: "",
    ) -> None:
        """`actions` are all that may run; `started_s` is the session's begin on the monotonic clock.

        `progress` tells how far one that runs is.
        """
        self._progress = progress
        self._total = len(list(actions))
        self._forecast = forecast
        self._started_s = started_s
        self._shown_s = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._running: dict[str, tuple[TaskID, float]] = {}
        self._actions: dict[str, Action] = {}
        self._lock = threading.Lock()
        self._list = _List(self, stream)
        self._list.start()

    def summary(self, running: int) -> str:
        """`14/60 · 2 running · 9 built · 12.3 s · about 40 s left`."""
        now = time.monotonic()
        with self._lock:
            told = [f"{sum(self._counts.values())}/{self._total}", f"{running} running"]
            told += [f"{self._counts[state]} {state}" for state in _TOLD if self._counts[state]]
            ages = {name: now - began_s for name, (_, began_s) in self._running.items()}
            left_s = self._forecast.seconds_left(now - self._shown_s, ages)
        told.append(format_seconds(now - self._started_s))
        if left_s is not None:
            told.append(f"about {_round(left_s)} left")
        return " · ".join(told)

    def told(self) -> list[tuple[TaskID, str]]:
        """The line of each running action that says how far it is."""
        with self._lock:
            running = [(task, self._actions[name]) for name, (task, _) in self._running.items()]
        lines = [(task, action, self._progress(action)) for task, action in running]
        return [(task, safe_text.shown(f"{action.title}: {text}")) for task, action, text in lines if text]

    # The lock is for what `summary` reads, and never held while rich is called: rich calls `summary` holding its own.

    def started(self, action: Action) -> None:
        """Add a line."""
        task = self._list.add_task(safe_text.shown(action.title), total=None)
        with self._lock:
            self._actions[action.id] = action
            self._running[action.id] = (task, time.monotonic())

    def ended(self, action: Action, state: str, lines: Iterable[str]) -> None:
        """Take it from the list, and print the lines above."""
        with self._lock:
            task, _ = self._running.pop(action.id, (None, 0.0))
            self._counts[state] += 1
            self._forecast.end(action)
        if task is not None:
            self._list.remove_task(task)
        if text := "\n".join(map(safe_text.shown, lines)):
            self._list.console.print(Text(text, style=_STYLES.get(state, "")), soft_wrap=True)

    def print_lines(self, lines: Iterable[str]) -> None:
        """These lines, above the list."""
        self._list.console.print("\n".join(map(safe_text.shown, lines)), markup=False, soft_wrap=True)

    def close(self) -> None:
        """Remove the list."""
        self._list.stop()


def _round(seconds: float) -> str:
    """An estimate, no more exact than it is: `40 s`, `3 min`."""
    if seconds < 90:
        return f"{max(5, round(seconds / 5) * 5)} s"
    return f"{round(seconds / 60)} min"
