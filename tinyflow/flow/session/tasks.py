"""From actions to doit tasks: doit orders and names them, the session decides whether they run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from doit.exceptions import TaskFailed
from doit.task import Task

from tinyflow.core.action import Action
from tinyflow.core.execute import Session
from tinyflow.core.states import UP_TO_DATE
from tinyflow.flow.planning.plan import task_name
from tinyflow.flow.session.ledger import Ledger
from tinyflow.flow.session.needed_actions import Demand

# A file, the reference interpreters, a backend: what takes a model or not; quick where it is refused.
REFUSING = frozenset(
    {"source", "frontend", "fetch", "cut", "tidy", "shrink", "patch", "quantise", "convert", "lower", "generate"}
)
# Actions keep logs of their own; doit would mix the output of threads and keep it in memory.
_IO = {"io": {"capture": False}, "verbosity": 0}


class NotNeeded(TaskFailed):  # type: ignore[misc]  # doit has no types
    """An action that was not begun, since whatever needs it has failed."""


def action_tasks(
    actions: Mapping[str, Action], session: Session, ledger: Ledger, demand: Demand | None = None
) -> list[Task]:
    """Tasks for those actions, by id, that are not up to date; they come each after those that it waits for.

    What need not run needs no task: an empty run costs our look at each action, and nothing in doit. With `demand`,
    what nobody waits for any more is not begun.
    """
    stale = {action.id: action for action in session.stale(actions.values())}
    ledger.end_all(actions.keys() - stale.keys() if stale else actions, UP_TO_DATE)
    return [_action_task(action, stale, session, ledger, demand) for action in stale.values()]


def early_tasks(stale: Iterable[Task]) -> list[str]:
    """Names of those tasks that may refuse a model: before them, nothing is compiled that it alone would need."""
    return [task.name for task in stale if _is_early(task)]


def _is_early(task: Task) -> bool:
    return task.name.partition(":")[0] in REFUSING


class Ready(deque[Any]):
    """The queue of doit's dispatcher of what may begin, where those that may refuse a model come first."""

    def append(self, node: Any) -> None:
        """A node of a task whose turn has come."""
        (super().appendleft if _is_early(node.task) else super().append)(node)


def _is_up_to_date(action: Action, session: Session, ledger: Ledger) -> bool:
    is_current = session.is_current(action)
    if is_current:
        ledger.end(action, UP_TO_DATE)
    return is_current


def _action_task(
    action: Action, stale: Mapping[str, Action], session: Session, ledger: Ledger, demand: Demand | None
) -> Task:
    """The private task of one action, behind those of the stale actions that it waits for."""

    def execute() -> TaskFailed | None:
        if demand is not None and demand.is_lost(action):
            return NotNeeded("nobody needs it any more")
        ledger.begin(action)
        try:
            outcome = session.execute(action)
        except Exception as error:  # a bug in one bench must not stop the others; the reporter prints its traceback
            ledger.fail(action, error)
            if demand is not None:
                demand.lose(action)
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
