"""Workers copied from a process that has its imports: as isolated as any, errors and deaths told in the same words."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests_support import is_running, wait_until

from tinyflow.core.action import Action, Workspace
from tinyflow.core.errors import ModelError, Timeout, ToolError
from tinyflow.core.forkserver import ForkServer, ForkServers, kind_of


def stage_write(workspace: Workspace) -> None:
    """Where a stage finds itself."""
    print("to the log")
    text = f"{Path.cwd()} {os.environ['HOME']} {os.environ.get('SECRET')} {os.getpid()} {os.getppid()}"
    workspace.outputs["out"].write_text(text)


def stage_refuse(workspace: Workspace) -> None:
    """An error of a user."""
    raise ModelError("no such thing", where="here", hint="there")


def stage_die(workspace: Workspace) -> None:
    """A crash."""
    os.kill(os.getpid(), signal.SIGSEGV)


def stage_hang(workspace: Workspace) -> None:
    """Never ends; leaves its id."""
    workspace.outputs["out"].write_text(str(os.getpid()))
    time.sleep(60)


def _action(function: str) -> Action:
    return Action(stage="stage", title="stage", function=function, outputs=("out",), isolated=True)


def _workspace(folder: Path, timeout_s: float = 20) -> Workspace:
    folder.mkdir()
    return Workspace(
        folder=folder,
        inputs={},
        outputs={"out": folder / "out"},
        parameters={},
        log_path=folder / "log",
        timeout_s=timeout_s,
    )


@pytest.fixture
def fork_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    """With a secret in the environment that no worker must see."""
    monkeypatch.setenv("SECRET", "x")
    made = ForkServer([__name__, "no.such.module"], tmp_path)
    yield made
    made.close()


def test_each_call_is_a_process_in_its_own_folder(fork_server: ForkServer, tmp_path: Path) -> None:
    """Nothing of the user's environment; what it prints is in the log; no process serves twice."""
    seen = []
    for name in ("a", "b"):
        workspace = _workspace(tmp_path / name)
        fork_server.call(_action(f"{__name__}:stage_write"), workspace)
        cwd, home, secret, *processes = workspace.outputs["out"].read_text().split()
        assert (cwd, home, secret) == (str(workspace.folder), str(workspace.folder), "None")
        assert "to the log" in workspace.log_path.read_text()
        seen += processes
    assert len(set(seen)) == 4 and str(os.getpid()) not in seen


def test_errors_and_deaths_are_told(fork_server: ForkServer, tmp_path: Path) -> None:
    """A refusal comes back as it was; a crash is one failed call, and the next one works."""
    with pytest.raises(ModelError) as refusal:
        fork_server.call(_action(f"{__name__}:stage_refuse"), _workspace(tmp_path / "a"))
    assert (refusal.value.what, refusal.value.where, refusal.value.hint) == ("no such thing", "here", "there")
    with pytest.raises(ToolError, match="was killed by SIGSEGV"):
        fork_server.call(_action(f"{__name__}:stage_die"), _workspace(tmp_path / "b"))
    fork_server.call(_action(f"{__name__}:stage_write"), _workspace(tmp_path / "c"))


@pytest.mark.slow
def test_what_takes_too_long_is_killed(fork_server: ForkServer, tmp_path: Path) -> None:
    """And what is running when the session ends."""
    timeout_s = 1.5
    workspace = _workspace(tmp_path / "a", timeout_s)
    while not workspace.outputs["out"].exists():  # on a busy machine it had no time to begin
        timeout_s *= 2
        workspace = _workspace(tmp_path / f"{timeout_s}", timeout_s)
        with pytest.raises(Timeout):
            fork_server.call(_action(f"{__name__}:stage_hang"), workspace)
    wait_until(lambda: not is_running(int(workspace.outputs["out"].read_text())))


@pytest.mark.slow
def test_only_kinds_with_several_actions_are_copied(tmp_path: Path) -> None:
    """The others get a worker of their own; a lazy process imports when it is first asked."""
    one, other = _action(f"{__name__}:stage_write"), replace(_action(f"{__name__}:stage_write"), implementation=("x",))
    fork_servers = ForkServers({kind_of(one): [__name__]}, tmp_path)
    parents = []
    try:
        for name, action in {"a": one, "b": one, "c": other}.items():
            workspace = _workspace(tmp_path / name)
            fork_servers.call(action, workspace)
            parents.append(workspace.log_path.read_text().splitlines()[0])
    finally:
        fork_servers.close()
    assert parents[0] == parents[1] == "$ worker request.pickle"
    assert "tinyflow.core.worker" in parents[2]


@pytest.mark.slow
def test_an_import_that_ends_the_process_is_the_worker_s_affair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be imported beforehand, whatever happens then, keeps no action from its own worker."""
    (tmp_path / "raises.py").write_text("raise ValueError('at import')")
    (tmp_path / "dies.py").write_text("import os; os._exit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    action = _action(f"{__name__}:stage_write")
    for modules in (["raises"], ["dies"]):
        fork_servers = ForkServers({kind_of(action): modules}, tmp_path)
        workspace = _workspace(tmp_path / modules[0])
        workspace.log_path.touch()
        fork_servers.call(action, workspace)
        assert str(workspace.folder) in workspace.outputs["out"].read_text()
        fork_servers.close()
