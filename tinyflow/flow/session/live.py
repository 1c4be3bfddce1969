"""What moves on a terminal: running actions with their times, and a line of counts. Decides nothing.

The only place besides the tables that imports `rich`; imported when there is something to show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TextIO

from rich.console import Console, RenderableType
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from tinyflow.core import safe_text
from tinyflow.core.states import BUILT, FAILED, HIT
from tinyflow.flow.streams import as_it_is

_STYLES = {BUILT: "green", HIT: "cyan", FAILED: "bold red"}


class RunningList(Progress):
    """The running actions, and a line below them that is made anew each time. `rich` draws from a thread of its own."""

    def __init__(
        self, stream: TextIO, told: Callable[[], list[tuple[TaskID, str]]], summary: Callable[[int], str]
    ) -> None:
        """`told` gives lines that changed, `summary` the line below, for a number of running actions."""
        self._told, self._summary = told, summary
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

    def say(self, lines: Iterable[str], state: str = "") -> None:
        """Print lines above the list, in the colour of a state."""
        if text := "\n".join(map(safe_text.shown, lines)):
            self.console.print(Text(text, style=_STYLES.get(state, "")), soft_wrap=True)
