"""Which commit a session's results are from: asked of git, as the session begins and when something is recorded."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tinyflow.flow.publishing.revision import Checkout

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *words: str) -> None:
    """Run git as somebody."""
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project in a folder of a repository, with one commit."""
    git(tmp_path, "init")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "kernel.c").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    return folder


def test_without_a_commit_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No repository, one that is empty, no git: no commit, and nothing is called dirty."""
    assert Checkout(tmp_path).measured == (None, False)
    git(tmp_path, "init")
    assert Checkout(tmp_path).measured == (None, False)
    monkeypatch.setenv("PATH", "")
    assert Checkout(tmp_path).measured == (None, False)


def test_what_tinyflow_writes_makes_no_commit_another(repository: Path) -> None:
    """Histories and baselines may be in the repository: a new line there is no edit of what was measured."""
    for name in ("history", "baselines"):
        (repository / name).mkdir()
        (repository / name / "x").write_text("1")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "second")
    for name in ("history", "baselines"):
        (repository / name / "x").write_text("2")
    assert Checkout(repository).measured[1] is False
    (repository / "kernel.c").write_text("2")
    assert Checkout(repository).measured[1] is True


def test_a_recipe_that_git_does_not_know_is_an_edit(repository: Path) -> None:
    """A commit without it would not give the result; a note beside it is nothing."""
    (repository / "notes.txt").write_text("")
    assert Checkout(repository).measured[1] is False
    (repository / "recipes").mkdir()
    (repository / "recipes" / "new.yaml").write_text("")
    assert Checkout(repository).measured[1] is True


def test_a_commit_made_while_a_session_ran_gets_none_of_its_results(repository: Path) -> None:
    """They are from the commit before, and perhaps from edited files."""
    checkout = Checkout(repository)
    began, _ = checkout.began
    (repository / "kernel.c").write_text("2")
    git(repository, "commit", "-am", "second")
    assert checkout.measured == (began, True)
