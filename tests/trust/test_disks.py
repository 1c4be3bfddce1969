"""Disks that are full, read-only or elsewhere, clocks that lie, files that change while read: never a wrong hit."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

import pytest
from tests_support import is_running, wait_until
from trust_places import Disk, Run

from tinyflow.core import cache_maintenance
from tinyflow.core.action import Action, SourceFile, Workspace
from tinyflow.core.errors import CacheError, ToolError
from tinyflow.core.execute import Session


def grow(workspace: Workspace) -> None:
    """Write the input as often as a parameter says, and its beginning to a second output."""
    text = workspace.inputs["text"].read_text()
    workspace.outputs["first"].write_text(text)
    workspace.outputs["second"].write_text(text * workspace.parameters["times"])


def edit_and_copy(workspace: Workspace) -> None:
    """Copy the input; meanwhile somebody edits the file that it came from."""
    Path(workspace.parameters["source"]).write_text("edited\n")
    workspace.outputs["first"].write_text(workspace.inputs["text"].read_text())


def die(workspace: Workspace) -> None:
    """Die as a process that the kernel kills, unless a file says that all is well now."""
    if not Path(workspace.parameters["well"]).exists():
        if workspace.parameters["tool"]:
            workspace.run(["sh", "-c", "echo half > half; kill -9 $$"])
        os.kill(os.getpid(), 9)
    workspace.outputs["first"].write_text("done\n")


def action(
    source: Path, function: str = "grow", times: int = 1, outputs: tuple[str, ...] = ("first", "second")
) -> Action:
    """One action over one file."""
    return Action(
        stage="grow",
        title=f"grow {times}",
        function=f"{__name__}:{function}",
        outputs=outputs,
        parameters={"times": times, "source": str(source)},
        inputs={"text": SourceFile(source, "text")},
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The input."""
    path = tmp_path / "source"
    path.write_text("text\n" * 1000)
    return path


def test_full_disk_in_the_middle_of_a_store(tmp_path: Path, source: Path, disk: Disk) -> None:
    """ENOSPC while an output is stored: one line of what and what to do, finished work stays, no torn blob; with room
    again only the missing action runs.

    Guards removing what was written aside, and naming the error.
    """
    small, big = action(source), action(source, times=2000)
    session = Session(disk.folder / "cache", tmp_path / "state")
    session.execute(small)
    with pytest.raises(CacheError, match="No space left") as caught:
        session.execute(big)
    assert "free some space" in caught.value.hint
    assert cache_maintenance.verify(session.store).damaged == ()
    assert list((disk.folder / "cache" / "tmp").iterdir()) == []
    session.close()
    disk.remount("size=32m")
    session = Session(disk.folder / "cache", tmp_path / "state")
    assert [session.execute(one).outcome for one in (small, big)] == ["up to date", "built"]
    assert session.output_path(big, "second").stat().st_size == 5000 * 2000
    session.close()


def test_full_state_disk(source: Path, tmp_path: Path, disk: Disk) -> None:
    """Where the records can't be written the result is still in the cache, and the error says where."""
    session = Session(tmp_path / "cache", disk.folder / "state")
    session.execute(action(source))
    (disk.folder / "rest").write_bytes(b"x" * (1 << 20 >> 1))
    fill = disk.folder / "fill"
    with pytest.raises(OSError, match="No space left"), fill.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    with pytest.raises((CacheError, OSError)):
        session.execute(action(source, times=3))
    fill.unlink()
    session.close()
    session = Session(tmp_path / "cache", disk.folder / "state")
    assert session.execute(action(source)).outcome == "up to date"
    assert session.execute(action(source, times=3)).outcome in ("built", "hit")
    session.close()


