"""Shows actions while they run: what moves on a terminal (`live`), else plain lines. Decides nothing."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from tinyflow.core import safe_text
from tinyflow.core.action import Action
from tinyflow.core.states import FAILED
from tinyflow.flow.session.forecast import Forecast, Past

if TYPE_CHECKING:
    from tinyflow.flow.session.live import Live

_ASKED_FOR = (FAILED,)  # what even a quiet display shows


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
        if not self._is_quiet or state in _ASKED_FOR:
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
        past: Callable[[], Past],
        started_s: float,
        progress: Callable[[Action], str] = lambda action: "",
    ) -> None:
        """`past` tells what actions took before; it is asked once, and only where something runs.

        `progress` tells how far a running action is.
        """
        self._progress = progress
        self._stream = stream
        self._past = past
        self._started_s = started_s
        self._expected: tuple[Action, ...] = ()
        self._live: Live | None = None
        self._lock = threading.RLock()

    def _shown(self) -> Live:
        """What moves, begun when there is first something to show: `rich` takes a while to import."""
        if self._live is None:
            from tinyflow.flow.session.live import Live

            forecast = Forecast(self._expected, self._past())
            self._live = Live(self._stream, self._expected, forecast, self._started_s, self._progress)
        return self._live

    def expect(self, actions: Sequence[Action]) -> None:
        """Keep them for the counts."""
        self._expected = tuple(actions)

    def started(self, action: Action) -> None:
        """Add a line."""
        with self._lock:
            self._shown().started(action)

    def ended(self, action: Action, state: str, lines: Iterable[str]) -> None:
        """Count it, take it from the list, and print the lines above."""
        with self._lock:
            self._shown().ended(action, state, lines)

    def print_lines(self, lines: Iterable[str]) -> None:
        """These lines, above the list."""
        with self._lock:
            self._shown().print_lines(lines)

    def close(self) -> None:
        """Remove the list."""
        with self._lock:
            if self._live is not None:
                self._live.close()
                self._live = None
