"""Run the actions of some benches, several at once, without doit: for commands that do so again and again."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from tinyflow.core import process
from tinyflow.core.action import Action
from tinyflow.core.execute import Outcome, Session
from tinyflow.flow.session.tasks import REFUSING

Done = Callable[[Action, "Outcome | Exception"], None]


def run(
    actions: Collection[Action],
    session: Session,
    done: Done,
    jobs: int | None = None,
    is_enough: Callable[[], bool] = lambda: False,
) -> None:
    """Execute actions that are after those that they wait for; `done` hears of each that ran, here, one by one.

    What waits for an action that failed is left out; no other begins once `is_enough`. An interruption stops all
    children before it goes on.
    """
    turns = _Turns(session.stale(actions))
    running: dict[Future[Outcome], Action] = {}
    width = jobs or max(2, os.cpu_count() or 1)
    with ThreadPoolExecutor(width) as pool:
        try:
            while turns.ready or running:
                if is_enough():
                    turns.ready.clear()
                while turns.ready and len(running) < width:
                    action = turns.ready.popleft()
                    running[pool.submit(session.execute, action)] = action
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    action, error = running.pop(future), future.exception()
                    if error is None:
                        turns.end(action)
                        done(action, future.result())
                    elif isinstance(error, Exception):
                        done(action, error)
                    else:
                        raise error
        except BaseException:
            process.cancel_all()
            pool.shutdown(cancel_futures=True)
            raise


class _Turns:
    """What may begin. What may refuse a model goes before what would be compiled for it in vain, as under doit."""

    def __init__(self, actions: Collection[Action]) -> None:
        ids = {action.id for action in actions}
        self._needs = {action.id: {before.id for before in action.dependencies} & ids for action in actions}
        self._after: dict[str, list[Action]] = {}
        self.ready: deque[Action] = deque()
        for action in actions:
            for before in self._needs[action.id]:
                self._after.setdefault(before, []).append(action)
            if not self._needs[action.id]:
                self.ready.append(action)
        self.ready = deque(sorted(self.ready, key=lambda action: action.stage not in REFUSING))

    def end(self, action: Action) -> None:
        """An action ended well: the turn of others may have come. Without this it never does."""
        for behind in self._after.get(action.id, ()):
            needs = self._needs[behind.id]
            needs.discard(action.id)
            if not needs:
                (self.ready.appendleft if behind.stage in REFUSING else self.ready.append)(behind)
