"""Shows actions while they run: a live list with elapsed times on a terminal, else plain lines. Decides nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, TextIO

from tinyflow.core.action import Action

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_STYLES = {"built": "green", "hit": "cyan", "failed": "bold red"}


class Display(Protocol):
    """What a reporter needs; `started` comes from worker threads."""

    def started(self, action: Action) -> None:
        """An action is being executed."""

    def ended(self, action: Action, state: str, lines: Iterable[str]) -> None:
        """An action came to this state; the lines stay."""

    def say(self, lines: Iterable[str]) -> None:
        """Something to read that stays."""

    def close(self) -> None:
        """Nothing runs any more."""


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream can show things that move."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def display_on(stream: TextIO) -> Display:
    """The display that suits a stream."""
    return LiveDisplay(stream) if is_terminal(stream) else PlainDisplay(stream)


class PlainDisplay:
    """One line when an action ends: for logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def started(self, action: Action) -> None:
        """Say nothing: what runs in parallel ends in another order."""

    def ended(self, action: Action, state: str, lines: Iterable[str]) -> None:
        """Only the lines: they name the action."""
        del action, state
        self.say(lines)

    def say(self, lines: Iterable[str]) -> None:
        """These lines, together."""
        with self._lock:
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._stream.flush()

    def close(self) -> None:
        """Nothing is left to do."""


class LiveDisplay:
    """Running actions with their elapsed time at the bottom; what ended scrolls above."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._progress: Progress | None = None
        self._lines: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def _live(self) -> Progress:
        """The live list, begun when there is first something to show, for `rich` takes a while to import."""
        if self._progress is None:
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self._progress = Progress(
                SpinnerColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.description}", markup=False),
                console=Console(file=self._stream, highlight=False),
                transient=True,
                refresh_per_second=5,
            )
            self._progress.start()
        return self._progress

    def started(self, action: Action) -> None:
        """Add a line."""
        with self._lock:
            self._lines[action.id] = self._live().add_task(action.title, total=None)

    def ended(self, action: Action, state: str, lines: Iterable[str]) -> None:
        """Take it from the list, and print the lines above."""
        from rich.text import Text

        with self._lock:
            progress = self._live()
            if action.id in self._lines:
                progress.remove_task(self._lines.pop(action.id))
            progress.console.print(Text("\n".join(lines), style=_STYLES.get(state, "")), soft_wrap=True)

    def say(self, lines: Iterable[str]) -> None:
        """These lines, above the list."""
        with self._lock:
            self._live().console.print("\n".join(lines), markup=False, soft_wrap=True)

    def close(self) -> None:
        """Remove the list."""
        with self._lock:
            if self._progress is not None:
                self._progress.stop()
                self._progress = None
