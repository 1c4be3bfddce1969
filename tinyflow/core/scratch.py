"""Folders in which actions run: fresh, private, and gone afterwards, also when a session was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path


class Scratch:
    """Folders in which actions run; those of a session that was killed are removed by the next one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._place: Path | None = None
        self._held = -1
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A fresh folder, removed at the end."""
        with self._lock:
            if self._place is None:
                self._place = self._begin()
        folder = Path(tempfile.mkdtemp(dir=self._place))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _begin(self) -> Path:
        """Make this session's own place, marked as in use by a lock, and clear those that nobody holds."""
        self._root.mkdir(parents=True, exist_ok=True)
        for mark in sorted(self._root.glob("*.lock")):
            with contextlib.suppress(OSError), mark.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(mark.with_suffix(""), ignore_errors=True)
                mark.unlink(missing_ok=True)
        place = Path(tempfile.mkdtemp(dir=self._root))
        self._held = os.open(place.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._held, fcntl.LOCK_EX)
        return place

    def close(self) -> None:
        """Remove this session's place."""
        with self._lock:
            if self._place is not None:
                shutil.rmtree(self._place, ignore_errors=True)
                self._place.with_suffix(".lock").unlink(missing_ok=True)
                os.close(self._held)
                self._place = None
