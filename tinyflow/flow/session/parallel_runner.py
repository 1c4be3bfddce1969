"""Run the actions of some benches, several at once, without doit: for commands that do so again and again."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from tinyflow.core import process
from tinyflow.core.action import Action
from tinyflow.core.execute import Outcome, Session
from tinyflow.flow.session.tasks import REFUSING

Done = Callable[[Action, "Outcome | Exception"], None]


def run(actions: Collection[Action], session: Session, done: Done, jobs: int | None = None) -> None:
    """Execute actions that are after those that they wait for; `done` hears of each that ran, here, one by one.

    What waits for an action that failed is left out. An interruption stops all children before it goes on.
    """
    stale = session.stale(actions)
    # As under doit: what may refuse a model goes before what would be compiled for it in vain.
    waiting = {action.id: action for action in sorted(stale, key=lambda action: action.stage not in REFUSING)}
    width = jobs or max(2, os.cpu_count() or 1)
    failed: set[str] = set()
    running: dict[Future[Outcome], Action] = {}
    with ThreadPoolExecutor(width) as pool:
        try:
            while waiting or running:
                _start(waiting, running, failed, pool, session, width)
                if not running:
                    continue
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    action, error = running.pop(future), future.exception()
                    if error is None:
                        done(action, future.result())
                        continue
                    failed.add(action.id)
                    if not isinstance(error, Exception):
                        raise error
                    done(action, error)
        except BaseException:
            process.cancel_all()
            pool.shutdown(cancel_futures=True)
            raise


def _start(
    waiting: dict[str, Action],
    running: dict[Future[Outcome], Action],
    failed: set[str],
    pool: ThreadPoolExecutor,
    session: Session,
    width: int,
) -> None:
    """Submit what waits for nothing, as much as can begin; drop what waits for a failure."""
    busy = {action.id for action in running.values()}
    for action in list(waiting.values()):
        before = {dependency.id for dependency in action.dependencies}
        if before & failed:
            failed.add(waiting.pop(action.id).id)
        elif len(running) < width and not before & (waiting.keys() | busy):
            running[pool.submit(session.execute, waiting.pop(action.id))] = action
            busy.add(action.id)
