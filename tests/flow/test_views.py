"""`build/<bench>/`: always of one piece, never the cache's own files, shown only as it was written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flow_support import Run, synthetic_command
from synthetic_benches import SyntheticPlanner

from tinyflow.core.digest import of_bytes
from tinyflow.core.errors import CacheError, UsageError
from tinyflow.core.execute import Session
from tinyflow.core.process import Cancelled
from tinyflow.core.scratch import fresh_file, fresh_folder
from tinyflow.flow import atomic_files
from tinyflow.flow.atomic_files import write_if_changed
from tinyflow.flow.planning.plan import BenchPlan
from tinyflow.flow.project import Project
from tinyflow.flow.publishing import inventory
from tinyflow.flow.publishing.outcome import failure_of
from tinyflow.flow.publishing.views import Views
from tinyflow.flow.session.ledger import Ledger
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


class Place:
    """A project's views as one process after the other sees them, and what was said."""

    def __init__(self, root: Path, session: Session) -> None:
        self.project = Project(root, root / "cache")
        self.session = session
        self.said: list[str] = []

    @property
    def views(self) -> Views:
        """As a new process has them."""
        return Views(self.project, self.session.store, self.said.append)

    def publish(self, name: str = "net-good-chip") -> BenchPlan:
        """Run a bench and write its view."""
        bench = plan(name)
        self.views.publish(bench, self.session, run(bench, self.session))
        return bench


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cache and records with a bench that was built."""
    folder = tmp_path_factory.mktemp("built")
    session = Session(folder / "cache", folder / "state")
    run(plan("net-good-chip"), session)
    session.close()
    return folder


@pytest.fixture
def session(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session; for tests of a view with a copy of what was built for all of them."""
    if "view" in request.fixturenames:
        shutil.copytree(request.getfixturevalue("built"), tmp_path, symlinks=True, dirs_exist_ok=True)
    session = Session(tmp_path / "cache", tmp_path / "state")
    yield session
    session.close()


@pytest.fixture
def place(tmp_path: Path, session: Session) -> Place:
    """A project with nothing built."""
    return Place(tmp_path, session)


@pytest.fixture
def view(place: Place) -> Path:
    """A view."""
    return place.project.build / place.publish().name


def test_a_view_holds_what_was_made_and_says_its_digests(place: Place) -> None:
    """Every file of the contract is there, and `report.json` speaks of exactly those."""
    bench = place.publish()
    folder = place.project.build / bench.name
    report = read_report(folder)
    assert report is not None and report == place.views.report(bench.name)
    files = {"model.tflite", "generate", "plan.json", "firmware.elf", "firmware.map", "run.log", "report.json"}
    files |= {"graph.json", "sizes.json", "run.json", "timing.json", "provenance.json"}
    assert {path.name for path in folder.iterdir()} == files
    assert report["artifacts"]["firmware.elf"] == place.session.output_digest(bench.actions[3], "firmware.elf")
    assert {stage["outcome"] for stage in report["stages"].values()} == {"built"}
    assert place.views.is_current(bench, place.session)
    assert place.said == []


def test_provenance_holds_the_text_of_every_key(place: Place) -> None:
    """All that the outputs depend on can be read beside them."""
    bench = place.publish()
    actions = json.loads((place.project.build / bench.name / "provenance.json").read_text())["actions"]
    assert [action["stage"] for action in actions] == [action.stage for action in bench.actions]
    assert all(any(fact.startswith("implementation ") for fact in action["facts"]) for action in actions)


def test_a_view_shares_no_file_with_the_cache(place: Place) -> None:
    """Whoever edits a view can't damage the cache."""
    bench = place.publish()
    folder = place.project.build / bench.name
    (folder / "firmware.elf").write_bytes(b"edited")
    assert place.session.output_path(bench.actions[3], "firmware.elf").read_bytes() != b"edited"
    assert (folder / "firmware.map").stat().st_nlink == 1


def edit_report(view: Path) -> None:
    """Other numbers, and a metric that nobody knows."""
    report = json.loads((view / "report.json").read_text())
    report["metrics"] |= {"rom_bytes": 1, "rom_bytfs": 2, "\x1b[31m": "x" * 1000}
    (view / "report.json").write_text(json.dumps(report))


