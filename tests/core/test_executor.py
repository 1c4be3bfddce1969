"""Who runs actions for others: what it asks for, what it refuses, and that nothing of the asking session is needed."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cache_server import serve

from tinyflow.core import digest, worker
from tinyflow.core.action import Action, SourceFile, Workspace
from tinyflow.core.errors import RunError
from tinyflow.core.execute import Session
from tinyflow.core.executor import Executor, Message, Unwanted, request_of, take
from tinyflow.core.inputs import Blobs, is_tree
from tinyflow.core.remote import Remote, parse_address

HERE = __name__


def join(workspace: Workspace) -> None:
    """Write all inputs one behind the other, and who ran this."""
    workspace.progress("joining")
    files = [path for name in sorted(workspace.inputs) for path in _files(workspace.inputs[name])]
    workspace.outputs["joined"].write_text("".join(path.read_text() for path in files))
    (workspace.outputs["tree/"] / "deep").mkdir()
    (workspace.outputs["tree/"] / "deep" / "process").write_text(str(os.getpid()))


def _files(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def refuse(workspace: Workspace) -> None:
    """Fail as a stage fails, with something set aside."""
    workspace.keep_on_failure("seen.bin", b"seen")
    raise RunError("no such thing", hint="try another")


def die(workspace: Workspace) -> None:
    """End as the kernel ends what takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def fill(workspace: Workspace) -> None:
    """Fail as a tool fails whose disk is full."""
    workspace.run(["sh", "-c", "echo out: No space left on device; false"])


def wait(workspace: Workspace) -> None:
    """Start something that takes long, and say so."""
    workspace.progress("waiting")
    workspace.run(["sleep", "60"])


class Asking:
    """A session with two inputs, a file and a tree, and an executor that shares nothing with it."""

    def __init__(self, folder: Path) -> None:
        (folder / "tree" / "deep").mkdir(parents=True)
        (folder / "tree" / "deep" / "b").write_text("b\n")
        (folder / "tree" / "c").write_text("c\n")
        (folder / "a").write_text("a\n")
        self.folder = folder
        self.session = Session(folder / "cache", folder / "state")
        self.executor = self.start()

    def start(self) -> Executor:
        """An executor over the same cache."""
        return Executor(self.folder / "theirs", self.folder / "scratch", 1 << 30)

    def action(self, function: str, *, isolated: bool = False) -> Action:
        """Over both inputs."""
        inputs = {"a": SourceFile(self.folder / "a", "a"), "t/": SourceFile(self.folder / "tree", "t")}
        return Action("stage", function, f"{HERE}:{function}", ("joined", "tree/"), {}, inputs, isolated=isolated)

    def request(self, action: Action) -> Message:
        """As a session makes it."""
        digests = self.session.input_digests(action)
        assert digests is not None
        inputs = {name: (digests[name], is_tree(source)) for name, source in action.inputs.items()}
        return pickle.loads(
            pickle.dumps(request_of("session", action, inputs, self.session.toolset_text(action), (HERE,)))
        )

    def run(
        self, action: Action, check: Callable[[], None] = lambda: None, tell: Callable[[str], None] = lambda text: None
    ) -> Message:
        """What it answers when it has all blobs."""
        request = self.request(action)
        answer = self.executor.run(request, check, tell)
        blobs = Blobs(action, self.session.input_digests(action) or {}, self.session.store)
        while asks := answer.get("asks"):
            answer = self.executor.accept(request["inputs"], blobs.read(asks))
        return answer if answer.keys() != {"asks"} else self.executor.run(request, check, tell)

    def workspace(self, action: Action) -> Workspace:
        """Where its answer goes."""
        folder = self.folder / "workspace"
        folder.mkdir()
        return worker.lay_out(action, folder, None, folder / "progress")


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Asking]:
    """Both, and the end of both."""
    found = Asking(tmp_path)
    yield found
    found.executor.end("session")
    found.session.close()


@pytest.mark.parametrize("isolated", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_inputs_are_asked_for_once_and_outputs_come_back(asking: Asking, isolated: bool) -> None:
    """First the listing of a tree, then its files; the second time nothing is lacking."""
    action = asking.action("join", isolated=isolated)
    told: list[str] = []
    answer = asking.run(action, tell=told.append)
    workspace = asking.workspace(action)
    take(answer, workspace)
    assert workspace.outputs["joined"].read_text() == "a\nc\nb\n"
    assert int((workspace.outputs["tree/"] / "deep" / "process").read_text()) != os.getpid()
    assert asking.executor.counts["asked"] == 4
    assert asking.run(action).keys() >= {"outputs"}
    assert asking.executor.counts["asked"] == 4
    assert asking.executor.counts["hit"] >= 4


@pytest.mark.slow
def test_damage_on_the_way_is_noticed(asking: Asking) -> None:
    """What comes is held against its digest before anything is written."""
    action = asking.action("join")
    answer = asking.run(action)
    name = answer["outputs"]["joined"]
    answer["blobs"][name] += b"!"
    workspace = asking.workspace(action)
    with pytest.raises(ValueError, match="damaged"):
        take(answer, workspace)
    assert not workspace.outputs["joined"].exists()


@pytest.mark.slow
def test_a_refusal_comes_back_as_it_was(asking: Asking) -> None:
    """With its hint, its log and what it set aside; it is no fault of the machine."""
    action = asking.action("refuse", isolated=True)
    answer = asking.run(action)
    workspace = asking.workspace(action)
    with pytest.raises(RunError, match="no such thing") as refused:
        take(answer, workspace)
    assert refused.value.hint == "try another"
    assert (workspace.folder / "aside" / "seen.bin").read_bytes() == b"seen"
    assert "RunError" in workspace.log_path.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("function", "why"), [("die", "was killed by SIGKILL"), ("fill", "No space left on device")])
