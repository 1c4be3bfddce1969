"""Parts of commands that run benches again and again: what is watched and told, what runs, which layer is wrong."""

from __future__ import annotations

import io
import json
import re
import signal
import time
from collections.abc import Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import tinyflow
from tinyflow.core import process
from tinyflow.core.action import Action, SourceFile, Tool, Workspace
from tinyflow.core.errors import ModelError, RunError, Timeout, ToolError, ValidationError
from tinyflow.core.execute import Outcome, Session
from tinyflow.core.forkserver import kind_of
from tinyflow.flow import version
from tinyflow.flow.planning.plan import BenchPlan
from tinyflow.flow.publishing import revision
from tinyflow.flow.session import display, layer_bisection, parallel_runner, preimports, signals
from tinyflow.flow.session.null_database import MemoryDB
from tinyflow.flow.session.watched_files import Watched, tell

FAILED = {"refused": RunError("no")}


def step(workspace: Workspace) -> None:
    """Write what the parameters say, or fail."""
    if workspace.parameters["name"] in FAILED:
        raise FAILED[workspace.parameters["name"]]
    workspace.outputs["row.json"].write_text(json.dumps(workspace.parameters))


def action(name: str, *before: Action, sources: tuple[Path, ...] = (), **more: Any) -> Action:
    """One step behind others."""
    inputs: dict[str, Any] = {f"in{index}": other.output("row.json") for index, other in enumerate(before)}
    inputs |= {f"source{index}": SourceFile(path, path.name) for index, path in enumerate(sources)}
    values: dict[str, Any] = {"stage": "s", "function": f"{__name__}:step", "outputs": ("row.json",), **more}
    return Action(title=name, parameters={"name": name}, inputs=inputs, **values)


def plan(*actions: Action) -> BenchPlan:
    """A bench of these."""
    return BenchPlan("net", cast(Any, None), actions[-1], actions)


# Watching


