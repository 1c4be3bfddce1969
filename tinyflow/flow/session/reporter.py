"""What doit tells of its tasks, passed on to the display: actions by their titles, failures once and in two lines."""

from __future__ import annotations

import re
from collections.abc import Mapping

from doit.exceptions import BaseFail, UnmetDependency
from doit.task import Task

from tinyflow.core.action import Action
from tinyflow.core.errors import TinyflowError
from tinyflow.core.states import FAILED, UP_TO_DATE
from tinyflow.core.units import format_seconds
from tinyflow.flow.messages import error_lines
from tinyflow.flow.session.display import Display
from tinyflow.flow.session.ledger import Ledger
from tinyflow.flow.session.tasks import NotNeeded

_STATE_WIDTH = 8
_AGAIN = "for the same reason as "
# A refusal names the backend, as the title does that is before it.
_BACKEND = re.compile(r" \(backend [^()]*\)")


class Reporter:
    """The interface of doit's reporters. Under threads `execute_task` comes from any, the rest from the main one."""

    desc = "actions with elapsed time"

    def __init__(self, display: Display, ledger: Ledger, *, is_verbose: bool) -> None:
        self._display = display
        self._ledger = ledger
        self._is_verbose = is_verbose
        self._told: dict[tuple[str, str, str], str] = {}  # a reason, and the title of the first action that had it
        self._hints: frozenset[str] = frozenset()

    def initialize(self, tasks: Mapping[str, Task], selected_tasks: list[str]) -> None:
        """Tasks were loaded."""
        del selected_tasks
        self._display.expect([action for task in tasks.values() if (action := _action(task)) is not None])

    def execute_task(self, task: Task) -> None:
        """A task starts."""
        if (action := _action(task)) is not None:
            self._display.started(action)

    def add_success(self, task: Task) -> None:
        """A task ended well."""
        action = _action(task)
        entry = self._ledger.get(action) if action is not None else None
        if action is not None and entry is not None:
            line = f"{entry.state:<{_STATE_WIDTH}}{action.title}  {format_seconds(entry.seconds)}"
            self._display.ended(action, entry.state, [line])

    def add_failure(self, task: Task, fail: BaseFail) -> None:
        """A task failed, or could not start since another one did, which was said already."""
        action = _action(task)
        if isinstance(fail, (UnmetDependency, NotNeeded)):
            if action is not None:
                self._display.ended(action, "not started", [])
            return
        entry = self._ledger.get(action) if action is not None else None
        if action is None or entry is None or entry.error is None:
            self._display.print_lines([f"{task.name}: {fail.get_msg()}"])
        elif entry.state == FAILED:
            first, *rest = self._lines(entry.error, action)
            self._display.ended(action, entry.state, [f"{entry.state:<{_STATE_WIDTH}}{first}", *rest])

    def _lines(self, error: Exception, action: Action) -> list[str]:
        """What to print of a failure: what was said before, of many benches for one reason, not again."""
        if self._is_verbose or not isinstance(error, TinyflowError):
            return error_lines(error, action.title, is_verbose=self._is_verbose)
        reason = (error.where, _BACKEND.sub("", error.what), error.hint)
        if reason in self._told:
            return [f"{action.title}: {_AGAIN}{self._told[reason]}"]
        self._told[reason] = action.title
        first, *rest = error_lines(error, action.title)
        hints, self._hints = self._hints, self._hints | {error.hint}
        return [first, *(line for line in rest if error.hint not in hints or line.startswith("  log: "))]

    def skip_uptodate(self, task: Task) -> None:
        """A task has nothing to do: counted, not shown."""
        if (action := _action(task)) is not None:
            self._display.ended(action, UP_TO_DATE, [])

    def _pass(self, task: Task) -> None:
        """A task is about to be checked, or its teardown starts; it is never ignored, for our records know no such."""

    get_status = teardown_task = skip_ignore = _pass

    def cleanup_error(self, exception: BaseFail) -> None:
        """A teardown failed."""
        self._display.print_lines([exception.get_msg()])

    def runtime_error(self, msg: str) -> None:
        """Doit itself failed."""
        self._display.print_lines([msg])

    def complete_run(self) -> None:
        """All tasks ended, or the run was stopped."""
        self._display.close()


def _action(task: Task) -> Action | None:
    found: Action | None = (task.meta or {}).get("action")
    return found
