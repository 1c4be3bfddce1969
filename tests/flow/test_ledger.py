"""The ledger: what a session's errors mean for its exit status, and waiting for what still runs."""

from __future__ import annotations

import threading
import time

import pytest

from tinyflow.core.action import Action
from tinyflow.core.errors import RunError, TinyflowError, ToolError, UsageError
from tinyflow.core.process import Cancelled
from tinyflow.flow.session.ledger import Ledger, exit_status

ACTION = Action(stage="run", title="run net", function="synthetic_stages:write", outputs=("run.json",))


@pytest.mark.parametrize(
    ("errors", "status"),
    [
        ([], 0),
        ([RunError("fault")], 1),
        ([KeyError("bug")], 1),
        ([RunError("fault"), UsageError("wrong")], 2),
        ([RunError("fault"), ToolError("zig is not installed", missing=True)], 3),
    ],
)
def test_exit_status_is_that_of_the_worst_error(errors: list[TinyflowError], status: int) -> None:
    """1 a bench failed, 2 wrong use, 3 a tool is missing; what must be mended first wins."""
    assert exit_status(errors) == status


def test_a_cancelled_action_is_no_failure() -> None:
    """Who presses Ctrl-C has not found a fault."""
    ledger = Ledger()
    ledger.begin(ACTION)
    ledger.fail(ACTION, Cancelled("cancelled"))
    assert ledger.failures() == []
    assert ledger.counts() == {"stopped": 1}


def test_waiting_ends_when_nothing_runs_any_more() -> None:
    """A worker thread's end wakes the waiter at once; without one the time limit does."""
    ledger = Ledger()
    ledger.begin(ACTION)
    assert not ledger.wait_idle(0.01)
    threading.Timer(0.1, ledger.end, (ACTION, "built", 0.1)).start()
    started = time.monotonic()
    assert ledger.wait_idle(60)
    assert time.monotonic() - started < 30
