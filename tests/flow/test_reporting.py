"""Commands over what is known already: they run nothing, say what differs, and end with the status that says so."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from flow_support import Run

SUITE = """\
description: for tests
include: [net-good-chip, tiny-good-chip]
max_regression: {rom_bytes: 1%, ram_bytes: 0}
views:
- name: small
  description: Sizes
  steps:
  - choose: [bench, rom_bytes]
  - scale: {rom_bytes: KiB}
"""


@pytest.fixture
def built(synthetic: Run, project: Path) -> Path:
    """The project with one suite that has run."""
    (project / "recipes" / "suites" / "mine.yaml").write_text(SUITE)
    assert synthetic("suite:mine").returncode == 0
    return project


def rewrite(path: Path, bench: str, **metrics: float) -> None:
    """Make a file of earlier results say other numbers of a bench."""
    document = json.loads(path.read_text())
    for report in document["benches"]:
        if report["bench"] == bench:
            report["metrics"] |= metrics
    path.write_text(json.dumps(document))


def test_pages_and_tables_lie_beside_the_reports(built: Path) -> None:
    """HTML for bench and suite, JUnit, and the views that the suite asks for."""
    folder = built / "build" / "suites" / "mine"
    names = {path.name for path in folder.iterdir()}
    assert names == {"report.csv", "report.json", "report.md", "report.html", "junit.xml", "small.csv"}
    assert (folder / "small.csv").read_text().splitlines()[:2] == ["bench,rom_KiB", "net-good-chip,0.09375"]
    page = (folder / "report.html").read_text()
    assert 'id="view-small"' in page and "conv_3" in page
    assert (built / "build" / "net-good-chip" / "report.html").read_text().startswith("<!doctype html>")


@pytest.mark.slow
def test_a_page_is_made_again_only_when_it_would_differ(built: Path, synthetic: Run) -> None:
    """Nothing written by the same again; a deleted page comes back; a changed suite has a new one."""
    page = built / "build" / "suites" / "mine" / "report.html"
    before = page.stat().st_mtime_ns
    synthetic("suite:mine")
    assert page.stat().st_mtime_ns == before
    page.unlink()
    synthetic("report:mine")
    assert page.exists()
    (built / "recipes" / "suites" / "mine.yaml").write_text(SUITE.replace("for tests", "for people"))
    synthetic("report:mine")
    assert "for people" in page.read_text()


def test_a_view_that_cannot_be_made_is_told_with_its_place(built: Path, synthetic: Run) -> None:
    """File, line and column of the view, and what to type instead."""
    (built / "recipes" / "suites" / "mine.yaml").write_text(SUITE.replace("[bench, rom_bytes]", "[bench, rom_byte]"))
    done = synthetic("report:mine")
    assert done.returncode == 2
    assert done.stderr.startswith('recipes/suites/mine.yaml:5:3: step 1: unknown column "rom_byte"')


def test_results_answers_queries(built: Path, synthetic: Run) -> None:
    """By suite, model, condition; with `=` in a condition, which doit would keep for itself."""
    asked = ["results", "--suite", "mine", "--where", "model=tiny and rom_bytes<1KiB", "--format", "csv"]
    (row,) = csv.DictReader(io.StringIO(synthetic(*asked).stdout))
    assert (row["bench"], row["rom_bytes"]) == ("tiny-good-chip", "96")
    names = synthetic("results", "--columns", "bench", "--sort=-bench").stdout.split()
    assert names == ["bench", "tiny-good-chip", "net-good-chip"]
    unmeasured = synthetic("results", "--columns", "bench,board_ms", "--where", "board_ms < 5", "--sort", "cycles")
    assert unmeasured.stdout.split() == ["bench", "board_ms"], "a metric that no bench has yet is known"
    synthetic("results", "--format", "json", "--output", "rows.json")
    assert len(json.loads((built / "rows.json").read_text())) == 2


def test_python_asks_the_same(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`tinyflow.results(…)` gives the rows; what was repaired on the way is not a part of a program's output."""
    import tinyflow

    rows = tinyflow.results(model="net", columns=["bench", "macs"])  # type: ignore[operator]
    assert list(rows) == [{"bench": "net-good-chip", "macs": 1000}]
    (built / "build" / "net-good-chip" / "report.json").write_text("{}")
    assert list(tinyflow.results(model="net", columns=["bench", "macs"])) == list(rows)  # type: ignore[operator]
    told = capsys.readouterr()
    assert "report.json" in told.err and told.out == ""


