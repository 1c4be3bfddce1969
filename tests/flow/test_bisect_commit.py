"""`doit bisect-commit`: in small repositories, with a bench that costs nothing; once with a real one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from flow_support import Run
from tests_support import doit

from tinyflow.flow.bisection import measure
from tinyflow.flow.bisection.repository import UNCOMMITTED, Repository
from tinyflow.flow.bisection.search import BAD, GOOD, SKIP, search

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

# In the place of `tinyflow bench:…`: a number of a file, which is a refusal where it is none.
_BENCH = """
import json, pathlib, sys
text = pathlib.Path("number").read_text().strip()
if not text.isdigit():
    sys.exit(f"number:1:1: {text}")
pathlib.Path("build/b").mkdir(parents=True)
names = dict.fromkeys(("bench", "model", "backend", "target", "weights"), "x")
more = {"status": "ok", "reason": None, "features": {}, "validation": {"result": "exact"}}
row = {**names, **more, "metrics": {"invoke_instructions": int(text)}}
pathlib.Path("build/b/report.json").write_text(json.dumps(row))
pathlib.Path("runs").open("a").write("1")  # which git doesn't know
"""
Commit = Callable[[str, str], None]


def git(folder: Path, *words: str) -> str:
    """Run git as somebody; what it said."""
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def commit(project: Path, monkeypatch: pytest.MonkeyPatch) -> Commit:
    """Makes a commit with a number in the project, a repository, where a bench gives that number."""
    git(project, "init", "-q")
    (project / ".gitignore").write_text("build\ncache\n")
    monkeypatch.setattr(measure, "_PROGRAM", _BENCH)

    def make(subject: str, number: str) -> None:
        (project / "number").write_text(f"{number}\n")
        git(project, "add", ".")
        git(project, "commit", "-q", "--allow-empty", "-m", subject)

    return make


def lines_of(real: Run, *words: str) -> list[str]:
    """What the command says of its bench, with digits of commits left out of lines about them."""
    done = real("bisect-commit", "sine-tinyc-stm32f7", *words)
    assert done.stderr == ""
    return [" ".join(line.split()[1:]) if line.startswith("  ") else line for line in done.stdout.splitlines()]


def test_the_commit_is_found_and_then_known(real: Run, project: Path, commit: Commit) -> None:
    """What can't be measured is skipped with its reason; the second time nothing runs; nothing is left in git."""
    for subject, number in (
        ("one", "10"),
        ("two", "11"),
        ("three", "no"),
        ("four", "11"),
        ("five", "20"),
        ("six", "21"),
    ):
        commit(subject, number)
    found = lines_of(real, "--good", "HEAD~5")
    assert found[:3] == ["one: 10", "six: 21", "three: skipped: number:1:1: no"]
    assert "four: 11 good" in found and "five: 20 bad" in found
    culprit = git(project, "rev-parse", "HEAD~1").strip()
    assert found[5:] == [
        "sine-tinyc-stm32f7: invoke_instructions 11 -> 20 (+81.8 %)",
        f"{culprit} five",
        "number",
        "5 run, 0 known, 1 skipped, of 5 commits",
    ]
    again = lines_of(real, "--good", "HEAD~5")
    assert again[:-1] == found[:-1] and again[-1].startswith("0 run, 5 known")
    assert len(git(project, "worktree", "list").splitlines()) == 1 and git(project, "status", "--porcelain") == ""
    assert "two: 11 bad" in lines_of(real, "--good", "HEAD~5", "--threshold", "0")  # the first that is worse at all


def test_several_are_told_where_those_between_are_skipped(real: Run, commit: Commit) -> None:
    """With status 1, by metric and by its short name."""
    for subject, number in (("one", "10"), ("two", "no"), ("three", "20")):
        commit(subject, number)
    done = real("bisect-commit", "sine-tinyc-stm32f7", "--good", "HEAD~2", "--metric", "invoke_instructions")
    assert (done.returncode, done.stderr) == (1, "")
    assert "changed in one of 2 commits" in done.stdout