def flip(view: Path) -> None:
    """One bit of a name, at the same length, and the time of the last change set back."""
    path = view / "report.json"
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b'"rom_bytes"', b'"rom_bytds"'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap(view: Path, name: str, make: Callable[[Path], None]) -> None:
    """Something else in the place of a file or folder."""
    path = view / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    make(path)


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "edited": ("report.json", edit_report),
    "flipped": ("report.json", flip),
    "no JSON": ("report.json", lambda view: (view / "report.json").write_text("[" * 100_000)),
    "no report": ("report.json", lambda view: (view / "report.json").write_text("{}")),
    "timed": ("timing.json", lambda view: (view / "timing.json").write_text('{"invoke_s": ["a"]}')),
    "emptied": ("firmware.elf", lambda view: (view / "firmware.elf").write_bytes(b"")),
    "cut": ("model.tflite", lambda view: os.truncate(view / "model.tflite", 3)),
    "grown": ("provenance.json", lambda view: (view / "provenance.json").open("a").write("x")),
    "deleted": ("firmware.map", lambda view: (view / "firmware.map").unlink()),
    "deleted report": ("report.json", lambda view: (view / "report.json").unlink()),
    "deleted folder": ("generate/model.c", lambda view: shutil.rmtree(view / "generate")),
    "moved in": ("generate/more.c", lambda view: (view / "generate" / "more.c").write_text("")),
    "extra": ("shrink.json", lambda view: (view / "shrink.json").write_text("{}")),
    "extra folder": ("deep", lambda view: (view / "deep" / "deeper").mkdir(parents=True)),
    "a folder": ("report.json", lambda view: swap(view, "report.json", Path.mkdir)),
    "a pipe": ("sizes.json", lambda view: swap(view, "sizes.json", os.mkfifo)),
    "a link": ("run.json", lambda view: swap(view, "run.json", lambda path: path.symlink_to(view / "sizes.json"))),
    "a dead link": ("run.log", lambda view: swap(view, "run.log", lambda path: path.symlink_to("nowhere"))),
    "a link for a folder": ("generate", lambda view: swap(view, "generate", lambda path: path.symlink_to("/etc"))),
}


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("nowhere"), lambda path: path.write_text("x"), os.mkdir]
)
@pytest.mark.every(2)
def test_what_lies_in_the_place_of_a_whole_view_is_moved_aside(
    place: Place, view: Path, make: Callable[[Path], object]
) -> None:
    """Again and again: nothing is waited for, opened or followed."""
    report = place.views.report(view.name)
    for _ in range(2):
        shutil.rmtree(view)
        make(view)
        assert place.views.report(view.name) == report
        assert (view / "firmware.elf").is_file() and not view.is_symlink()
    assert [line.partition("; ")[2] for line in place.said] == [
        f"written again, what was there is in {place.project.state / 'aside' / view.name}"
    ] * 2


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.every(6)
def test_what_is_not_as_it_was_written_is_written_again_and_said(place: Place, view: Path, damage: str) -> None:
    """By who only shows it, from record and cache; by a run as well. What was there is kept, and said in one line."""
    name, work = DAMAGE[damage]
    bench, session = plan(view.name), place.session
    assert all(session.is_current(action) for action in bench.actions)
    wanted = {path.relative_to(view): path.read_bytes() for path in view.rglob("*") if path.is_file()}
    report = place.views.report(view.name)

    def whole_view() -> dict[Path, bytes]:
        return {path.relative_to(view): path.read_bytes() for path in view.rglob("*") if path.is_file()}

    work(view)
    assert place.views.report(view.name) == report
    (line,) = place.said
    assert line.startswith(f"{view}: ") and name in line and "written again" in line and "\n" not in line
    found = whole_view()
    found.pop(Path("report.html"), None)
    assert found == wanted
    assert os.path.lexists(place.project.state / "aside" / view.name)
    place.said.clear()
    assert place.views.is_current(bench, session)

    work(view)
    views = place.views
    assert not views.is_current(bench, session)
    views.publish(bench, session, run(bench, session))
    assert len(place.said) == 1 and name in place.said[0]
    assert place.views.is_current(bench, session)


