"""A session: what runs, what is restored, what is recorded, and what survives damage."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tinyflow.core import inputs
from tinyflow.core.action import Action, Output, SourceFile, Workspace
from tinyflow.core.errors import CacheError, RunError, Timeout, ToolError
from tinyflow.core.execute import Session

# Stage functions of the tests; each run leaves a line in the file that TINYFLOW_TEST_RUNS names.


def count_run(workspace: Workspace) -> None:
    """Leave a trace of having run, outside the workspace: what no real stage may do."""
    with Path(workspace.parameters["runs"]).open("a") as runs:
        runs.write(workspace.parameters.get("name", "x") + "\n")


def upper(workspace: Workspace) -> None:
    """Write the input in capitals; a tree output gets two files."""
    count_run(workspace)
    text = workspace.inputs["text"].read_text()
    workspace.outputs["upper"].write_text(text.upper())
    (workspace.outputs["tree/"] / "deep").mkdir()
    (workspace.outputs["tree/"] / "deep" / "a").write_text(text.strip())
    (workspace.outputs["tree/"] / "b").write_text("b")


def letters(workspace: Workspace) -> None:
    """Write how many letters the inputs have."""
    count_run(workspace)
    total = len(workspace.inputs["upper"].read_text()) + len((workspace.inputs["tree/"] / "deep" / "a").read_text())
    workspace.outputs["count"].write_text(str(total))


def refuse(workspace: Workspace) -> None:
    """Fail as a stage fails on bad input."""
    workspace.log("before the end")
    raise RunError("no such thing", hint="try another")


def crash(workspace: Workspace) -> None:
    """Die as native code dies."""
    os.abort()


def sleep(workspace: Workspace) -> None:
    """Outlast every limit."""
    workspace.run(["sleep", "60"])


def leak(workspace: Workspace) -> None:
    """Write the folder and the environment that the stage sees."""
    workspace.outputs["seen"].write_text("\n".join(f"{k}" for k in sorted(os.environ)))
    workspace.run(["sh", "-c", "env | cut -d= -f1 | sort"])


class Chain:
    """Two actions, `upper` then `letters`, over one source file."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "text"
        self.source.write_text("hello\n")
        self.runs = folder / "runs"
        self.runs.touch()

    def actions(self, isolated: bool = False, **more: object) -> list[Action]:
        """The actions, made anew as every command makes them."""
        first = Action(
            stage="upper",
            title="upper",
            function=f"{__name__}:upper",
            outputs=("upper", "tree/"),
            parameters={"runs": str(self.runs), "name": "upper", **more},
            inputs={"text": SourceFile(self.source, "text")},
            isolated=isolated,
        )
        second = Action(
            stage="letters",
            title="letters",
            function=f"{__name__}:letters",
            outputs=("count",),
            parameters={"runs": str(self.runs), "name": "letters"},
            inputs={"upper": first.output("upper"), "tree/": first.output("tree/")},
        )
        return [first, second]

    def ran(self) -> list[str]:
        """The stages that ran since the last look."""
        names = self.runs.read_text().split()
        self.runs.write_text("")
        return names


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """The chain in this test's folder."""
    return Chain(tmp_path)


def execute_all(session: Session, actions: list[Action]) -> list[str]:
    """Execute in order; the outcomes."""
    return [session.execute(action).outcome for action in actions]


def again(session: Session, tmp_path: Path, cache: str = "cache", state: str = "state") -> Session:
    """Another session, as another command would open it."""
    session.close()
    return Session(tmp_path / cache, tmp_path / state)


@pytest.mark.parametrize("isolated", [False, True])
def test_first_time_everything_is_built(session: Session, chain: Chain, isolated: bool) -> None:
    """An empty cache: each action runs once and its outputs are what its function wrote."""
    first, second = chain.actions(isolated)
    assert execute_all(session, [first, second]) == ["built", "built"]
    assert session.output_path(second, "count").read_text() == "11"


def test_second_time_nothing_runs(session: Session, chain: Chain, tmp_path: Path) -> None:
    """Another session over the same state: all up to date, nothing ran."""
    execute_all(session, chain.actions())
    chain.ran()
    session = again(session, tmp_path)
    assert execute_all(session, chain.actions()) == ["up to date", "up to date"]
    assert chain.ran() == []