def test_faults_of_the_machine_are_told_from_refusals(asking: Asking, function: str, why: str) -> None:
    """A process that was killed and a full disk may do better elsewhere."""
    answer = asking.run(asking.action(function))
    assert answer.keys() == {"failed" if function == "die" else "unfit"}
    assert why in next(iter(answer.values()))


def test_another_toolset_is_not_run(asking: Asking) -> None:
    """What differs is told, and nothing runs."""
    request = asking.request(asking.action("join"))
    request["toolset"] = request["toolset"].replace("linux", "plan9")
    (line,) = asking.executor.run(request, lambda: None, print)["differs"]
    assert "environment machine" in line
    assert "plan9" in line
    lacking = asking.request(asking.action("join"))
    lacking["action"]["function"] = "no_such_module:join"
    assert asking.executor.run(lacking, lambda: None, print)["differs"] == [
        "the Python module no_such_module is not installed"
    ]
    other = {**asking.request(asking.action("join")), "protocol": 0}
    assert "it speaks protocol 1, not 0" in asking.executor.run(other, lambda: None, print)["unfit"]
    assert asking.executor.counts["actions"] == 0


@pytest.mark.slow
def test_code_that_is_edited_is_proved_anew(asking: Asking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An executor that lives longer than the code it read doesn't run what it remembers."""
    module = tmp_path / "stage_of_mine.py"
    monkeypatch.syspath_prepend(str(tmp_path))
    for word in ("one", "two"):
        module.write_text(f"def join(workspace):\n    workspace.outputs['joined'].write_text('{word}')\n")
        asking.session.distrust()
        action = replace(asking.action("join"), function="stage_of_mine:join", outputs=("joined",))
        answer = asking.run(action)
        assert answer["blobs"][answer["outputs"]["joined"]] == word.encode()
        time.sleep(0.01)


@pytest.mark.slow
def test_what_nobody_waits_for_is_stopped(asking: Asking) -> None:
    """The process and what it had started end, and the next action runs."""
    told, stop = [], threading.Event()

    def tell(text: str) -> None:
        told.append(text)
        stop.set()

    def check() -> None:
        if stop.is_set():
            raise Unwanted("nobody")

    began_s = time.monotonic()
    assert asking.run(asking.action("wait"), check, tell) == {"unwanted": True}
    assert time.monotonic() - began_s < 20
    assert told == ["waiting"]
    assert asking.executor.running == {}
    assert "outputs" in asking.run(asking.action("join"))


@pytest.mark.slow
def test_a_cache_without_room_keeps_what_was_used_last(asking: Asking) -> None:
    """Beyond its limit the blobs used longest ago go; what is lacking is asked for again."""
    action = asking.action("join")
    asking.run(action)
    asking.executor.end("session")
    small = Executor(asking.folder / "theirs", asking.folder / "scratch2", 3)
    asking.executor = small
    request = asking.request(action)
    until_s = time.monotonic() + 10
    while "asks" not in (answer := small.run(request, lambda: None, print)):
        assert time.monotonic() < until_s
    assert digest.of_bytes(b"a\n") in answer["asks"] or len(answer["asks"]) > 1


def test_the_remote_cache_is_asked_before_the_session(asking: Asking) -> None:
    """What it has, and is that, isn't asked for; a blob that it falsifies is."""
    request = asking.request(asking.action("join"))
    with serve() as server:
        for letter in "abc":
            name = digest.of_bytes(f"{letter}\n".encode()).partition(":")[2]
            server.bodies[f"/cache/cas/{name}"] = b"false" if letter == "b" else f"{letter}\n".encode()
        remote = Remote(parse_address(server.url))
        executor = Executor(asking.folder / "elsewhere", asking.folder / "scratch", 1 << 30, remote)
        listing = digest.tree_listing((name, digest.of_bytes(name[-1:].encode() + b"\n")) for name in ("c", "deep/b"))
        assert executor.lacking(request["inputs"]) == [digest.of_bytes(listing)]
        told = executor.accept(request["inputs"], {digest.of_bytes(listing): listing})
        assert told == {"asks": [digest.of_bytes(b"b\n")]}
        remote.close()
