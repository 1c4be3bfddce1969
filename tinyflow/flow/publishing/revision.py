"""The commit of a project's folder, asked of git. Where there is no git or no repository there is no commit."""

from __future__ import annotations

import subprocess
from functools import cached_property
from pathlib import Path

_TIMEOUT_S = 5.0
# What tinyflow writes into a project; that it did makes no result one of another commit.
_WRITTEN = ("build", "cache", "history", "baselines")
# Paths of files whose edits matter, seen from a project's folder, and how git lists the recipes that it doesn't know.
EDITED = ("--", ":/", *(f":(exclude){name}" for name in _WRITTEN))
_STATUS = ("--no-optional-locks", "status", "--porcelain=v2", "--branch", "--untracked-files=no", *EDITED)
NEW_RECIPES = ("ls-files", "--others", "--exclude-standard", "-z", "--", "recipes", "templates")

Revision = tuple[str | None, bool]  # commit, and whether files that matter differ from it


class Checkout:
    """What is checked out while a session runs. Git is asked in the background, and a second time only if need be."""

    def __init__(self, folder: Path) -> None:
        """Ask for the commit as the session begins."""
        self._folder = folder
        self._asked = _start(folder)

    @cached_property
    def began(self) -> Revision:
        """The commit as the session began, and whether files that git knows differed from it."""
        return _parse(_end(self._asked))

    @cached_property
    def measured(self) -> Revision:
        """The commit that results of this session are from; not of its files alone where these changed meanwhile."""
        commit, is_dirty = self.began
        is_dirty = is_dirty or _parse(_end(_start(self._folder))) != self.began
        return commit, commit is not None and (is_dirty or bool(_git(self._folder, *NEW_RECIPES)))


def resolve_revision(folder: Path, name: str) -> str | None:
    """The commit that a name stands for, in full."""
    if name.startswith("-"):
        return None
    return _git(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")


def ancestors(folder: Path, commit: str) -> frozenset[str]:
    """A commit and all before it."""
    return frozenset((_git(folder, "rev-list", commit) or "").split())


def _parse(status: str | None) -> Revision:
    lines = (status or "").splitlines()
    commits = [line.rpartition(" ")[2] for line in lines if line.startswith("# branch.oid ")]
    if not commits or commits[0] == "(initial)":
        return None, False
    return commits[0], any(not line.startswith("#") for line in lines)


def _git(folder: Path, *words: str) -> str | None:
    return _end(_start(folder, words))


def _start(folder: Path, words: tuple[str, ...] = ()) -> subprocess.Popen[str] | None:
    """Git on its way: what is asked of it, else the status; None where there is none to ask."""
    if not any((place / ".git").exists() for place in (folder, *folder.parents)):
        return None
    try:
        return subprocess.Popen(
            ["git", "-C", str(folder), *(words or _STATUS)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="surrogateescape",
        )
    except OSError:
        return None


def _end(process: subprocess.Popen[str] | None) -> str | None:
    """What it said; None where it failed or said nothing."""
    if process is None:
        return None
    try:
        said, _ = process.communicate(timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    return said.strip() or None if process.returncode == 0 else None
