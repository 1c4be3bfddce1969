"""What a bench gives at a commit: the commit's own code and recipes make it, in a worktree, with the shared cache.

What is known of a commit's files is kept by their digest, so that it is asked for once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tinyflow
from tinyflow.core import process, safe_text
from tinyflow.core.digest import of_file
from tinyflow.core.errors import CacheError
from tinyflow.flow.atomic_files import write_if_changed
from tinyflow.flow.bisection.repository import Repository, git
from tinyflow.flow.version import describe
from tinyflow.recipes.bench import Bench
from tinyflow.recipes.catalogue import data_folder
from tinyflow.report.frame import flatten

Row = Mapping[str, Any]
# As the console script does; without the working directory on the path, where a module may be called as one of ours.
_PROGRAM = "import sys; sys.path.pop(0); from tinyflow.flow.cli import main; sys.exit(main())"
_LAST_WORDS_S = 5.0
_PACKAGE = Path(tinyflow.__file__).resolve().parent
# What another day may give: nothing of it is kept.
_PASSING = ("cancelled", "timeout")
_ENDS = (0, 1, 2)  # exit statuses of a run that came to its end
_DECIDING = ("TINYFLOW_MIRRORS", "TINYFLOW_RECIPES")


@dataclass(frozen=True)
class Given:
    """What a commit's bench gives: a row of `results`, or why there is none."""

    row: Row
    skipped: str = ""


class Measuring:
    """A bench at any commit of a repository."""

    def __init__(self, repository: Repository, bench: Bench, kept: Path, cache: Path, options: Sequence[str]) -> None:
        """`kept` is the folder for what is known, `options` are those of each run."""
        self._repository = repository
        self._bench = bench
        self._kept = kept
        self._environment = {"TINYFLOW_CACHE": str(cache)}
        self._options = options
        self._own = None
        if _PACKAGE.is_relative_to(repository.top):  # a checkout of ours: each commit brings its own
            self._own = _PACKAGE.parent.relative_to(repository.top)
        self.runs = 0

    @property
    def within(self) -> Path:
        """The folder of the repository that decides what is measured."""
        return self._repository.within if self._own is None else Path()

    def at(self, commit: str, worktree: Path) -> Given:
        """What the bench gives there, known or run in this worktree."""
        tree = self._repository.tree(commit, self.within)
        if tree is None:
            return Given({}, f"there is no folder {self.within}")
        path = self._kept / f"{self._key(tree)}.json"
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Given(**json.loads(path.read_bytes()))
        self.runs += 1
        git(worktree, "checkout", "--quiet", "--force", "--detach", commit)
        git(worktree, "clean", "-ffdxq")  # a run writes histories, which may be in the repository
        given, status = self._run(worktree)
        is_lasting = status in _ENDS and given.row.get("status") not in _PASSING
        if is_lasting and not str(given.row.get("reason", "")).startswith("fetch:"):
            with contextlib.suppress(CacheError):
                write_if_changed(path, safe_text.json_text({"row": dict(given.row), "skipped": given.skipped}))
        return given

    def _key(self, tree: str) -> str:
        """A digest of all that decides what a bench gives, but the machine."""
        code = "" if self._own is not None else _code()
        model = Path(self._bench.model).expanduser()
        content = of_file(model) if self._bench.is_file and model.is_file() else ""
        places = [os.environ.get(name, "") for name in _DECIDING]
        facts = [str(self._bench), content, tree, code, *places, *describe()[2:]]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()

    def _run(self, worktree: Path) -> tuple[Given, int]:
        """What comes of it, and the exit status."""
        root = worktree / self._repository.within
        root.mkdir(parents=True, exist_ok=True)  # git knows no empty folders
        bench = replace(self._bench, model=self._model(worktree))
        environment = {**os.environ, **self._environment}
        if self._own is not None:
            environment["PYTHONPATH"] = os.pathsep.join(
                [str(worktree / self._own), *filter(None, [os.environ.get("PYTHONPATH")])]
            )
        log = worktree.with_name("log")
        command = [sys.executable, "-c", _PROGRAM, *self._options, f"bench:{bench}"]
        with log.open("wb") as stream:
            status = _call(command, root, environment, stream.fileno())
        reports = sorted((root / "build").glob("*/report.json"))
        if len(reports) != 1:
            return Given({}, _last_words(log) or process.end_of(status)), status
        try:
            return Given(flatten(json.loads(reports[0].read_bytes()))), status
        except (ValueError, KeyError, TypeError, AttributeError):
            return Given({}, "its report.json has another form"), status

    def _model(self, worktree: Path) -> str:
        """The model's name, or where its file lies: in the worktree if it came with the commit."""
        if not self._bench.is_file:
            return self._bench.model
        path = Path(self._bench.model).expanduser().resolve()
        if path.is_relative_to(self._repository.top):
            own = worktree / path.relative_to(self._repository.top)
            return str(own if own.is_file() else path)
        return str(path)


def _call(command: Sequence[str], folder: Path, environment: Mapping[str, str], log: int) -> int:
    """Run it until it ends; told to stop, it is told to stop, too."""
    child = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=process.with_parent(),
    )
    try:
        return child.wait()
    except BaseException:
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_LAST_WORDS_S)
        raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _last_words(log: Path) -> str:
    """Why a run made no report: its refusal, without hints, or what a bug says at the end of its traceback."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    plain = [line for line in lines if not line.startswith(" ")]
    is_bug = any(line.startswith("Traceback") for line in lines)
    return safe_text.shown(plain[-1 if is_bug else 0]) if plain else ""


def _code() -> str:
    """Our own code and recipes, by the times and sizes of their files: this is kept on one machine only."""
    found = hashlib.sha256()
    for folder in dict.fromkeys((_PACKAGE, data_folder() / "recipes", data_folder() / "templates")):
        for path, size, changed in sorted(_files(folder)):
            found.update(f"{path}\0{size}\0{changed}\n".encode())
    return found.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != "__pycache__":
                    yield from _files(Path(entry.path))
            else:
                stat = entry.stat(follow_symlinks=False)
                yield entry.path, stat.st_size, stat.st_mtime_ns
