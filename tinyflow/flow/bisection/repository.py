"""A user's git repository and a worktree of it in a scratch place. Their files and index stay as they are.

Git's own bisection and its marks belong to a worktree, so that nothing of it is seen in the user's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tinyflow.core.errors import ToolError, UsageError
from tinyflow.core.lock import remove_unheld
from tinyflow.core.scratch import fresh_folder
from tinyflow.flow.publishing.revision import EDITED, NEW_RECIPES

_PREFIX = "tinyflow-bisect-"
# Hooks are for who commits, and nobody wants a repository packed for a worktree that is gone in a minute.
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "advice.detachedHead=false")
# A commit of the same content is the same commit.
_NOBODY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "nobody"), ("EMAIL", "nobody@localhost"), ("DATE", "1980-01-01T00:00:00Z"))
}
UNCOMMITTED = "what is not committed"


class Repository:
    """Commits and trees, by name; worktrees that end with a `with`."""

    def __init__(self, folder: Path) -> None:
        """`folder` lies in it. Raises UsageError where it doesn't, ToolError where there is no git."""
        if shutil.which("git") is None:
            raise ToolError("git is not installed", hint="commits are looked for by git", missing=True)
        found = git(folder, "rev-parse", "--show-toplevel", check=False)
        if not found:
            raise UsageError(f"{folder} is not in a git repository", hint="a commit is one of a git repository's")
        self.top = Path(found).resolve()
        self.within = folder.resolve().relative_to(self.top)  # where the project lies in it

    def commit(self, name: str) -> str:
        """The commit that a name stands for. Raises UsageError."""
        found = (
            ""
            if name.startswith("-")
            else git(self.top, "rev-parse", "-q", "--verify", f"{name}^{{commit}}", check=False)
        )
        if not found:
            raise UsageError(f'"{name}" is no commit of {self.top}', hint="a branch, tag, HEAD~3 or digits of a commit")
        return found

    def tree(self, commit: str, within: Path) -> str | None:
        """The digest of all files of a commit below a folder; None where it has no such folder."""
        place = "" if within == Path() else within.as_posix()
        return git(self.top, "rev-parse", "-q", "--verify", f"{commit}:{place}", check=False) or None

    def subject(self, commit: str) -> str:
        """The first line of its message."""
        return git(self.top, "log", "-1", "--format=%s", commit)

    def count(self, good: str, bad: str, within: Path) -> int:
        """How many commits lie between the two, the bad one among them, that change something below a folder."""
        return int(git(self.top, "rev-list", "--count", f"{good}..{bad}", "--", *below(within)))

    def parent(self, commit: str) -> str | None:
        """The commit before it, the first one of a merge's; None of the first one of all."""
        return git(self.top, "rev-parse", "-q", "--verify", f"{commit}^", check=False) or None

    def changed(self, old: str, new: str) -> list[str]:
        """The files in which two commits differ, as `M path`."""
        lines = git(self.top, "diff", "--name-status", "--no-renames", old, new).splitlines()
        return [line.replace("\t", " ") for line in lines]

    def uncommitted(self) -> str | None:
        """A commit of HEAD with what differs from it in this checkout; None where nothing does.

        It is on no branch; git's next clean-up takes it. Of files that git doesn't know recipes alone are in it.
        """
        with tempfile.TemporaryDirectory() as scratch:
            index = Path(scratch) / "index"
            own = Path(git(self.top, "rev-parse", "--path-format=absolute", "--git-path", "index"))
            if own.is_file():
                shutil.copyfile(own, index)
            environment = {"GIT_INDEX_FILE": str(index)}
            root = self.top / self.within
            git(root, "add", "--update", *EDITED, environment=environment)
            if new := git(root, *NEW_RECIPES):
                git(root, "add", "--", *filter(None, new.split("\0")), environment=environment)
            tree = git(self.top, "write-tree", environment=environment)
        if tree == git(self.top, "rev-parse", "HEAD^{tree}"):
            return None
        return git(self.top, "commit-tree", tree, "-p", "HEAD", "-m", UNCOMMITTED, environment=_NOBODY)

    @contextlib.contextmanager
    def worktree(self, commit: str) -> Iterator[Path]:
        """A worktree of this repository, with no file in it yet, and a folder around it, both gone at the end."""
        self._clear_killed()
        with fresh_folder(Path(tempfile.gettempdir()).resolve(), _PREFIX) as scratch:
            place = scratch / scratch.name  # git calls a worktree by the last part of its path
            try:
                git(self.top, "worktree", "add", "--detach", "--no-checkout", str(place), commit)
                yield place
            finally:
                git(self.top, "worktree", "remove", "--force", "--force", str(place), check=False)

    def _clear_killed(self) -> None:
        """Remove the worktrees of runs that were killed; nothing of a living one, nothing of the user's."""
        listed = git(self.top, "worktree", "list", "--porcelain").splitlines()
        places = [Path(line.removeprefix("worktree ")) for line in listed if line.startswith("worktree ")]
        for place in places:
            if place.name.startswith(_PREFIX) and place.parent.name == place.name:
                remove_unheld(place.parent)
                if not place.exists():
                    git(self.top, "worktree", "remove", "--force", "--force", str(place), check=False)


def below(within: Path) -> list[str]:
    """What git takes for the files below a folder of its repository: nothing where that is all."""
    return [] if within == Path() else [f":/{within.as_posix()}"]


def git(folder: Path, *words: str, check: bool = True, environment: Mapping[str, str] | None = None) -> str:
    """What git says, without the spaces around it. ToolError where it fails; unless `check`, then nothing is said."""
    status, said = ask_git(folder, words, environment or {})
    if status and check:
        raise ToolError(f"git {words[0]}: {said.partition(chr(10))[0]}", command=("git", *words), status=status)
    return "" if status else said


def ask_git(folder: Path, words: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Its exit status, and what it said: of what went wrong where it did."""
    # of a hook that we run in, which would make another repository of it
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *_QUIET, *words],
        cwd=folder,
        env={**kept, "LC_ALL": "C", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )
    said = done.stdout if not done.returncode else f"{done.stderr.strip()}\n{done.stdout}"
    return done.returncode, said.strip()
