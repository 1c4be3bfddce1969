"""Several processes at once, on one checkout or on one shared cache: each action runs once, all get the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import shared_work
from tests_support import PATIENCE_S, wait_until
from trust_places import CHECKOUT

HERE = Path(__file__).parent
ALL = sorted(f"work{layer}_{index}" for layer in range(shared_work.LAYERS) for index in range(shared_work.WIDTH))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the source."""
    (tmp_path / "source").write_text("source")
    return tmp_path


def start(folder: Path, cache: str, state: str) -> subprocess.Popen[str]:
    """One process that does all the work."""
    command = [sys.executable, str(HERE / "shared_work.py"), *(str(folder / name) for name in ("", cache, state))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CHECKOUT), str(HERE)])}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def traced(folder: Path) -> list[str]:
    """The actions that ran, each as often as it did."""
    return sorted((folder / "trace").read_text().split())


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "states"), [(2, 1), (6, 1), (6, 6)])
def test_equal_work_runs_once(folder: Path, processes: int, states: int) -> None:
    """Whether they share the checkout or only the cache: nine actions run, the others wait and take the result.

    Guards the lock per key and the second look at the cache within it (`Session._execute`).
    """
    running = [start(folder, "cache", f"state{index % states}") for index in range(processes)]
    ended = [process.communicate(timeout=PATIENCE_S) for process in running]
    assert {process.returncode for process in running} == {0}, ended
    assert len({output for output, _ in ended}) == 1
    assert {errors for _, errors in ended} == {""}
    assert traced(folder) == ALL


def test_a_killed_process_hands_its_work_on(folder: Path) -> None:
    """`kill -9` of the one that is at work: who waits for it goes on at once, and does again only what was not done.

    Guards the kernel's lock (a lock file alone would stay locked) and recording each action when it ends.
    """
    first = start(folder, "cache", "state0")
    wait_until(lambda: (folder / "trace").exists() and len(traced(folder)) >= 4)
    second = start(folder, "cache", "state1")
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    done = len(set(traced(folder)))
    output, errors = second.communicate(timeout=PATIENCE_S)
    assert (second.returncode, errors) == (0, "")
    assert output.startswith("work2_2work1_0work0_0source")
    assert sorted(set(traced(folder))) == ALL
    assert len(traced(folder)) <= len(ALL) + 1  # the one that was running, at the most
    assert done >= 4


@pytest.mark.slow
def test_sessions_leave_nothing_behind(folder: Path) -> None:
    """No lock, no half-written file, no scratch folder stays, even of a session that was killed before."""
    killed = start(folder, "cache", "state")
    wait_until((folder / "trace").exists)
    killed.kill()
    killed.communicate()
    assert start(folder, "cache", "state").wait(PATIENCE_S) == 0
    assert list((folder / "cache" / "locks").iterdir()) == []
    assert list((folder / "state" / "scratch").iterdir()) == []
