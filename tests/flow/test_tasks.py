"""What doit is given: a task for what is stale and nothing else, what may refuse a model first, groups behind it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from doit.exceptions import TaskFailed
from doit.task import Task

from tinyflow.core.action import Action, Workspace
from tinyflow.core.errors import RunError
from tinyflow.core.execute import Outcome, Session
from tinyflow.flow.planning.plan import task_name
from tinyflow.flow.session import parallel_runner
from tinyflow.flow.session.ledger import Ledger
from tinyflow.flow.session.needed_actions import Demand
from tinyflow.flow.session.tasks import NotNeeded, Ready, action_tasks, early_tasks, group_task


def step(workspace: Workspace) -> None:
    """Write, or refuse."""
    if workspace.parameters["name"] == "refused":
        raise RunError("no")
    workspace.outputs["out"].write_text(workspace.parameters["name"])


def action(name: str, *before: Action, stage: str = "compile") -> Action:
    """One step behind others."""
    inputs: dict[str, Any] = {f"in{index}": other.output("out") for index, other in enumerate(before)}
    return Action(*(stage, name, f"{__name__}:step", ("out",)), parameters={"name": name}, inputs=inputs)


def by_id(*actions: Action) -> dict[str, Action]:
    """As plans have them."""
    return {one.id: one for one in actions}


def run(task: Task) -> Any:
    """Do what doit does with it."""
    return task.actions[0].py_callable()


@pytest.fixture
def chain(session: Session) -> Iterator[tuple[Action, Action]]:
    """Two steps, the first of which is done."""
    first = action("first")
    session.execute(first)
    yield first, action("second", first)


def test_only_what_is_stale_has_a_task(session: Session, chain: tuple[Action, Action]) -> None:
    """The rest is up to date in the ledger; a task waits for those that there are; without stale ones there is none."""
    first, second = chain
    third = action("third", first, second)
    ledger = Ledger()
    tasks = action_tasks(by_id(first, second, third), session, ledger)
    assert [task.name for task in tasks] == [f"compile:{one.id[:12]}" for one in (second, third)]
    assert [task.task_dep for task in tasks] == [[], [task_name(second)]]
    assert ledger.counts() == {"up to date": 1}
    assert ledger.is_done(first) and ledger.get(second) is None
    assert (tasks[0].doc, tasks[0].title(), tasks[0].meta) == ("second", "second", {"action": second})
    assert (tasks[0].verbosity, tasks[0].io.capture) == (0, False)
    ledger = Ledger()
    assert action_tasks(by_id(first), session, ledger) == []
    assert ledger.counts() == {"up to date": 1}


def test_a_task_that_was_made_meanwhile_is_up_to_date(session: Session, chain: tuple[Action, Action]) -> None:
    """It is asked again when its turn comes, and the ledger hears of it; before that, of nothing."""
    _, second = chain
    ledger = Ledger()
    [task] = action_tasks(by_id(second), session, ledger)
    is_up_to_date = task.uptodate[0][0]
    assert not is_up_to_date()
    assert ledger.get(second) is None
    session.execute(second)
    assert is_up_to_date()
    assert ledger.counts() == {"up to date": 1}


def test_what_a_task_does_is_in_the_ledger(session: Session) -> None:
    """Built with its seconds, or failed with its error, whereupon what only it needed is not begun."""
    good, refused = action("good"), action("refused")
    behind, shared = action("behind", refused), action("shared")
    ledger, demand = Ledger(), Demand(lambda: [(refused, behind, shared), (good, shared)])
    tasks = {task.title(): task for task in action_tasks(by_id(good, refused, behind, shared), session, ledger, demand)}
    assert not isinstance(run(tasks["good"]), TaskFailed)
    entry = ledger.get(good)
    assert entry is not None and entry.state == "built" and entry.seconds > 0
    failure = run(tasks["refused"])
    assert isinstance(failure, TaskFailed) and not isinstance(failure, NotNeeded)
    assert "no" in failure.get_msg()
    [error] = ledger.failures()
    assert isinstance(error, RunError)
    assert isinstance(run(tasks["behind"]), NotNeeded)
    assert ledger.get(behind) is None
    assert not isinstance(run(tasks["shared"]), TaskFailed)
    alone = Ledger()
    [task] = action_tasks(by_id(refused), session, alone)  # without needs
    assert isinstance(run(task), TaskFailed) and alone.counts() == {"failed": 1}


def test_what_may_refuse_a_model_comes_first() -> None:
    """By its stage; in the queue of what may begin, and among the names that doit is given."""
    names = [*("compile:1", "fetch:2", "run:3", "cut:4", "shrink:5", "convert:6", "lower:7", "generate:8", "link:9")]
    tasks = [group_task(name) for name in names]
    assert early_tasks(tasks) == ["fetch:2", "cut:4", "shrink:5", "convert:6", "lower:7", "generate:8"]
    ready = Ready()
    for name in ("run:1", "fetch:2", "link:3", "lower:4"):
        ready.append(SimpleNamespace(task=group_task(name)))
    assert [node.task.name for node in ready] == ["lower:4", "fetch:2", "run:1", "link:3"]
    group = group_task("suite:s", ["a", "b"], "2 benches")
    assert (group.task_dep, group.doc, group.actions) == (["a", "b"], "2 benches", [])


def test_what_waits_is_started_once_its_turn_has_come() -> None:
    """Not while one that it waits for hasn't ended well, and so not at all behind a failure, however far behind."""
    first, other = action("first"), action("other")
    second = action("second", first)
    third, both = action("third", second), action("both", first, other)
    turns = parallel_runner._Turns([first, second, third, other, both])

    def begun() -> list[str]:
        return [turns.ready.popleft().title for _ in range(len(turns.ready))]

    assert begun() == ["first", "other"]
    turns.end(first)
    assert begun() == ["second"]
    turns.end(other)
    assert begun() == ["both"]
    turns.end(second)
    assert begun() == ["third"]


def test_every_action_that_runs_is_told(session: Session) -> None:
    """In the order in which they can be; what waits for a failure is left out; what is up to date is not run."""
    refused, good = action("refused"), action("good")
    behind, after = action("behind", refused), action("after", good)
    seen: dict[str, object] = {}
    parallel_runner.run([refused, good, behind, after], session, lambda one, result: seen.update({one.title: result}))
    assert seen.keys() == {"refused", "good", "after"}
    assert isinstance(seen["refused"], RunError) and cast(Outcome, seen["after"]).outcome == "built"
    seen.clear()
    parallel_runner.run([good, after], session, lambda one, result: seen.update({one.title: result}))
    assert seen == {}