def test_read_only_cache_is_read(tmp_path: Path, source: Path, disk: Disk) -> None:
    """From a shared cache that can't be written comes what it has; what is new stays with the checkout; said once.

    Guards `Store._turn_to_own`.
    """
    writer = Session(disk.folder / "cache", tmp_path / "writer")
    writer.execute(action(source))
    writer.close()
    disk.remount("ro")
    for expected in (["hit", "built", "built"], ["up to date"] * 3):
        said: list[str] = []
        reader = Session(disk.folder / "cache", tmp_path / "reader", said.append)
        outcomes = [reader.execute(action(source, times=times)).outcome for times in (1, 2, 3)]
        reader.close()
        assert outcomes == expected
    assert said == []
    said = []
    reader = Session(disk.folder / "cache", tmp_path / "reader", said.append)
    reader.execute(action(source, times=4))
    reader.execute(action(source, times=5))
    reader.close()
    assert len(said) == 1
    assert "can't be written; what is new is kept in" in said[0]
    disk.remount("rw")


def test_cache_on_another_file_system(tmp_path: Path, source: Path, disk: Disk) -> None:
    """Checkout and cache need not share a disk: nothing is renamed or linked across.

    Guards `tmp/` inside the cache: a file renamed from elsewhere would raise EXDEV.
    """
    assert disk.folder.stat().st_dev != tmp_path.stat().st_dev
    for state, expected in (("one", "built"), ("two", "hit"), ("two", "up to date")):
        session = Session(disk.folder / "cache", tmp_path / state)
        assert session.execute(action(source)).outcome == expected
        session.copy_output(action(source), "first", tmp_path / "copy")
        session.close()
    assert (tmp_path / "copy").read_text() == source.read_text()


@pytest.mark.parametrize("shift_s", [-10_000_000, -3600, 3600, 10_000_000])
def test_lying_clock_hides_no_edit(tmp_path: Path, source: Path, shift_s: float) -> None:
    """An edit of the same length with a time stamp of the past or future, even the same one as before, is seen.

    Guards the inode and ctime in the stamp, and content as the last word.
    """
    moment = time.time() + shift_s
    os.utime(source, (moment, moment))
    time.sleep(0.01)
    for text in ("text\n", "tent\n", "text\n"):
        source.write_text(text * 1000)
        os.utime(source, (moment, moment))
        session = Session(tmp_path / "cache", tmp_path / "state")
        session.execute(action(source))
        assert session.output_path(action(source), "first").read_text() == text * 1000
        session.close()


def test_cache_from_the_future_is_used(tmp_path: Path, source: Path) -> None:
    """Blobs whose time stamps lie ahead (the clock was set back) are as good as others, for hits and for eviction."""
    session = Session(tmp_path / "cache", tmp_path / "state")
    session.execute(action(source))
    session.close()
    for path in (tmp_path / "cache").rglob("*"):
        os.utime(path, (time.time() + 10**7,) * 2)
    session = Session(tmp_path / "cache", tmp_path / "other")
    assert session.execute(action(source)).outcome == "hit"
    assert cache_maintenance.collect(session.store, 1 << 30, ()).results == 0
    session.close()


def test_input_edited_while_its_action_runs(tmp_path: Path, source: Path) -> None:
    """The result belongs to the bytes that the action was given: the edit makes it run again, the old text is a hit.

    Guards copying inputs into the workspace with a digest: an action that read the file itself would be recorded
    under a text that it never saw.
    """
    old = source.read_text()
    copy = action(source, "edit_and_copy", outputs=("first",))
    outcomes = []
    for text in (None, None, old):
        if text is not None:
            source.write_text(text)
        given = source.read_text()
        session = Session(tmp_path / "cache", tmp_path / "state")
        outcomes.append(session.execute(copy).outcome)
        assert session.output_path(copy, "first").read_text() == given
        session.close()
    assert outcomes == ["built", "built", "hit"]


