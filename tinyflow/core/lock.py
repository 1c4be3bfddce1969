"""A lock by name among all threads and processes that share a folder, on one machine or a file system with flock."""

from __future__ import annotations

import contextlib
import fcntl
import os
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
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            while not _try_lock(descriptor):
                check()
                time.sleep(_POLL_S)
            if _is_same_file(descriptor, path):
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


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