@pytest.mark.slow
def test_a_baseline_holds_later_results(built: Path, synthetic: Run) -> None:
    """Good as long as nothing gets worse than the suite allows; then 1, and the metric is named."""
    assert "2 benches in baselines/mine.json" in synthetic("baseline", "save", "mine").stdout
    for name in ("../../x", "/tmp/x", ".hidden", "a/b"):
        refused = synthetic("baseline", "save", "mine", "--name", name)
        assert refused.returncode == 2 and "can't be the name of a baseline" in refused.stderr
    assert synthetic("baseline", "check", "mine").returncode == 0
    rewrite(built / "baselines" / "mine.json", "net-good-chip", ram_bytes=747)
    done = synthetic("baseline", "check", "mine")
    assert done.returncode == 1
    assert "ram_bytes" in done.stdout and "worse (limit 0)" in done.stdout
    shutil.rmtree(built / "build" / "tiny-good-chip")
    assert "gone" in synthetic("baseline", "check", "mine").stdout


@pytest.mark.slow
def test_reports_of_two_times_are_compared(built: Path, synthetic: Run) -> None:
    """A file against a suite; the suite's limits count unless others are given."""
    shutil.copy(built / "build" / "suites" / "mine" / "report.json", built / "old.json")
    assert synthetic("compare", "old.json", "mine").stdout == "2 benches: 32 same\n"
    rewrite(built / "old.json", "net-good-chip", rom_bytes=95)
    assert synthetic("compare", "old.json", "mine").returncode == 1
    assert synthetic("compare", "--max-regression", "rom_bytes:2%", "old.json", "mine").returncode == 0
    document = json.loads(synthetic("compare", "--format", "json", "old.json", "mine").stdout)
    assert [c["metric"] for c in document["changes"] if c["verdict"] == "worse"] == ["rom_bytes"]


def test_parts_of_names_pair_their_benches(built: Path, synthetic: Run) -> None:
    """Two models, two benches, with and without a feature."""
    assert "1 bench:" in synthetic("compare", "net", "tiny").stdout
    assert "net-good-chip -> tiny-good-chip" in synthetic("compare", "-a", "net-good-chip", "tiny-good-chip").stdout
    synthetic("bench:net-good-chip+dsp", "bench:tiny-good-chip+dsp")
    assert synthetic("compare", "+", "+dsp").stdout.startswith("2 benches")


