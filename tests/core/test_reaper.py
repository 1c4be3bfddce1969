"""A session that is killed takes every process with it that works for it, whoever started that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests_support import PATIENCE_S, is_running, wait_until

from tinyflow.core import reaper
from tinyflow.core.action import Action, Workspace
from tinyflow.core.errors import Timeout
from tinyflow.core.execute import Session
from tinyflow.core.forkserver import ForkServer
from tinyflow.core.process import with_parent
from tinyflow.core.scratch import Scratch

# Itself, a child in its group, one in a group and session of its own, and one more behind that.
_TREE = (
    'echo $$ >> "$0"; sleep 300 & echo $! >> "$0";'
    """setsid sh -c 'echo $$ >> "$0"; sleep 300 & echo $! >> "$0"; wait' "$0" """
)


def leave_tree(workspace: Workspace) -> None:
    """A tool that starts others, in sessions of their own, and waits."""
    workspace.run(["sh", "-c", _TREE, workspace.parameters["ids"]])


def _serve(folder: Path, kind: str) -> None:
    """What is killed: a session in which such a tool runs."""
    session = Session(folder / "cache", folder / "state")
    if kind == "warm":
        session.call_isolated = ForkServer([__name__], folder).call
    session.execute(
        Action(
            stage="leave",
            title="leave",
            function=f"{__name__}:leave_tree",
            outputs=("out",),
            parameters={"ids": str(folder / "ids")},
            isolated=kind != "in the session",
        )
    )


@pytest.mark.parametrize("kind", ["in the session", "worker", "warm"])
@pytest.mark.every(3)
def test_a_killed_session_takes_the_whole_tree_with_it(tmp_path: Path, kind: str) -> None:
    """`kill -9` of the session ends tools, their children, and those that went into sessions of their own.

    Guards `reaper.watch`: the kernel ends children only.
    """
    ids = tmp_path / "ids"
    code = f"import sys; from pathlib import Path; import {__name__} as t; t._serve(Path(sys.argv[1]), sys.argv[2])"
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    session = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), kind], env=variables)
    wait_until(lambda: ids.exists() and len(ids.read_text().split()) == 4)
    tree = [int(word) for word in ids.read_text().split()]
    assert all(map(is_running, tree))
    session.kill()
    session.wait()
    wait_until(lambda: not any(map(is_running, tree)))


@pytest.mark.slow
def test_a_worker_s_tools_end_with_it(tmp_path: Path) -> None:
    """A worker whose time is up takes its tool along, which is in a session of its own; ours goes on."""
    session = Session(tmp_path / "cache", tmp_path / "state")
    leaving = Action(
        "leave", "leave", f"{__name__}:leave_tree", ("out",), {"ids": str(tmp_path / "ids")}, isolated=True
    )
    timeout_s = 1.5
    while not (tmp_path / "ids").exists():  # on a busy machine it had no time to begin
        with pytest.raises(Timeout):
            session.execute(replace(leaving, timeout_s=timeout_s))
        timeout_s *= 2
    tool = int((tmp_path / "ids").read_text().split()[0])
    wait_until(lambda: not is_running(tool))
    session.close()


def test_a_child_whose_parent_died_first_ends_at_once(tmp_path: Path) -> None:
    """A parent that dies before the kernel was told to end its child with it leaves no child.

    Guards comparing the parent with the one from before the fork.
    """
    parent = os.fork()
    if parent == 0:
        mine, guard = os.getpid(), with_parent()
        if os.fork() == 0:
            (tmp_path / "id").write_text(str(os.getpid()))
            while os.getppid() == mine:
                time.sleep(0.001)
            guard()
            time.sleep(60)
        while not (tmp_path / "id").exists() or not (tmp_path / "id").read_text():
            time.sleep(0.001)
        os._exit(0)
    os.waitpid(parent, 0)
    child = int((tmp_path / "id").read_text())
    wait_until(lambda: not is_running(child))


def test_places_of_killed_sessions_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    """The next session that runs something removes what nobody holds, however young; never what is held."""
    root = tmp_path / "scratch"
    living = Scratch(root)
    with living.folder() as held:
        child = os.fork()
        if child == 0:
            with Scratch(root).folder() as left:
                (left / "file").write_text("x")
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        assert len(list(root.iterdir())) == 2
        (root / "old.lock").touch()
        later = Scratch(root)
        with later.folder() as fresh:
            assert {place.name for place in root.iterdir()} == {held.parent.name, fresh.parent.name}
        later.close()
        assert held.is_dir()
    living.close()
    assert list(root.iterdir()) == []


def test_only_what_works_below_a_place_is_killed(tmp_path: Path) -> None:
    """By its HOME: one that lies in the place, not the place itself or one whose name begins alike."""
    homes = {"below": tmp_path / "a" / "b", "itself": tmp_path / "a", "alike": tmp_path / "ab" / "c"}
    started = {
        name: subprocess.Popen(["sleep", "60"], env={**os.environ, "HOME": str(home)}) for name, home in homes.items()
    }
    place = os.fsencode(tmp_path / "a")
    try:
        wait_until(lambda: reaper._is_below(str(started["below"].pid), place))
        assert [reaper._is_below(str(started[name].pid), place) for name in ("itself", "alike")] == [False, False]
        reaper._kill_below(place)
        assert started["below"].wait(PATIENCE_S) == -signal.SIGKILL
        assert not reaper._is_below(str(started["below"].pid), place)
        assert [started[name].poll() for name in ("itself", "alike")] == [None, None]
    finally:
        for process in started.values():
            process.kill()
            process.wait()