def test_a_view_whose_record_is_gone_is_left_out_until_it_is_made_again(place: Place, view: Path) -> None:
    """A flipped bit in the record is the same: nobody knows what the view should be."""
    record = place.project.state / "views" / view.name
    record.write_bytes(record.read_bytes().replace(b"rom_bytes", b"rom_bytds"))
    views = place.views
    assert (views.report(view.name), views.documents(view.name)) == (None, None)
    (line,) = place.said
    assert line == f"{view}: not on record, so it is left out; doit bench:{view.name} makes it again"
    bench = plan(view.name)
    assert not views.is_current(bench, place.session)
    views.publish(bench, place.session, run(bench, place.session))
    assert place.views.report(view.name) is not None and len(place.said) == 1


def test_what_cannot_be_written_again_is_shown_as_it_was(place: Place, view: Path) -> None:
    """The cache lost a file: the numbers are the record's, and a run is what helps."""
    report = place.views.report(view.name)
    (view / "firmware.elf").write_bytes(b"")
    shutil.rmtree(place.project.cache)
    views = place.views
    assert views.report(view.name) == report
    documents = views.documents(view.name)
    assert documents is not None and documents.report == report and documents.run is None
    (line,) = place.said
    assert "firmware.elf is not as it was written" in line and "no longer in the cache" in line


def test_hidden_files_of_others_are_no_damage(place: Place, view: Path) -> None:
    """What editors and desktops leave."""
    (view / ".report.json.swp").write_text("")
    (view / "generate" / ".DS_Store").write_text("")
    assert place.views.is_current(plan(view.name), place.session)
    assert place.said == []


def test_files_are_read_once_as_long_as_their_stamps_stay(
    place: Place, view: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty run asks for stamps alone; what was changed a moment ago is read again."""
    read: list[str] = []
    real = inventory.Regular
    monkeypatch.setattr(inventory, "Regular", lambda path: read.append(path.name) or real(path))  # type: ignore[func-returns-value]
    place.views.report(view.name)
    assert "firmware.elf" in read
    read.clear()
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10_000_000_000)
    place.views.report(view.name)
    assert "firmware.elf" in read
    read.clear()
    place.views.report(view.name)
    assert read == [view.name]
    (view / "plan.json").write_bytes((view / "plan.json").read_bytes())
    place.views.report(view.name)
    assert read == [view.name, view.name, "plan.json"] and place.said == []


def test_all_content_is_synced_before_it_has_its_name(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that stops leaves whole views: each file is on the disk before the folder is renamed."""
    synced: set[int] = set()
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.add(os.fstat(descriptor).st_ino), real(descriptor)))
    renamed: list[bool] = []
    rename = Path.rename

    def look(path: Path, target: Path) -> Path:
        if path.name == "new":
            renamed.append(all(file.stat().st_ino in synced for file in path.rglob("*") if file.is_file()))
        return rename(path, target)

    monkeypatch.setattr(atomic_files.Path, "rename", look)
    place.publish()
    assert renamed == [True]
    write_if_changed(tmp_path / "page.html", "page")
    assert (tmp_path / "page.html").stat().st_ino in synced


def test_a_damaged_report_is_no_report(tmp_path: Path) -> None:
    """Half a file, another schema and no file are all the same: it is written again."""
    for text in ("{", "[]", '{"schema": 99}', "[" * 100_000):
        (tmp_path / "report.json").write_text(text)
        assert read_report(tmp_path) is None


def test_a_failed_bench_shows_how_far_it_came(place: Place) -> None:
    """Its firmware and costs are there to look at, nothing of an earlier, better time. An edit makes it no good one."""
    bad = place.publish("net-differs-chip")
    folder = place.project.build / bad.name
    report = read_report(folder)
    assert report is not None
    fine = read_report(place.project.build / place.publish("net-good-chip").name)
    assert fine is not None and report["metrics"] == fine["metrics"] and fine["metrics"]["invoke_instructions"] == 5002
    assert (report["status"], report["weights"]) == ("mismatch", fine["weights"])
    assert (report["validation"]["result"], report["validation"]["equal_share"]) == ("wrong", 0.5)
    assert report["reason"] == "run: sample 3, output 1: 17 where 18 is expected"
    assert (folder / "firmware.elf").exists()
    assert not (folder / "run.log").exists()
    (folder / "report.json").write_text(json.dumps({**report, "status": "ok", "metrics": {"rom_bytes": 1}}))
    shown = place.views.report(bad.name)
    assert shown == report and len(place.said) == 1
    assert not place.views.is_current(bad, place.session)


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


