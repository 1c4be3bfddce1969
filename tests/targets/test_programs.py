"""Programs beside boards: they end with all that they have started; locks hold for all workers."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest
from tests_support import is_running, wait_until

from tinyflow.core.errors import RunError
from tinyflow.targets import programs
from tinyflow.targets.programs import Server, alone, load_by


def test_a_lock_holds_for_workers_with_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has another TMPDIR."""
    order = []

    def second() -> None:
        with alone(str(tmp_path)):
            order.append("second")

    with alone(str(tmp_path)):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.3)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


def test_a_lock_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where others waited for it, and where what it was held for failed."""
    monkeypatch.setattr(programs, "_LOCKS", tmp_path)
    held = []

    def hold() -> None:
        with alone("port"):
            held.append(len(list(tmp_path.iterdir())))

    with contextlib.suppress(RuntimeError), alone("port"):
        other = threading.Thread(target=hold)
        other.start()
        raise RuntimeError
    other.join()
    assert held == [1] and not list(tmp_path.iterdir())


def test_a_server_ends_with_what_it_has_started(tmp_path: Path) -> None:
    """As where a script starts it."""
    pid = tmp_path / "pid"
    script = f"sleep 1000 & echo $! >{pid}.part; mv {pid}.part {pid}; wait"
    with closing(Server(["sh", "-c", script], {})):
        wait_until(pid.exists)
        started = int(pid.read_text())
        assert is_running(started)
    wait_until(lambda: not is_running(started))


def test_a_loader_that_hangs_is_ended_with_what_it_has_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what holds its output open."""
    pid = tmp_path / "pid"
    monkeypatch.setattr("tinyflow.targets.programs._LOADER_LIMIT_S", 0.5)
    with pytest.raises(RunError, match=r"the loader sh didn't end within 0\.5 s"):
        load_by(["sh", "-c", f"sleep 1000 & echo $! >{pid}; wait"], {})
    started = int(pid.read_text())
    wait_until(lambda: not is_running(started))