@pytest.mark.slow
@pytest.mark.parametrize("tool", [True, False])
def test_killed_compiler_or_worker_is_one_failed_action(tmp_path: Path, tool: bool) -> None:
    """SIGKILL (the OOM killer's, too) of a tool or of the worker: a ToolError that names the signal, nothing stored;
    the next time it is made.
    """
    well = tmp_path / "well"
    one = Action(
        stage="die",
        title="die",
        function=f"{__name__}:die",
        outputs=("first",),
        parameters={"well": str(well), "tool": tool},
        isolated=True,
    )
    session = Session(tmp_path / "cache", tmp_path / "state")
    with pytest.raises(ToolError, match="killed by SIGKILL"):
        session.execute(one)
    assert cache_maintenance.contents(session.store).results == 0
    well.touch()
    assert session.execute(one).outcome == "built"
    session.close()


@pytest.mark.slow
def test_no_tool_outlives_its_action(tmp_path: Path) -> None:
    """Processes that a tool leaves in the background die with it.

    Guards the process group of each tool.
    """
    session = Session(tmp_path / "cache", tmp_path / "state")
    one = Action(
        stage="leave",
        title="leave",
        function=f"{__name__}:leave_child",
        outputs=("first",),
        parameters={"pid": str(tmp_path / "pid")},
    )
    session.execute(one)
    session.close()
    child = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_running(child))


def leave_child(workspace: Workspace) -> None:
    """A tool that starts another one and ends."""
    workspace.run(["sh", "-c", f"sleep 60 >/dev/null 2>&1 & echo $! > {workspace.parameters['pid']}"])
    workspace.outputs["first"].write_text("done")


@pytest.fixture
def on_disk(disk: Disk, tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, lying on a disk of its own; the cache and the user's folders lie elsewhere."""
    disk.remount("size=32m")
    place = disk.folder / "project"
    shutil.copytree(project, place)
    monkeypatch.setenv("TINYFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(place)
    return place


def test_a_read_only_checkout_works_and_shows(tinyflow: Run, on_disk: Path, disk: Disk, tmp_path: Path) -> None:
    """What was built before is shown with status 0, what is new is built and shown; one line where state is kept, one
    of what can't be written, and status 3 for that.
    """
    assert tinyflow("bench:net-good-chip").status == 0
    disk.remount("ro")
    for _ in range(2):
        done = tinyflow("bench:net-good-chip")
        assert done.status == 0
        assert "net-good-chip  ok" in done.output
        assert (done.output + done.errors).count("can't be written") == 1
    assert "net-good-chip" in tinyflow("results").output
    new = tinyflow("suite:good")
    assert new.status == 3
    assert "net-good-chip   ok" in new.output
    assert "tiny-good-chip  ok" in new.output
    assert "build can't be written; state is kept in" in new.errors
    assert new.errors.count("\n") == 1
    assert new.output.count("can't be") == new.output.count("Read-only file system (and") == 1
    schema = tinyflow("schema")
    assert (schema.status, schema.errors.count("Read-only file system"), "Traceback" in schema.errors) == (3, 1, False)
    disk.remount("rw")
    again = tinyflow("suite:good")
    assert (again.status, "can't be" in again.output) == (0, False)
    assert (on_disk / "build" / "tiny-good-chip" / "report.json").is_file()


@pytest.mark.parametrize("left", [0, 64, 2500])
@pytest.mark.every(3, 1)
def test_a_full_build_folder_keeps_no_result_back(tinyflow: Run, on_disk: Path, disk: Disk, left: int) -> None:
    """With no room at all, a little, or hardly enough (KiB): work is done and results are shown, with status 3."""
    del on_disk
    with (disk.folder / "fill").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    os.truncate(disk.folder / "fill", (disk.folder / "fill").stat().st_size - left * 1024)
    done = tinyflow("suite:good")
    assert "Traceback" not in done.output + done.errors
    assert "net-good-chip   ok" in done.output
    assert "tiny-good-chip  ok" in done.output
    lines = [line for line in (done.output + done.errors).split("\n") if "can't be" in line]
    assert done.status == (3 if any("No space left" in line for line in lines) else 0)
    assert len(lines) <= 3
    assert left > 0 or done.status == 3