@pytest.mark.slow
def test_regressions_are_annotated_in_a_workflow(built: Path, synthetic: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub shows them beside the change; a run leaves its table in the step's summary."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(built / "summary.md"))
    synthetic("baseline", "save", "mine")
    rewrite(built / "baselines" / "mine.json", "net-good-chip", ram_bytes=10)
    assert "::error title=net-good-chip::ram_bytes: 10 -> 748" in synthetic("baseline", "check", "mine").stdout
    assert "::error title=net-faults-chip::failed: run: hard fault" in synthetic("bench:net-faults-chip").stdout
    assert "| `net-faults-chip` | failed |" in (built / "summary.md").read_text()


def git(folder: Path, *words: str) -> None:
    """Run git as somebody."""
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_history_knows_commits_and_compares_them(synthetic: Run, project: Path) -> None:
    """Each new result is a line with its commit; two revisions are compared by what is on record of them."""
    (project / ".gitignore").write_text("build/\ncache/\nhistory/\n")
    git(project, "init")
    git(project, "add", ".")
    git(project, "commit", "-m", "first")
    synthetic("bench:net-good-chip")
    git(project, "commit", "--allow-empty", "-m", "second")
    shutil.rmtree(project / "build")
    synthetic("bench:net-good-chip")
    told = synthetic("history", "net-good-chip", "--metrics", "rom_bytes").stdout.splitlines()
    assert told[1].split() == ["date", "commit", "weights", "rom_bytes"]
    assert len({line.split()[1] for line in told[2:4]}) == 2
    done = synthetic("compare", "HEAD~1", "HEAD")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 bench: 16 same"), done.stderr


def commit(folder: Path, message: str) -> str:
    """Commit everything; the commit's short name."""
    git(folder, "add", ".")
    git(folder, "commit", "--allow-empty", "-m", message)
    named = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return named.stdout[:10]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_revision_has_what_was_measured_at_it_and_nothing_else(synthetic: Run, project: Path) -> None:
    """Not an ancestor's results, not those of edited files; what is up to date is measured there; a failure is one.

    Branches, tags and short hashes name revisions, and so does a word that is also a folder without reports.
    """
    benches = ["bench:net-good-chip", "bench:tiny-good-chip"]
    (project / ".gitignore").write_text("build/\ncache/\nhistory/\n")
    (project / "good.c").write_text("1")
    git(project, "init")
    first = commit(project, "first")
    git(project, "tag", "v1")
    synthetic(*benches)
    second = commit(project, "second, not measured")
    refused = synthetic("compare", "v1", "HEAD")
    assert refused.returncode == 2
    assert f"no result of revision HEAD is on record: {second}" in refused.stderr
    assert f"not measured (before it at {first})" in refused.stderr

    assert "2 up to date" not in synthetic(benches[0]).stdout  # all its actions are, and that is a measurement
    done = synthetic("compare", "v1", second)
    assert done.returncode == 1
    (gap,) = [line for line in done.stdout.splitlines() if line.startswith("tiny-good-chip")]
    assert gap.split("  ")[-1].strip() == "not measured" and f"(before it at {first})" in gap
    assert f"v1: measured at {first}; now {second} is checked out" in done.stdout
    assert f"{second}: measured at {second}" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 benches: 1 not measured, 16 same"
    document = json.loads(synthetic("compare", "--format", "json", "v1", "HEAD").stdout)
    assert {(c["old_commit"][:10], (c["new_commit"] or "gone")[:10]) for c in document["changes"]} == {
        (first, second),
        (first, "gone"),
    }

    (project / "good.c").write_text("2")
    synthetic(*benches)
    assert f"{second}+" in synthetic("results").stdout
    assert "not measured (but with changed files)" in synthetic("compare", "v1", "HEAD").stdout
    third = commit(project, "third: what was edited")
    git(project, "branch", "docs")
    (project / "docs").mkdir()
    synthetic(*benches)
    done = synthetic("compare", "v1", "docs")
    assert done.stdout.splitlines()[-1] == "2 benches: 32 same" and done.returncode == 0, done.stdout
    git(project, "checkout", "-b", "side", "v1")
    (project / "other").write_text("")
    commit(project, "on the side")
    git(project, "merge", "docs", "-m", "merged")
    assert synthetic("compare", "docs", "side").returncode == 2  # nothing was measured at the merge
    synthetic("suite:mixed", *benches)
    assert synthetic("compare", third, "side").returncode == 1
    done = synthetic("compare", third, "side")
    assert done.stdout.splitlines()[-1] == "6 benches: 4 failed, 32 same", done.stdout
    told = synthetic("history", "net-faults-chip").stdout
    assert told.splitlines()[2].split()[2] == "failed"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_baseline_says_where_its_numbers_are_from_and_what_it_lacks(synthetic: Run, project: Path) -> None:
    """The commit that they were measured at, not the one at which they were saved; a failed bench fails the check."""
    (project / ".gitignore").write_text("build/\ncache/\n")
    git(project, "init")
    first = commit(project, "first")
    synthetic("bench:net-good-chip", "bench:net-faults-chip")
    second = commit(project, "second")
    saved = synthetic("baseline", "save", "mixed").stdout
    absent = "net-differs-chip, net-overflows-chip, net-hangs-chip"
    assert saved == f"2 benches in baselines/mixed.json; failed: net-faults-chip; never measured here: {absent}\n"
    document = json.loads((project / "baselines" / "mixed.json").read_text())
    assert (document["commit"][:10], document["is_dirty"]) == (first, False)
    checked = synthetic("baseline", "check", "mixed")
    assert checked.returncode == 1
    assert f"mixed: measured at {first}; now {second} is checked out" in checked.stdout
    assert checked.stdout.splitlines()[-1] == "2 benches: 1 failed, 16 same"


def test_files_of_one_stem_have_rows_folders_and_histories_of_their_own(synthetic: Run, project: Path) -> None:
    """In one suite, in runs of their own, beside a model with a recipe; one file however it is spelled is one row."""
    for name in ("d1/vww.tflite", "d2/vww.tflite", "d2/vww.onnx", "Vww.tflite", "a b.tflite", "a_b.tflite"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_bytes(name.encode())
    files = ["./d1/vww.tflite", "d2/vww.tflite", "./d2/vww.onnx", "./Vww.tflite", "./a b.tflite", "./a_b.tflite"]
    benches = [f"{file}-good-chip" for file in [*files, "./d1/../d1/vww.tflite"]]
    listed = ", ".join(f'"{bench}"' for bench in ["vww-good-chip", *benches])
    (project / "recipes" / "suites" / "own.yaml").write_text(f"description: d\ninclude: [{listed}]\n")
    rows = len(re.findall(r"^\S+-good-chip +ok", synthetic("suite:own").stdout, re.MULTILINE))
    assert rows == len(files) + 1
    for bench in benches:
        assert "up to date" in synthetic(f"bench:{bench}").stdout
    reports = [json.loads(path.read_text()) for path in project.glob("build/*/report.json")]
    names = {report["bench"] for report in reports}
    assert len(reports) == len(names) == len({report["model"] for report in reports}) == rows
    assert {path.stem for path in (project / "history").iterdir()} == names
    told = synthetic("results", "--model", "./d1/vww.tflite", "--columns", "bench").stdout.split()
    assert len(told) == 2
    assert synthetic("history", benches[0]).stdout.splitlines()[0] == told[1]
    assert synthetic("compare", "vww-good-chip", f"bench:{benches[0]}").stdout.startswith("1 bench")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["results", "vww"], 'results takes no "vww"'),
        (["results", "--where", "ram<1"], 'ram<1: unknown column "ram"'),
        (["results", "--format", "xlsx"], "xlsx can't be shown on a terminal"),
        (["results", "--suite", "god"], 'unknown suite "god"'),
        (["results", "--suite", "good"], "no bench of suite good has run here"),
        (["compare", "a"], "compare takes two sides: an old one and a new one"),
        (["compare", "a", "b"], '"a" names nothing to compare'),
        (["compare", "vww-tinyc-stm32f7", "b"], '"vww-tinyc-stm32f7" names nothing to compare'),
        (["compare", "--max-regression", "ram_bytes:x", "a", "b"], '"ram_bytes:x": expected a limit such as'),
        (["compare", "recipes/suites/good.yaml", "good"], "recipes/suites/good.yaml is not a report"),
        (["compare", "+dsp", "x"], '"x" is not a feature'),
        (["baseline", "keep", "good"], "baseline takes save or check, and a suite"),
        (["baseline", "check", "good"], "no bench of suite good has run here"),
        (["history"], "history of what?"),
        (["history", "x-y-z"], "nothing is on record of x-y-z"),
        (["history", "-m", "rom", "x-y-z"], 'unknown metric "rom"'),
    ],
)
def test_wrong_use_is_one_line_and_a_way_on(real: Run, words: list[str], line: str) -> None:
    """Exit status 2, nothing on the standard output."""
    done = real(*words)
    assert (done.returncode, done.stdout) == (2, "")
    first, *rest = done.stderr.splitlines()
    assert first.startswith(line)
    assert rest and all(hint.startswith("  ") for hint in rest)


def test_which_file_a_row_is_of_is_told(synthetic: Run, project: Path) -> None:
    """Below the table, where digits tell two files apart; a file that is called by its own name needs no line."""
    benches = []
    for path in ("one/net.tflite", "two/net.tflite", "own.tflite"):
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_bytes(path.encode())
        benches.append(f"./{path}-good-chip")
    lines = synthetic("-q", *(f"bench:{bench}" for bench in benches)).stdout.splitlines()
    names = [line.split("-good-chip")[0] for line in lines if "-good-chip " in line]
    assert len(set(names)) == 3 and names[2] == "own"
    assert lines[-3:-1] == [f"{names[0]}: ./one/net.tflite", f"{names[1]}: ./two/net.tflite"]
    saved = synthetic("baseline", "save", "own-good-chip").stdout
    assert saved == "1 bench in baselines/own-good-chip.json\n"
