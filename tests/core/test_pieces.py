"""Small parts of a session: workspaces, folders to run in, locks, kept parts, tools and how they end."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path

import pytest

from tinyflow.core import digest, lock, process
from tinyflow.core.action import ASIDE_FOLDER, LOCAL_MARK, Action, SourceFile, Tool, Workspace, canonical, in_order
from tinyflow.core.errors import CacheError, RecipeError, RunError, Timeout, TinyflowError, ToolError, UsageError
from tinyflow.core.partial_results import PartialResults
from tinyflow.core.records import Record, Records
from tinyflow.core.scratch import Scratch

LOG = digest.of_bytes(b"")


def work(folder: Path, **more: object) -> Workspace:
    """A workspace of this folder."""
    folder.mkdir(exist_ok=True)
    (folder / "log").touch()
    return Workspace(folder, {}, {}, {}, folder / "log", 20.0, **more)  # type: ignore[arg-type]


# Actions and workspaces


def test_what_a_stage_says_goes_where_it_belongs(tmp_path: Path) -> None:
    """To the log, to whoever looks on, aside for a failure, and that its outputs are nobody else's."""
    made = work(tmp_path / "w", progress_path=tmp_path / "deep" / "progress")
    made.log("one")
    made.progress("2 of 3")
    assert (tmp_path / "w" / "log").read_text() == "one\n2 of 3\n"
    assert (tmp_path / "deep" / "progress").read_text() == "2 of 3"
    made.progress("3 of 3")
    assert [path.read_text() for path in (tmp_path / "deep").iterdir()] == ["3 of 3"]
    work(tmp_path / "v").progress("nobody looks")
    made.keep_on_failure("a", b"1")
    made.keep_on_failure("b", b"2")
    assert (tmp_path / "w" / ASIDE_FOLDER / "b").read_bytes() == b"2"
    assert not (tmp_path / "w" / LOCAL_MARK).exists()
    made.keep_local()
    assert (tmp_path / "w" / LOCAL_MARK).exists()


def test_tools_learn_no_place(tmp_path: Path) -> None:
    """Paths below the folder are relative to it, others are whole; extra variables reach the tool."""
    made = work(tmp_path / "w")
    said = made.run(
        ["sh", "-c", 'echo "$0 $1 $EXTRA"; pwd', made.folder / "in" / "x", tmp_path / "out"], environment={"EXTRA": "e"}
    )
    assert said == f"in/x {tmp_path}/out e\n{made.folder}\n"
    log = made.log_path.read_text()
    assert log == f'$ sh -c echo "$0 $1 $EXTRA"; pwd in/x {tmp_path}/out\n{said}'


def action(name: str, *before: Action, **more: object) -> Action:
    """One behind others."""
    inputs = {f"in{index}": other.output("o") for index, other in enumerate(before)}
    fields: dict[str, object] = {"outputs": ("o",), "inputs": inputs, "parameters": {"name": name}, **more}
    return Action("s", name, "m:f", **fields)  # type: ignore[arg-type]


def test_everything_in_an_action_but_titles_and_limits_is_in_its_id(tmp_path: Path) -> None:
    """Each field, input and tool by itself."""
    other = action("other", outputs=("o", "p"))
    plain = action("x", inputs={"a": SourceFile(tmp_path, "n"), "b": other.output("o")})
    changes: list[dict[str, object]] = [
        {"parameters": {"name": "y"}},
        {"outputs": ("o", "q")},
        {"outputs": ("q",)},
        {"implementation": ("m",)},
        {"implementation": ("m", "n")},
        {"tools": (Tool("package", "t"),)},
        {"tools": (Tool("binary", "t"),)},
        {"tools": (Tool("package", "u"),)},
        {"inputs": {"a": SourceFile(tmp_path, "other"), "b": other.output("o")}},
        {"inputs": {"c": SourceFile(tmp_path, "n"), "b": other.output("o")}},
        {"inputs": {"a": SourceFile(tmp_path, "n"), "b": other.output("p")}},
        {"inputs": {"a": SourceFile(tmp_path, "n"), "b": action("third").output("o")}},
        {"inputs": {"a": SourceFile(tmp_path, "n")}},
    ]
    made = [action("x", **{"inputs": plain.inputs, **change}) for change in changes]
    ids = {plain.id, Action("t", "x", "m:f", ("o",), {"name": "x"}, plain.inputs).id}
    ids |= {Action("s", "x", "m:g", ("o",), {"name": "x"}, plain.inputs).id, *(one.id for one in made)}
    assert len(ids) == 3 + len(changes)
    same = action("x", inputs=plain.inputs, timeout_s=1.0, isolated=True, tools=())
    assert same.id == plain.id and len(plain.id) == 64
    hinted = [action("x", tools=(Tool("package", "t", hint),)).id for hint in ("", "install it")]
    assert hinted[0] == hinted[1]
    two = [action("x", implementation=names).id for names in (("a", "b"), ("b", "a"))]
    assert two[0] == two[1]


