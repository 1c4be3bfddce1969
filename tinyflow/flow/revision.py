"""The commit of a project's folder, asked of git. Where there is no git or no repository there is no commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

_TIMEOUT_S = 5.0


def current_revision(folder: Path) -> tuple[str | None, bool]:
    """The commit that is checked out, and whether files that git knows differ from it."""
    commit = resolve_revision(folder, "HEAD")
    return commit, commit is not None and bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))


def resolve_revision(folder: Path, name: str) -> str | None:
    """The commit that a name stands for, in full."""
    if name.startswith("-"):
        return None
    return _git(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")


def ancestors(folder: Path, commit: str) -> frozenset[str]:
    """A commit and all before it."""
    return frozenset((_git(folder, "rev-list", commit) or "").split())


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
