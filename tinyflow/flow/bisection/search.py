"""The commit that `git bisect` finds, asked commit by commit. It knows nothing of what makes one good or bad."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tinyflow.core.errors import UsageError
from tinyflow.flow.bisection.repository import ask_git, below, git

GOOD, BAD, SKIP = "good", "bad", "skip"
_ONLY_SKIPPED = 2  # git's exit status where no other commits are left
# of `git bisect log`, which git itself reads again
_FOUND = re.compile(r"^# first bad commit: \[(\w+)\]", re.MULTILINE)
_POSSIBLE = re.compile(r"^# possible first bad commit: \[(\w+)\]", re.MULTILINE)


def search(worktree: Path, good: str, bad: str, within: Path, judge: Callable[[str], str]) -> list[str]:
    """Let `judge` say GOOD, BAD or SKIP of commits until git knows the first that is bad.

    They are several where those that could tell them apart had to be skipped. Raises UsageError where no way leads from
    one to the other. Commits that change nothing below the folder `within` are passed over.
    """
    paths = ["--", *below(within)]
    status, said = ask_git(worktree, ("bisect", "start", "--no-checkout", bad, good, *paths), {})
    while not status:
        log = git(worktree, "bisect", "log")
        if found := _FOUND.findall(log):
            return found[-1:]
        status, said = ask_git(worktree, ("bisect", judge(git(worktree, "rev-parse", "BISECT_HEAD"))), {})
    if status == _ONLY_SKIPPED:
        return _POSSIBLE.findall(git(worktree, "bisect", "log"))
    raise UsageError(said.partition("\n")[0].rstrip(), hint="--good names a commit that came before --bad")
