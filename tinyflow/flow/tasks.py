"""From actions to doit tasks: doit orders and names them, the session decides whether they run."""

from __future__ import annotations

from collections.abc import Iterable

from doit.exceptions import TaskFailed
from doit.task import Task

from tinyflow.core.action import Action
from tinyflow.core.errors import TinyflowError
from tinyflow.core.execute import Session
from tinyflow.flow.ledger import UP_TO_DATE, Ledger

_SHORT_ID = 8
# Actions keep logs of their own; doit would mix the output of threads and keep it in memory.
_IO = {"io": {"capture": False}, "verbosity": 0}


def task_name(action: Action) -> str:
    """`<stage>:<short id>`."""
    return f"{action.stage}:{action.id[:_SHORT_ID]}"


def action_task(action: Action, session: Session, ledger: Ledger) -> Task:
    """The private task of one action."""

    def is_up_to_date() -> bool:
        try:
            state = session.check(action).state
        except TinyflowError:
            return False  # executing it will say the same, as a failure of this task
        if state == "up to date":
            ledger.end(action, UP_TO_DATE)
        return state == "up to date"

    def execute() -> TaskFailed | None:
        ledger.begin(action)
        try:
            outcome = session.execute(action)
        except Exception as error:  # a bug in one bench must not stop the others; the reporter prints its traceback
            ledger.fail(action, error)
            return TaskFailed(str(error))
        ledger.end(action, outcome.outcome, outcome.seconds)
        return None

    return Task(
        task_name(action),
        [execute],
        task_dep=[task_name(dependency) for dependency in action.dependencies],
        uptodate=[is_up_to_date],
        doc=action.title,
        title=lambda task: action.title,
        meta={"action": action},
        **_IO,
    )


def group_task(name: str, members: Iterable[str] = (), doc: str = "") -> Task:
    """A task that only stands for others. What a bench or suite has to show is written when the session ends."""
    return Task(name, None, task_dep=list(members), doc=doc)