def test_actions_stand_behind_what_they_wait_for() -> None:
    """Each once; dependencies in the order of inputs."""
    first, second = action("1"), action("2")
    third = action("3", second, first, second)
    last = action("4", third, first)
    assert third.dependencies == (second, first)
    assert list(in_order([last, first]).values()) == [second, first, third, last]
    assert canonical({"b": [1, 2.5, None, True], "a": "ü"}) == '{"a":"ü","b":[1,2.5,null,true]}'
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical(float("nan"))


# Errors


def test_an_error_says_where_what_and_what_to_do() -> None:
    """In two lines and more; each kind has its exit status; all of it crosses a process."""
    import pickle

    error = ToolError("failed", where="x.c", hint="a\nb", command=("cc", "x.c"), status=2, log="l")
    assert str(error) == "x.c: failed\n  a\n  b"
    assert str(RunError("alone")) == "alone" and str(RunError("w", where="p")) == "p: w"
    error.layer, error.about, error.refused = 3, ("o",), ("-f",)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is ToolError and again.__dict__ == error.__dict__ and str(again) == str(error)
    statuses = {TinyflowError: 1, UsageError: 2, RecipeError: 2, CacheError: 3, Timeout: 1, ToolError: 1}
    assert {kind: kind("x").exit_status for kind in statuses} == statuses
    assert ToolError("x", missing=True).exit_status == 3
    assert process.Cancelled("x").exit_status == 130


# Folders to run in


def test_a_folder_is_fresh_and_gone_afterwards(tmp_path: Path) -> None:
    """Also after an error; the session's place goes with the session, and one that was never used made none."""
    made = Scratch(tmp_path / "s")
    made.close()
    assert not (tmp_path / "s").exists()
    with made.folder() as one, made.folder() as two:
        assert one != two and list(one.iterdir()) == [] and one.parent == two.parent
        (one / "x").touch()
    assert not one.exists() and not two.exists()
    with pytest.raises(KeyError), made.folder() as three:
        raise KeyError
    assert not three.exists()
    made.close()
    assert list((tmp_path / "s").iterdir()) == []
    with made.folder() as four:
        assert four.is_dir()
    made.close()


def test_only_what_nobody_holds_is_cleared(tmp_path: Path) -> None:
    """The place of a living session stays; that of a killed one goes with its mark."""
    living, dead = Scratch(tmp_path), tmp_path / "dead"
    with living.folder() as held:
        (dead / "deep").mkdir(parents=True)
        (tmp_path / "dead.lock").touch()
        other = Scratch(tmp_path)
        with other.folder():
            assert held.exists() and not dead.exists() and not (tmp_path / "dead.lock").exists()
        other.close()
        assert held.exists()
    living.close()


# Locks and parts


def test_a_lock_is_held_by_one_and_leaves_nothing(tmp_path: Path) -> None:
    """Who waits asks now and then whether to go on; another name is another lock."""
    path = tmp_path / "deep" / "lock"
    asked: list[int] = []

    class Enough(Exception):
        """What the check raises."""

    def check() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise Enough

    with lock.hold(path):
        assert path.exists()
        with pytest.raises(Enough), lock.hold(path, check):
            raise AssertionError("two hold it")
        with lock.hold(tmp_path / "other"):
            assert (tmp_path / "other").exists()
    assert len(asked) == 3 and not path.exists() and not (tmp_path / "other").exists()
    with lock.hold(path, check):
        assert len(asked) == 3