def test_other_checkout_gets_hits(session: Session, chain: Chain, tmp_path: Path) -> None:
    """Another state folder over the same cache: all restored, nothing ran."""
    execute_all(session, chain.actions())
    chain.ran()
    session = again(session, tmp_path, state="other")
    assert execute_all(session, chain.actions()) == ["hit", "hit"]
    assert chain.ran() == []


def test_touch_runs_nothing(session: Session, chain: Chain, tmp_path: Path) -> None:
    """A new time stamp on the same bytes is not a change."""
    execute_all(session, chain.actions())
    chain.ran()
    os.utime(chain.source, (1, 1))
    session = again(session, tmp_path)
    assert execute_all(session, chain.actions()) == ["up to date", "up to date"]


def test_edit_with_old_time_stamp_is_seen(session: Session, chain: Chain, tmp_path: Path) -> None:
    """Content decides, not time: same size and a time set back don't hide an edit."""
    execute_all(session, chain.actions())
    stamp = chain.source.stat()
    chain.source.write_text("jello\n")
    os.utime(chain.source, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    session = again(session, tmp_path)
    first, second = chain.actions()
    execute_all(session, [first, second])
    assert session.output_path(first, "upper").read_text() == "JELLO\n"


def test_input_edited_while_it_is_copied_is_read_again(
    session: Session, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its digest and its copy a file may change: what is built is of one text, and so is its key."""
    copy, texts = inputs._copy_source, ["jello\n", "cello\n"]

    def edit_first(source: Path, target: Path) -> str:
        if texts:
            source.write_text(texts.pop())
        return copy(source, target)

    monkeypatch.setattr(inputs, "_copy_source", edit_first)
    first, _ = chain.actions()
    assert session.execute(first).outcome == "built"
    assert session.output_path(first, "upper").read_text() == "JELLO\n"
    for text in ("hello\n", "cello\n", "jello\n"):
        chain.source.write_text(text)
        session = again(session, tmp_path)
        assert session.check(first).state == ("up to date" if text == "jello\n" else "run")
    texts[:] = ["a", "b", "c", "d"]
    chain.source.write_text("never the same\n")
    with pytest.raises(CacheError, match="the inputs of upper changed or vanished 3 times"):
        again(session, tmp_path).execute(first)


def test_early_cutoff(session: Session, chain: Chain, tmp_path: Path) -> None:
    """An action that ran again and made the same bytes lets nothing after it run."""
    execute_all(session, chain.actions())
    chain.ran()
    session = again(session, tmp_path)
    chain.source.write_text("HELLO\n")
    first, second = chain.actions()
    session.execute(first)
    chain.source.write_text("hello\n")
    session = again(session, tmp_path)
    session.execute(first)
    assert session.execute(second).outcome == "up to date"
    assert chain.ran() == ["upper"]


def test_back_to_an_earlier_state_is_a_hit(session: Session, chain: Chain, tmp_path: Path) -> None:
    """A → B → A restores A's result."""
    execute_all(session, chain.actions())
    chain.source.write_text("other\n")
    session = again(session, tmp_path)
    execute_all(session, chain.actions())
    chain.source.write_text("hello\n")
    session = again(session, tmp_path)
    assert execute_all(session, chain.actions()) == ["hit", "hit"]


@pytest.mark.parametrize("harm", ["flip", "truncate", "remove"])
def test_damaged_blob_is_never_used(session: Session, chain: Chain, tmp_path: Path, harm: str) -> None:
    """A blob that changed on disk is found when it is needed, and made again by its action."""
    first, second = chain.actions()
    session.execute(first)
    blob = session.output_path(first, "upper")
    blob.chmod(0o644)
    if harm == "flip":
        blob.write_bytes(b"\x00" + blob.read_bytes()[1:])
    elif harm == "truncate":
        blob.write_bytes(blob.read_bytes()[:2])
    else:
        blob.unlink()
    chain.ran()
    session = again(session, tmp_path)
    first, second = chain.actions()
    execute_all(session, [first, second])
    assert session.output_path(second, "count").read_text() == "11"
    assert chain.ran() == ["upper", "letters"]


def test_damaged_result_is_a_miss(session: Session, chain: Chain, tmp_path: Path) -> None:
    """A flipped bit in a result makes the action run again, and says so."""
    first, _ = chain.actions()
    session.execute(first)
    [result] = (path for path in (tmp_path / "cache" / "results").rglob("*") if path.is_file())
    result.chmod(0o644)
    data = bytearray(result.read_bytes())
    data[len(data) // 2] ^= 1
    result.write_bytes(data)
    session.close()
    said: list[str] = []
    session = Session(tmp_path / "cache", tmp_path / "other", said.append)
    assert session.execute(first).outcome == "built"
    assert "damaged" in said[0]
    session.close()


def test_damaged_records_cost_only_a_look(session: Session, chain: Chain, tmp_path: Path) -> None:
    """Without its records a checkout finds everything in the cache."""
    execute_all(session, chain.actions())
    session.close()
    (tmp_path / "state" / "state.sqlite3").write_bytes(
        b"not a database, but long enough to look like a damaged one" * 99
    )
    session = Session(tmp_path / "cache", tmp_path / "state")
    assert execute_all(session, chain.actions()) == ["hit", "hit"]
    session.close()


@pytest.mark.parametrize("isolated", [False, True])
def test_refusal_crosses_the_worker(session: Session, tmp_path: Path, isolated: bool) -> None:
    """A stage's own error arrives whole, with its place filled in and its log kept; nothing is stored."""
    action = Action(stage="refuse", title="the bench", function=f"{__name__}:refuse", outputs=("x",), isolated=isolated)
    with pytest.raises(RunError) as caught:
        session.execute(action)
    assert str(caught.value) == "the bench: no such thing\n  try another"
    assert caught.value.log_path is not None
    assert "before the end" in caught.value.log_path.read_text()
    assert session.check(action).state == "run"


def test_crash_is_one_failed_action(session: Session) -> None:
    """Native code that aborts takes its worker with it and nothing else."""
    action = Action(stage="crash", title="c", function=f"{__name__}:crash", outputs=("x",), isolated=True)
    with pytest.raises(ToolError, match="killed by SIGABRT"):
        session.execute(action)


@pytest.mark.parametrize("isolated", [False, True])
def test_time_limit(session: Session, isolated: bool) -> None:
    """An action that does not end is ended, with its children."""
    action = Action(
        stage="sleep", title="s", function=f"{__name__}:sleep", outputs=("x",), isolated=isolated, timeout_s=0.3
    )
    started = time.monotonic()
    with pytest.raises(Timeout, match=r"didn't end within 0\.3 s"):
        session.execute(action)
    assert time.monotonic() - started < 10


def test_tools_see_no_variable_of_the_user(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of actions is fixed."""
    monkeypatch.setenv("CFLAGS", "-Ofast")
    action = Action(stage="leak", title="l", function=f"{__name__}:leak", outputs=("seen",), isolated=True)
    session.execute(action)
    assert "CFLAGS" not in session.output_path(action, "seen").read_text()


def test_workers_find_the_way_to_the_network(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy a download, whose content a digest pins, is possible; compilers learn nothing of it."""
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    action = Action(stage="leak", title="l", function=f"{__name__}:leak", outputs=("seen",), isolated=True)
    session.execute(action)
    record = session.records.get(action.id)
    assert record is not None
    assert "https_proxy" in session.output_path(action, "seen").read_text()
    [_, tool] = (session.store.read(record.log) or b"").decode().split("$ sh", 1)
    assert "https_proxy" not in tool


def test_verdicts_say_why(session: Session, chain: Chain, tmp_path: Path) -> None:
    """Before running: what would run, and which fact changed."""
    first, second = chain.actions()
    assert session.check(first).reasons == ("never made here",)
    assert session.check(second).state == "waiting for inputs"
    execute_all(session, [first, second])
    session = again(session, tmp_path)
    [changed, _] = chain.actions(level=3)
    verdict = session.check(changed)
    assert (verdict.state, verdict.reasons) == ("run", ("parameter level: new, 3",))


def test_explain_speaks_afterwards(session: Session, chain: Chain, tmp_path: Path) -> None:
    """Once built, explain still tells which fact had changed."""
    execute_all(session, chain.actions())
    chain.source.write_text("changed\n")
    session = again(session, tmp_path)
    first, second = chain.actions()
    execute_all(session, [first, second])
    lines = session.explain(first)
    assert lines[0].startswith("up to date; last built")
    assert lines[2].startswith("input text: sha256:")


def test_unknown_output_is_a_mistake_of_the_planner(chain: Chain) -> None:
    """Naming an output that an action has not fails at once."""
    first, _ = chain.actions()
    with pytest.raises(KeyError, match="has no output"):
        first.output("nothing")
    assert isinstance(first.output("upper"), Output)