def test_a_place_that_cannot_be_written_is_an_error_of_the_cache(place: Place) -> None:
    """A file where a folder should be: one line, no traceback."""
    bench = plan("net-good-chip")
    ledger = run(bench, place.session)
    place.project.build.write_text("")
    with pytest.raises(CacheError, match="can't be written"):
        place.views.publish(bench, place.session, ledger)


@pytest.mark.slow
def test_commands_show_what_was_measured_whatever_stands_in_build(synthetic: Run, project: Path) -> None:
    """Tables of runs and suites, results, comparisons and baselines: the edit is said once and never shown."""
    words = [
        ["results", "--format", "csv"],
        ["results", "--suite", "good", "--format", "csv"],
        ["compare", "-a", "net-good-chip", "tiny-good-chip"],
        ["compare", "build", "build"],
        ["compare", "build/net-good-chip/report.json", "net-good-chip"],
        ["baseline", "check", "good"],
        ["report:good"],
        ["bench:net-good-chip"],
        ["suite:good"],
    ]
    assert synthetic("suite:good").returncode == 0
    synthetic("baseline", "save", "good")
    plain = {tuple(asked): synthetic(*asked) for asked in words}
    view = project / "build" / "net-good-chip"
    for asked in words:
        edit_report(view)
        (view / "firmware.elf").write_bytes(b"")
        done, before = synthetic(*asked), plain[tuple(asked)]
        said = [line for line in (done.stdout + done.stderr).splitlines() if "as it was written" in line]
        assert len(said) == 1 and said[0].startswith("build/net-good-chip: "), (asked, done)
        timeless = [
            [line for line in text.splitlines() if " in 0." not in line] for text in (done.stdout, before.stdout)
        ]
        assert [line for line in timeless[0] if line not in said] == timeless[1], asked
        assert done.returncode == before.returncode == 0
        assert (view / "firmware.elf").read_bytes() and (view / "report.html").exists()


def test_what_is_read_below_build_is_held_against_its_record(place: Place, view: Path) -> None:
    """A bench's view, or all, is written again, and said; a suite's folder is refused; elsewhere all is as it is."""
    folder = place.project.build / "suites" / "good"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text("as written")
    kept = inventory.Inventory({"report.json": of_bytes(b"as written")})
    inventory.Inventories(place.project.states).keep("suites/good", kept)
    for path in (folder, folder / "report.json", view, place.project.build, Path("elsewhere")):
        place.views.check(path)
    assert place.said == []
    (folder / "report.json").write_text("changed")
    for path in (folder, folder / "report.json"):
        with pytest.raises(UsageError, match=r"report\.json is not as it was written") as caught:
            place.views.check(path)
        assert str(caught.value.where).endswith("build/suites/good")
        assert caught.value.hint == "doit report:good writes it again"
    place.views.check(view)
    for path in (view / "report.json", view, place.project.build):
        (view / "report.json").write_text("{}")
        place.said.clear()
        place.views.check(path)
        assert len(place.said) == 1 and "report.json is not as it was written" in place.said[0]


@pytest.mark.slow
def test_the_folder_of_a_suite_is_held_against_its_record(synthetic: Run, project: Path) -> None:
    """Each file of it: the next run writes them again and says so; whoever reads the report alone is told."""
    synthetic("suite:good")
    folder = project / "build" / "suites" / "good"
    whole_folder = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name, content in whole_folder.items():
        (folder / name).write_bytes(content.replace(b"net-good-chip", b"net-bad-chip"))
        if name == "report.json":
            refused = synthetic("compare", "build/suites/good/report.json", "good")
            assert refused.returncode == 2 and "report.json is not as it was written" in refused.stderr
        done = synthetic("report:good")
        assert f"build/suites/good: {name} is not as it was written; written again" in done.stdout
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole_folder
    assert "written again" not in synthetic("suite:good").stdout


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
