"""Files and folders of the user's project, written whole: prepared aside, synced, and renamed into their place."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tinyflow.core.errors import CacheError
from tinyflow.core.regular_files import Regular, Unreadable
from tinyflow.core.scratch import clear, fresh_file, fresh_folder

_FOLDER, _FILE = ".view-", ".report-"  # what is not yet in its place
_ATTEMPTS = 100  # another process may write the same folder at the same time


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises CacheError where a place can't be written: no space, no right."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise CacheError(f"can't be written: {error.strerror or error}", where=str(path)) from error


@contextlib.contextmanager
def replacing(folder: Path, keep: Path | None = None) -> Iterator[Path]:
    """A fresh folder that takes `folder`'s place at the end; what was there is moved to `keep`, else it goes."""
    with fresh_folder(folder.parent, _FOLDER) as aside:
        fresh = aside / "new"
        fresh.mkdir()
        yield fresh
        for path in fresh.rglob("*"):
            if path.is_file():
                _sync(path)
        old: Path | None = None
        for attempt in range(_ATTEMPTS):
            with contextlib.suppress(FileNotFoundError):
                old = folder.rename(aside / f"old{attempt}")
            try:
                fresh.rename(folder)
                break
            except OSError as error:
                refusal = error
        else:
            raise refusal
        if keep is not None and old is not None:
            with contextlib.suppress(OSError):
                _move(old, keep)


def _move(old: Path, keep: Path) -> None:
    keep.parent.mkdir(parents=True, exist_ok=True)
    if keep.is_dir() and not keep.is_symlink():
        shutil.rmtree(keep, ignore_errors=True)
    else:
        keep.unlink(missing_ok=True)  # rmtree would wait at a pipe
    old.rename(keep)


def write_if_changed(path: Path, text: str | bytes) -> None:
    """Replace a file whole, unless it says this already. Raises CacheError."""
    content = text.encode() if isinstance(text, str) else text
    if not path.is_symlink():
        with contextlib.suppress(OSError, Unreadable, CacheError), Regular(path) as file:
            if file.read() == content:
                return
    with writing(path):
        clear(path.parent, _FILE)
        with fresh_file(path.parent, _FILE) as (descriptor, fresh):
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(content)
            fresh.chmod(0o644)
            os.fsync(descriptor)
            fresh.replace(path)


def clear_killed(build: Path) -> None:
    """Remove what runs that were killed while they wrote left below `build/`; nothing of a living one."""
    clear(build, _FOLDER)
    clear(build / "suites", _FOLDER)
    for folder in (build, *_folders(build), *_folders(build / "suites")):
        clear(folder, _FILE)


def _folders(parent: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(parent) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _sync(path: Path) -> None:
    """Have a file's content on the disk before its name is."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
