"""`build/<bench>/`: always of one piece, written only when something changed, never the cache's own files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from flow_support import synthetic_command
from synthetic_benches import SyntheticPlanner

from tinyflow.core.errors import CacheError
from tinyflow.core.execute import Session
from tinyflow.core.process import Cancelled
from tinyflow.core.scratch import fresh_file, fresh_folder
from tinyflow.flow.ledger import Ledger
from tinyflow.flow.outcome import failure_of
from tinyflow.flow.plan import BenchPlan
from tinyflow.flow.views import is_current, publish, write_if_changed
from tinyflow.recipes.bench import parse
from tinyflow.report.documents import read_report


def run(bench: BenchPlan, session: Session) -> Ledger:
    """Execute a bench's actions in order, as far as they go."""
    ledger = Ledger()
    for action in bench.actions:
        ledger.begin(action)
        try:
            outcome = session.execute(action)
        except Exception as error:
            ledger.fail(action, error)
            break
        ledger.end(action, outcome.outcome, outcome.seconds)
    return ledger


def plan(name: str) -> BenchPlan:
    """A synthetic bench."""
    return SyntheticPlanner(None).plan_bench(parse(name))


def test_a_view_holds_what_was_made_and_says_its_digests(session: Session, tmp_path: Path) -> None:
    """Every file of the contract is there, and `report.json` speaks of exactly those."""
    bench, folder = plan("net-good-chip"), tmp_path / "build" / "net-good-chip"
    publish(bench, session, run(bench, session), folder)
    report = read_report(folder)
    assert report is not None
    files = {"model.tflite", "generate", "plan.json", "firmware.elf", "firmware.map", "run.log", "report.json"}
    files |= {"sizes.json", "run.json", "timing.json", "provenance.json"}
    assert {path.name for path in folder.iterdir()} == files
    assert report["artifacts"]["firmware.elf"] == session.output_digest(bench.actions[3], "firmware.elf")
    assert {stage["outcome"] for stage in report["stages"].values()} == {"built"}
    assert is_current(bench, session, folder)


def test_provenance_holds_the_text_of_every_key(session: Session, tmp_path: Path) -> None:
    """All that the outputs hang on can be read beside them."""
    bench, folder = plan("net-good-chip"), tmp_path / "build" / "x"
    publish(bench, session, run(bench, session), folder)
    actions = json.loads((folder / "provenance.json").read_text())["actions"]
    assert [action["stage"] for action in actions] == [action.stage for action in bench.actions]
    assert all(any(fact.startswith("implementation ") for fact in action["facts"]) for action in actions)


def test_a_view_shares_no_file_with_the_cache(session: Session, tmp_path: Path) -> None:
    """Whoever edits a view can't damage the cache."""
    bench, folder = plan("net-good-chip"), tmp_path / "build" / "x"
    publish(bench, session, run(bench, session), folder)
    (folder / "firmware.elf").write_bytes(b"edited")
    blob = session.output_path(bench.actions[3], "firmware.elf")
    assert blob.read_bytes() != b"edited"
    assert (folder / "firmware.map").stat().st_nlink == 1


@pytest.mark.parametrize("name", ["firmware.elf", "generate", "report.json", "run.log"])
def test_a_view_that_lacks_a_part_is_not_current(session: Session, tmp_path: Path, name: str) -> None:
    """What a user deleted comes back."""
    bench, folder = plan("net-good-chip"), tmp_path / "build" / "x"
    publish(bench, session, run(bench, session), folder)
    (folder / name).rename(tmp_path / "gone")
    assert not is_current(bench, session, folder)


def test_a_damaged_report_is_no_report(tmp_path: Path) -> None:
    """Half a file, another schema and no file are all the same: it is written again."""
    for text in ("{", "[]", '{"schema": 99}'):
        (tmp_path / "report.json").write_text(text)
        assert read_report(tmp_path) is None


def test_a_failed_bench_shows_how_far_it_came(session: Session, tmp_path: Path) -> None:
    """Its firmware is there to look at; nothing of an earlier, better time is."""
    folder = tmp_path / "build" / "x"
    good, bad = plan("net-good-chip"), plan("net-differs-chip")
    publish(good, session, run(good, session), folder)
    publish(bad, session, run(bad, session), folder)
    report = read_report(folder)
    assert report is not None
    assert (report["status"], report["metrics"]) == ("mismatch", {})
    assert report["reason"] == "run: sample 3, output 1: 17 where 18 is expected"
    assert (folder / "firmware.elf").exists()
    assert not (folder / "run.log").exists()
    assert not is_current(good, session, folder)


@pytest.mark.parametrize(
    ("backend", "status"),
    [
        ("faults", "failed"),
        ("differs", "mismatch"),
        ("overflows", "does_not_fit"),
        ("hangs", "timeout"),
        ("buggy", "failed"),
    ],
)
def test_each_error_has_its_status(session: Session, backend: str, status: str) -> None:
    """The row says what happened, and its reason where."""
    bench = plan(f"net-{backend}-chip")
    found, reason = failure_of(bench, run(bench, session))
    assert found == status
    assert reason.startswith("run: ")


def test_cancelled_and_never_started_are_told_apart() -> None:
    """A bench that was stopped says at which stage."""
    bench, ledger = plan("net-good-chip"), Ledger()
    assert failure_of(bench, ledger) == ("cancelled", "fetch: not started")
    ledger.begin(bench.actions[0])
    ledger.fail(bench.actions[0], Cancelled("cancelled"))
    assert failure_of(bench, ledger) == ("cancelled", "fetch: stopped")


def test_a_place_that_cannot_be_written_is_an_error_of_the_cache(session: Session, tmp_path: Path) -> None:
    """A file where a folder should be: one line, no traceback."""
    bench = plan("net-good-chip")
    ledger = run(bench, session)
    (tmp_path / "build").write_text("")
    with pytest.raises(CacheError, match="can't be written"):
        publish(bench, session, ledger, tmp_path / "build" / "x")


def test_equal_text_is_not_written_again(tmp_path: Path) -> None:
    """The same again does nothing, not even to a time stamp."""
    path = tmp_path / "suites" / "report.md"
    write_if_changed(path, "a")
    before = path.stat()
    write_if_changed(path, "a")
    after = path.stat()  # but for when it was read
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )
    write_if_changed(path, "b")
    assert path.read_text() == "b"


def test_what_killed_runs_left_goes_and_what_living_ones_write_stays(project: Path) -> None:
    """Drafts that nobody holds go with the next run, even one that has nothing to do; held ones and others' files stay.

    Guards holding drafts by kernel locks: neither a name nor an age tells whose they are.
    """
    subprocess.run(synthetic_command("bench:net-good-chip"), cwd=project, check=True, capture_output=True)
    build = project / "build"
    mine = [build / ".view-user", build / "net-good-chip" / ".reporting", build / "suites" / "notes" / ".report-x.txt"]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
    mine[0].symlink_to(build / "net-good-chip")
    mine[1].touch()
    (build / ".view-abc" / "new").mkdir(parents=True)
    left = [build / ".view-abc", build / ".report-abc", build / "net-good-chip" / ".report-abc", mine.pop()]
    for path in left[1:]:
        path.touch()
    with fresh_folder(build, ".view-") as folder, fresh_file(build, ".report-") as (_, file):
        subprocess.run(synthetic_command("bench:net-good-chip"), cwd=project, check=True, capture_output=True)
        assert folder.is_dir() and file.is_file()
    assert [path for path in left if path.exists()] == []
    assert all(path.exists() for path in mine)
    assert (build / "net-good-chip" / "report.json").is_file()
