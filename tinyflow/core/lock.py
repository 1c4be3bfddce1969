"""A lock by name among all threads and processes that share a folder, on one machine or a file system with flock."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_POLL_S = 0.02


@contextlib.contextmanager
def hold(path: Path, check: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock that this file stands for; `check` is called while waiting and may raise.

    The file is removed while held, so that locks leave nothing behind; who then gets the lock of a removed file tries
    again with a new one. The kernel drops the lock of a process that dies. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            while not _try_lock(descriptor):
                check()
                time.sleep(_POLL_S)
            if is_same_file(descriptor, path):
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_same_file(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one that lies at a path."""
    try:
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def mark_held(descriptor: int) -> None:
    """Let an open file or folder count as held until it is closed; a file system without locks does without."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def remove_unheld(path: Path) -> None:
    """Remove a folder or file unless somebody holds it; never through a link. What can't be held or removed stays."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not _try_lock(descriptor):
                return
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif is_same_file(descriptor, path):
                path.unlink()
        finally:
            os.close(descriptor)