def test_threads_take_turns(tmp_path: Path) -> None:
    """However the file is removed and made again between."""
    inside, most = 0, 0

    def turn() -> None:
        nonlocal inside, most
        for _ in range(5):
            with lock.hold(tmp_path / "lock"):
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                inside -= 1

    threads = [threading.Thread(target=turn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)


def test_a_part_is_found_by_its_text_and_maker(tmp_path: Path) -> None:
    """In the cache that all share; a damaged one is none; one at a time makes it."""
    parts = PartialResults(tmp_path / "cache", None, "maker")
    assert parts.get("text") is None
    with parts.hold("text"):
        parts.put("text", b"content", 1.23456)
        with parts.hold("another"):
            pass
    assert PartialResults(tmp_path / "cache", None, "maker").get("text") == b"content"
    assert parts.get("other") is None and PartialResults(tmp_path / "cache", None, "another").get("text") is None
    [result] = (tmp_path / "cache" / "results").glob("*/*")
    assert b"part text" in result.read_bytes() and b'"duration_s": 1.235' in result.read_bytes()
    for blob in (tmp_path / "cache" / "cas").glob("*/*"):
        blob.chmod(0o600)
        blob.write_bytes(b"damaged")
    assert parts.get("text") is None


# Tools


def run(folder: Path, *command: str, timeout_s: float = 20, **more: object) -> str:
    """Run a tool in a folder with a log."""
    log = folder / "log"
    return process.run_tool(command, folder=folder, log_path=log, timeout_s=timeout_s, **more)  # type: ignore[arg-type]


def test_a_tool_gets_a_short_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for all, but for the path; our own workers also learn where modules lie and the way to the network."""
    for name, value in {"CFLAGS": "-O9", "HTTPS_PROXY": "http://p:1", "SSL_CERT_FILE": "/c", "LC_ALL": "tr_TR"}.items():
        monkeypatch.setenv(name, value)

    def seen(**more: object) -> dict[str, str]:
        lines = run(tmp_path, "env", **more).splitlines()
        return dict(line.split("=", 1) for line in lines if not line.startswith(("_=", "PWD=", "SHLVL=")))

    fixed = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "LANG": "C.UTF-8", "TZ": "UTC", "SOURCE_DATE_EPOCH": "0"}
    fixed |= {
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    fixed["PATH"] = os.environ["PATH"]
    assert seen() == fixed
    assert seen(environment={"ONE": "1", "TZ": "X"}) == {**fixed, "ONE": "1", "TZ": "X"}
    own = seen(is_own=True)
    assert own.items() >= fixed.items() and own["HTTPS_PROXY"] == "http://p:1" and own["SSL_CERT_FILE"] == "/c"
    assert str(Path(process.__file__).parents[2]) in own["PYTHONPATH"].split(os.pathsep) and "CFLAGS" not in own
    assert process.worker_environment(tmp_path) == own


def test_how_a_tool_ended_is_told(tmp_path: Path) -> None:
    """Status or signal, with the end of what it said; a missing one, and one that takes too long."""
    assert [process.end_of(status) for status in (0, 3, -9, -6, -99)] == [
        *("ended with status 0", "ended with status 3", "was killed by SIGKILL", "was killed by SIGABRT"),
        "was killed by signal 99",
    ]
    with pytest.raises(ToolError) as failed:
        run(tmp_path, "sh", "-c", "echo said; echo more >&2; exit 3")
    assert (failed.value.what, failed.value.hint) == ("sh ended with status 3", "said\nmore")
    assert (failed.value.status, failed.value.log) == (3, "said\nmore\n") and failed.value.command[0] == "sh"
    with pytest.raises(ToolError, match="sh was killed by SIGTERM") as killed:
        run(tmp_path, "sh", "-c", "kill -TERM $$")
    assert killed.value.hint == "it printed nothing" and killed.value.status == -signal.SIGTERM
    with pytest.raises(ToolError) as long:
        run(tmp_path, "sh", "-c", "yes 123456789 | head -n 1000; exit 1")
    assert 3900 < len(long.value.hint) <= 4000 and len(long.value.log) == 10_000
    with pytest.raises(ToolError, match="no-such-tool is not installed") as missing:
        run(tmp_path, "no-such-tool")
    assert missing.value.exit_status == 3
    started = time.monotonic()
    with pytest.raises(Timeout, match=r"sleep didn't end within 0\.1 s"):
        run(tmp_path, "sleep", "20", timeout_s=0.1)
    assert time.monotonic() - started < 10
    assert run(tmp_path, "sh", "-c", "cat; echo end") == "end\n"  # its input is empty


def test_after_a_cancellation_nothing_starts(tmp_path: Path) -> None:
    """What runs is killed with its children, at once; until it is allowed again."""
    process.raise_if_cancelled()
    timer = threading.Timer(0.3, process.cancel_all)
    timer.start()
    started = time.monotonic()
    try:
        with pytest.raises(process.Cancelled):
            run(tmp_path, "sh", "-c", "sleep 20 & sleep 20")
        assert time.monotonic() - started < 10 and process._is_cancelled.is_set()
        with pytest.raises(process.Cancelled):
            run(tmp_path, "true")
    finally:
        timer.join()
        process._is_cancelled.clear()
    assert run(tmp_path, "true") == "" and not process._running


def test_what_met_damage_is_done_once_more(tmp_path: Path) -> None:
    """With a fresh file, and its value is the answer; records of this session outlive it, and that is said once."""
    said: list[str] = []
    records = Records(tmp_path / "state.sqlite3", said.append)
    known = Record("id", "run", "run x", digest.of_bytes(b"k"), "seal", {"o": digest.of_bytes(b"o")}, "built", 1.5, LOG)
    records.put(known, "key text")
    tries: list[int] = []

    def work(database: sqlite3.Connection) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise sqlite3.DatabaseError("database disk image is malformed")
        return len(tries)

    assert records._attempt(work) == 2
    assert said == [
        f"{tmp_path}/state.sqlite3 was damaged; moved to state.damaged. Finished work is still in the cache"
    ]
    assert (tmp_path / "state.damaged").is_file()
    assert records.get("id") == known and records.sealed("id") == ("seal", known.outputs)
    records.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own way")
def test_a_tool_ends_with_the_worker_that_started_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel is told to kill it, in a way that outlasts the change of programs; a session's reaper ends others."""
    monkeypatch.setattr(process, "_is_worker", threading.Event())
    program = "import ctypes; n = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(n)); print(n.value)"
    assert run(tmp_path, sys.executable, "-c", program) == "0\n"
    process.be_worker()
    assert run(tmp_path, sys.executable, "-c", program) == f"{signal.SIGKILL.value}\n"
