"""Folders and files of passage: fresh, private, and gone afterwards, also when the session that made them was killed.

Each is held by a kernel lock as long as its maker lives. What nobody holds is what a killed session left.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from tinyflow.core import lock, reaper


class Scratch:
    """Folders in which actions run. What runs in them, and what a killed session left, ends with the session."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._held = contextlib.ExitStack()
        self._place: Path | None = None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A fresh folder, removed at the end."""
        with self._lock:
            if self._place is None:
                self._place = self._begin()
        with tempfile.TemporaryDirectory(dir=self._place, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def _begin(self) -> Path:
        """Make this session's own place, and clear those that nobody holds."""
        self._root.mkdir(parents=True, exist_ok=True)
        clear(self._root, "")
        place = self._held.enter_context(fresh_folder(self._root, ""))
        self._held.callback(os.close, reaper.watch(place))
        return place

    def close(self) -> None:
        """Remove this session's place."""
        with self._lock:
            self._held.close()
            self._place = None


@contextlib.contextmanager
def fresh_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder in `parent`, held, and removed at the end. Raises OSError."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        try:
            held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # `clear` came between
            continue
        try:
            lock.mark_held(held)
            if lock.is_same_file(held, folder):
                yield folder
                return
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)


@contextlib.contextmanager
def fresh_file(parent: Path, prefix: str) -> Iterator[tuple[int, Path]]:
    """A new file in `parent`, held, as open descriptor and path; removed at the end if it is still there."""
    while True:
        descriptor, name = tempfile.mkstemp(dir=parent, prefix=prefix)
        try:
            lock.mark_held(descriptor)
            if lock.is_same_file(descriptor, Path(name)):
                yield descriptor, Path(name)
                return
        finally:
            with contextlib.suppress(OSError):
                os.unlink(name)  # noqa: PTH108 (as short as it gets)
            os.close(descriptor)


def clear(parent: Path, prefix: str) -> None:
    """Remove the folders and files of that prefix that nobody holds. What can't be held or removed stays."""
    with contextlib.suppress(OSError):
        for path in [Path(entry.path) for entry in os.scandir(parent) if entry.name.startswith(prefix)]:
            lock.remove_unheld(path)