def test_files_and_folders_that_matter_are_watched(tmp_path: Path) -> None:
    """A source, everything below a folder of headers or recipes, and nothing else; saves are seen by time."""
    for name in ("src/a.c", "src/b.c", "headers/deep/h.h", "recipes/models/m.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    one = action("x", sources=(tmp_path / "src" / "a.c", tmp_path / "headers"))
    watched = Watched.of([plan(one), plan(one)], [tmp_path / "recipes", tmp_path / "gone"])
    assert watched.files == {tmp_path / "src" / "a.c"}
    assert watched.folders == {tmp_path / "headers", tmp_path / "recipes"}
    assert watched.roots == sorted(tmp_path / name for name in ("headers", "recipes", "src"))
    inner = Watched(frozenset({tmp_path / "headers" / "deep" / "h.h"}), frozenset({tmp_path / "headers"}))
    assert inner.roots == [tmp_path / "headers"]
    concerned = {name: watched.concerns(tmp_path / name) for name in ("src/a.c", "src/b.c", "headers/new.h", "x")}
    assert concerned == {"src/a.c": True, "src/b.c": False, "headers/new.h": True, "x": False}
    assert watched.concerns(tmp_path / "recipes" / "models" / "other.yaml") and not watched.concerns(
        tmp_path / "recipes"
    )
    before = watched.state()
    assert before.keys() == watched.files and None not in before.values()
    assert watched.state() == before
    (tmp_path / "src" / "a.c").unlink()
    assert watched.state() == {tmp_path / "src" / "a.c": None}


def test_a_row_is_told_by_what_changed() -> None:
    """All of it the first time; then old and new with percent; nothing measured is not told."""
    first = {"metrics": {"invoke_instructions": 2000, "setup_instructions": 0, "rom_bytes": 400}}
    assert tell(None, first) == "invoke instructions 2,000, set-up instructions 0, ROM bytes 400"
    assert tell(first, first) == "all as before"
    second = {"metrics": {"invoke_instructions": 2100, "setup_instructions": 5, "rom_bytes": 400, "ram_bytes": 7}}
    assert tell(first, second) == "invoke instructions 2,000 → 2,100 (+5.00%), set-up instructions 0 → 5, RAM bytes 7"
    assert tell(second, {"metrics": {"rom_bytes": 300}}) == "ROM bytes 400 → 300 (-25.00%)"
    assert tell(None, {"metrics": {}}) == "all as before"


def test_a_row_is_read_and_modules_are_known_beforehand(session: Session) -> None:
    """Of isolated runs alone: the stage, what implements it, and what of its tools takes long to import."""
    one = action("x")
    session.execute(one)
    assert session.read_json(plan(one).final, "row.json") == {"name": "x"}
    tools = (Tool("package", "unicorn"), Tool("package", "pyelftools"), Tool("binary", "sh"))
    more: dict[str, Any] = {"tools": tools, "implementation": ("a.b", "c.d")}
    runs = [
        action("r", stage="run", isolated=True, **more),
        action("q", stage="run", isolated=True),
        action("g", stage="generate", isolated=True, implementation=("no",)),
        action("l", stage="run", implementation=("neither",)),
    ]
    modules = [
        *(__name__, "a.b", "c.d", "unicorn", "unicorn.arm_const", "unicorn.riscv_const", "elftools.elf.elffile"),
        *("a.b.backend", "c.d.backend"),
    ]
    assert preimports.modules_of(runs[0]) == modules
    assert preimports.of_many(runs) == {}
    alike = [*runs, *runs[:1] * (preimports.SEVERAL - 1)]
    assert preimports.of_many(alike) == {kind_of(runs[0]): modules}


# Several at once


def test_a_gang_runs_what_is_stale_and_leaves_out_what_waits_for_a_failure(session: Session) -> None:
    """Each is heard of once, after those that it waits for; what is up to date is not run again."""
    first, alone = action("first"), action("alone")
    bad = action("refused", first)
    behind, last = action("behind", bad), action("last", first, alone)
    further = action("further", behind)
    session.execute(alone)
    heard: list[tuple[str, str]] = []
    actions = [first, alone, bad, behind, last, further]
    parallel_runner.run(actions, session, lambda one, end: heard.append((one.title, getattr(end, "outcome", str(end)))))
    assert sorted(heard) == [("first", "built"), ("last", "built"), ("refused", "refused: no")]
    assert heard[0] == ("first", "built")
    heard.clear()
    parallel_runner.run([first, alone, last], session, lambda one, end: heard.append((one.title, "")))
    assert heard == []


def test_an_interruption_stops_the_gang(session: Session) -> None:
    """Children are killed, nothing more is begun, and it goes on to whoever called."""
    begun: list[str] = []

    def done(one: Action, end: Outcome | Exception) -> None:
        begun.append(one.title)
        raise KeyboardInterrupt

    first = action("first")
    try:
        with pytest.raises(KeyboardInterrupt):
            parallel_runner.run([first, action("second", first)], session, done)
        assert begun == ["first"] and process._is_cancelled.is_set()
    finally:
        process._is_cancelled.clear()
    assert not process._is_cancelled.is_set()


# The wrong layer


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8])
def test_the_first_wrong_layer_is_found_by_halving(count: int) -> None:
    """Whichever it is, with its own error, in few tries; none where all are right."""
    for wrong in range(count):
        tried: list[int] = []
        said: list[str] = []

        def attempt(actions: Collection[Action], tried: list[int] = tried, wrong: int = wrong) -> Exception | None:
            [last] = actions
            tried.append(int(last.title))
            return ValidationError(f"up to {last.title}", where="here") if tried[-1] >= wrong else None

        found = layer_bisection.find(count, lambda last: plan(action(str(last))), attempt, said.append)
        assert found is not None and found.layer == wrong
        assert found.error.what == f"up to {wrong}"
        assert tried[0] == count - 1 and len(tried) <= 1 + count.bit_length()
        assert said == [f"layers 0 to {last}: {'wrong' if last >= wrong else 'right'}" for last in tried[1:]]
    assert layer_bisection.find(count, lambda last: plan(action(str(last))), lambda actions: None) is None


def test_what_has_nothing_to_do_with_layers_is_raised() -> None:
    """A compiler's complaint, a bad model; faults and endless calls are layers'."""
    for error in (ToolError("cc"), ModelError("bad")):
        with pytest.raises(type(error)):
            layer_bisection.find(3, lambda last: plan(action(str(last))), lambda actions, error=error: error)
    for kind in (RunError, Timeout, ValidationError):
        assert (
            layer_bisection.find(1, lambda last: plan(action(str(last))), lambda actions, kind=kind: kind("x"))
            is not None
        )


def test_a_culprit_is_told_with_its_kernels() -> None:
    """A wrong value by its place, a fault by where and what; functions once each."""
    layer = {"operator": "ADD", "functions": ["add", "clip", "add"]}
    value = layer_bisection.WrongLayer(2, ValidationError("2 samples differ", where="sample 0: expected 1, got 2"))
    assert value.lines(layer) == ["layer 2 ADD (add, clip)", "  sample 0: expected 1, got 2"]
    fault = layer_bisection.WrongLayer(0, RunError("reads nothing", where="add+0x4"))
    assert fault.lines({"operator": "ADD"}) == ["layer 0 ADD", "  add+0x4: reads nothing"]
    assert layer_bisection.WrongLayer(0, Timeout("too long")).lines(layer)[1] == "  too long"


# Which version


