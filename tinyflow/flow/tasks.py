"""From actions to doit tasks: doit orders and names them, the session decides whether they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from doit.exceptions import TaskFailed
from doit.task import Task

from tinyflow.core.action import Action
from tinyflow.core.execute import Session
from tinyflow.flow.ledger import UP_TO_DATE, Ledger

_SHORT_ID = 12  # of 50,000 tasks two have one name with a chance of 4 in a million
# Actions keep logs of their own; doit would mix the output of threads and keep it in memory.
_IO = {"io": {"capture": False}, "verbosity": 0}


def task_name(action: Action) -> str:
    """`<stage>:<short id>`."""
    return f"{action.stage}:{action.id[:_SHORT_ID]}"


def action_tasks(actions: Mapping[str, Action], session: Session, ledger: Ledger) -> list[Task]:
    """Tasks for those actions, by id, that are not up to date; they come each behind those that it waits for.

    What need not run needs no task: an empty run costs our look at each action, and nothing in doit.
    """
    stale = {action.id: action for action in session.stale(actions.values())}
    ledger.end_all(actions.keys() - stale.keys() if stale else actions, UP_TO_DATE)
    return [_action_task(action, stale, session, ledger) for action in stale.values()]


def _is_up_to_date(action: Action, session: Session, ledger: Ledger) -> bool:
    is_current = session.is_current(action)
    if is_current:
        ledger.end(action, UP_TO_DATE)
    return is_current


def _action_task(action: Action, stale: Mapping[str, Action], session: Session, ledger: Ledger) -> Task:
    """The private task of one action, behind those of the stale actions that it waits for."""

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
        task_dep=[task_name(dependency) for dependency in action.dependencies if dependency.id in stale],
        # Asked again when those are done: they may have made what they had made before.
        uptodate=[lambda: _is_up_to_date(action, session, ledger)],
        doc=action.title,
        title=lambda task: action.title,
        meta={"action": action},
        **_IO,
    )


def group_task(name: str, members: Iterable[str] = (), doc: str = "") -> Task:
    """A task that only stands for others. What a bench or suite has to show is written when the session ends."""
    return Task(name, None, task_dep=list(members), doc=doc)