def test_edits_that_are_not_committed_may_be_it(real: Run, project: Path, commit: Commit) -> None:
    """A recipe that git doesn't know, too; the index stays as it is, and with --bad they are left out."""
    commit("one", "10")
    commit("two", "10")
    (project / "number").write_text("30\n")
    (project / "recipes" / "new.yaml").touch()
    before = git(project, "status", "--porcelain")
    found = lines_of(real, "--good", "HEAD~1")
    assert found[-4].endswith(UNCOMMITTED) and found[-3:-1] == ["number", "recipes/new.yaml"]
    assert git(project, "status", "--porcelain") == before
    done = real("bisect-commit", "sine-tinyc-stm32f7", "--good", "HEAD~1", "--bad", "HEAD")
    assert done.returncode == 2
    told = "the good commit is as bad as the other one: invoke_instructions 10 and 10\n  take one further back\n"
    assert done.stderr.startswith(told)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((), "bisect-commit needs a good commit"),
        (("--good", "nowhere"), '"nowhere" is no commit of '),
        (("--good", "HEAD", "--bad", "HEAD~1"), "no commit lies between HEAD and the bad one"),
        (("--good", "HEAD~1", "--metric", "rams"), 'unknown column "rams"'),
        (("--good", "HEAD~1", "--threshold", "x"), "--threshold: expected a limit"),
        (("--good", "HEAD~1"), "gives no invoke_instructions: number:1:1: no"),
    ],
)
def test_wrong_words_are_told_in_one_line(real: Run, commit: Commit, words: tuple[str, ...], what: str) -> None:
    """Before anything runs, where that can be."""
    commit("one", "10")
    commit("two", "no")
    done = real("bisect-commit", "sine-tinyc-stm32f7", *words)
    assert done.returncode == 2 and what in done.stderr.splitlines()[0]


def test_a_folder_without_a_repository_is_told_in_one_line(real: Run, project: Path) -> None:
    """As git sees it."""
    done = real("bisect-commit", "sine-tinyc-stm32f7", "--good", "HEAD")
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"{project} is not in a git repository")


def test_a_worktree_of_a_killed_run_goes_and_one_in_use_stays(project: Path, commit: Commit) -> None:
    """The user's own worktrees stay, too, whether they are there or not."""
    commit("one", "10")
    repository = Repository(project)
    git(project, "worktree", "add", "-q", "-b", "own", str(project / "own"))
    shutil.rmtree(project / "own")
    with repository.worktree("HEAD") as used:
        killed = used.parent.with_name(f"{used.name}killed")
        git(project, "worktree", "add", "-q", "--detach", str(killed / killed.name))
        with repository.worktree("HEAD") as other:
            listed = git(project, "worktree", "list")
            assert not killed.exists() and killed.name not in listed
            assert str(used) in listed and str(other) in listed and "own" in listed
    assert not used.parent.exists() and len(git(project, "worktree", "list").splitlines()) == 2


def test_merges_are_searched_too(project: Path, commit: Commit) -> None:
    """The commit of a branch is found, not its merge; commits of other folders are passed over."""
    commit("one", "1")
    git(project, "checkout", "-q", "-b", "side")
    for name in ("a", "b", "c"):
        commit(f"side {name}", "3" if name == "a" else f"2{name}")
    git(project, "checkout", "-q", "-")
    (project / "elsewhere").write_text("")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "elsewhere")
    git(project, "merge", "-q", "--no-ff", "-m", "merge", "side")
    repository = Repository(project)
    good = repository.commit("side~3")
    asked = []

    def judge(at: str) -> str:
        asked.append(repository.subject(at))
        number = git(project, "show", f"{at}:number")
        return SKIP if "side a" in asked[-1] else BAD if number.startswith("2") else GOOD

    with repository.worktree("HEAD") as worktree:
        found = search(worktree, good, repository.commit("HEAD"), Path("number"), judge)
    assert {repository.subject(each) for each in found} == {"side a", "side b"}
    assert "elsewhere" not in asked


@pytest.mark.slow
def test_a_real_bench_is_bisected(tmp_path: Path) -> None:
    """Its recipes are the commit's: another level of optimisation is found."""
    feature = tmp_path / "recipes" / "features" / "mine.yaml"
    feature.parent.mkdir(parents=True)
    git(tmp_path, "init", "-q")
    for subject, level in (("one", "O2"), ("two", "O2"), ("three", "Os"), ("four", "Os")):
        feature.write_text(f"# {subject}\ndescription: x\nsets: {{optimise: {level}}}\n")
        git(tmp_path, "add", "recipes")
        git(tmp_path, "commit", "-q", "-m", subject)
    done = doit(tmp_path, "bisect-commit", "sine-tinyc-stm32f7+mine", "--good", "HEAD~3", "--metric", "rom")
    assert done.returncode == 0, done.stderr
    assert f"{git(tmp_path, 'rev-parse', 'HEAD~1').strip()} three" in done.stdout