def test_the_version_names_commit_place_and_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the build recorded precedes what git says; packages that decide results, as far as they are here."""
    monkeypatch.setattr(version, "data_folder", lambda: tmp_path)
    assert version.source_revision() == (None, False)
    assert version.describe()[0] == f"tinyflow {tinyflow.__version__} (of no known commit)"
    monkeypatch.setattr(version, "Checkout", lambda folder: SimpleNamespace(began=("asked", folder == tmp_path)))
    (tmp_path / ".git").touch()
    assert version.source_revision() == ("asked", True)
    (tmp_path / "provenance.json").write_text('{"commit": "abc", "is_dirty": false}')
    first, place, packages = version.describe()
    assert first == f"tinyflow {tinyflow.__version__} (commit abc)"
    (tmp_path / "provenance.json").write_text('{"commit": "abc", "is_dirty": true}')
    assert version.describe()[0].endswith("(commit abc, modified)")
    assert place == f"in {Path(tinyflow.__file__).parent}"
    named = [part.split()[0] for part in packages.split(", ")]
    assert named[0] == "Python" and named[1:4] == ["doit", "apache-tvm", "ziglang"]
    assert version.installed_version("no-such-thing") is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, (None, False)),
        ("", (None, False)),
        ("# branch.oid (initial)\n# branch.head main", (None, False)),
        ("# branch.oid abc\n# branch.head main", ("abc", False)),
        ("# branch.oid abc\n# branch.head main\n1 .M N... 100644 a.c", ("abc", True)),
    ],
)
def test_what_git_says_of_a_checkout(said: str | None, expected: tuple[str | None, bool]) -> None:
    """The commit, and whether a file differs."""
    assert revision._parse(said) == expected


def test_git_is_only_asked_where_there_is_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a name that looks like an option is never handed to it."""
    asked: list[list[str]] = []
    monkeypatch.setattr(revision.subprocess, "Popen", lambda words, **_: asked.append(words) or SimpleNamespace())
    assert revision._start(tmp_path) is None and asked == []
    assert revision.resolve_revision(tmp_path, "--output=x") is None
    assert revision.ancestors(tmp_path, "abc") == frozenset()
    (tmp_path / ".git").mkdir()
    (tmp_path / "deep").mkdir()
    assert revision._start(tmp_path / "deep", ("rev-list", "abc")) is not None
    assert asked == [["git", "-C", str(tmp_path / "deep"), "rev-list", "abc"]]
    assert revision.resolve_revision(tmp_path, "--output=x") is None and len(asked) == 1
    revision._start(tmp_path)
    assert asked[1][3:6] == ["--no-optional-locks", "status", "--porcelain=v2"]
    assert {":(exclude)build", ":(exclude)cache", ":(exclude)history", ":(exclude)baselines"} <= set(asked[1])


# Signals


def test_one_signal_interrupts_and_the_next_ones_are_ignored() -> None:
    """Ctrl-C, termination and hang-up alike; what was ignored before stays so, and all is as before in the end."""
    stops = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in stops]
    for number in stops:
        with pytest.raises(KeyboardInterrupt), signals.stoppable():
            try:
                signal.raise_signal(number)
            finally:
                assert [signal.getsignal(other) for other in stops] == [signal.SIG_IGN] * 3
        assert [signal.getsignal(other) for other in stops] == before
    with signals.unstoppable():
        for number in stops:
            signal.raise_signal(number)
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals.stoppable():
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) != before[1]
    signal.signal(signal.SIGHUP, ignored)


# What moves


def test_what_is_said_stays_above_what_moves() -> None:
    """Lines of what ended and what else there is to say; the counts name every state that there was."""
    one, two, three = action("one"), action("two"), action("three")
    stream = io.StringIO()
    told = {one.id: "", two.id: "3 of 4"}
    shown = display.LiveDisplay(stream, list, time.monotonic() - 12, lambda each: told[each.id])
    shown.expect([one, two, three])
    shown.started(one)
    shown.started(two)
    assert [text for _, text in shown.told()] == ["two: 3 of 4"]
    shown.ended(one, "built", ["built   one"])
    shown.ended(three, "up to date", [])
    shown.print_lines(["something", "[else]"])
    summary = shown.summary(1)
    shown.close()
    assert re.fullmatch(r"2/3 · 1 running · 1 built · 1 up to date · 1\d\.\d s", summary)
    assert "built   one\n" in stream.getvalue() and "something\n[else]\n" in stream.getvalue()
    rounded = {1: "5 s", 7: "5 s", 8: "10 s", 42: "40 s", 89: "90 s", 90: "2 min", 200: "3 min"}
    assert {seconds: display._round(seconds) for seconds in rounded} == rounded


def test_what_doit_knows_of_tasks_is_forgotten() -> None:
    """Facts of a task for one process; `remove_all` and an end leave nothing."""
    facts = MemoryDB("name", object())
    facts.set("task", "a", 1)
    facts.set("task", "b", 2)
    facts.set("other", "a", 3)
    assert [facts.get("task", "a"), facts.get("task", "b"), facts.get("task", "c"), facts.get("none", "a")] == [
        *(1, 2, None, None)
    ]
    facts.dump()
    facts.remove("task")
    facts.remove("task")
    assert (facts.in_("task"), facts.in_("other"), facts.name) == (False, True, "name")
    facts.remove_all()
    assert not facts.in_("other")
