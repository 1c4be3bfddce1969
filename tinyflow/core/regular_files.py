"""Opening a file that may be anything by now: a folder, a pipe, a device, a file on a dying disk. It never waits."""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO
from pathlib import Path

from tinyflow.core.errors import CacheError

# Faults of this process or machine, which say nothing of the file.
_NOT_THE_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Unreadable(Exception):
    """What is not a regular file, or can't be read; the text says which: `a pipe`, `Input/output error`."""


class Regular:
    """An open regular file, read from its beginning."""

    def __init__(self, path: Path) -> None:
        """Raises FileNotFoundError where nothing is there, Unreadable, and CacheError where nothing can be opened."""
        self._path = path
        try:
            _require_regular(os.stat(path).st_mode)  # noqa: PTH116 (asked of every blob), opening a device may do things
            # With O_NONBLOCK a pipe that came between would not be waited for.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            self._file = FileIO(descriptor)
            found = self._look()
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR) and not path.is_symlink():
                raise FileNotFoundError(error.errno, error.strerror, str(path)) from None
            raise _fault(path, error) from error
        self.size_bytes, self.owner = found.st_size, found.st_uid

    def _look(self) -> os.stat_result:
        found = os.fstat(self._file.fileno())
        try:
            _require_regular(found.st_mode)
        except Unreadable:
            self._file.close()
            raise
        return found

    def __enter__(self) -> Regular:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def read(self, size_bytes: int = -1) -> bytes:
        """The next bytes, all that are left without a number. Raises Unreadable."""
        try:
            return self._file.read(size_bytes) or b""
        except OSError as error:
            raise _fault(self._path, error) from error

    def attribute(self, name: str) -> bytes | None:
        """An extended attribute; None where there is none, or where the file system keeps none."""
        try:
            return os.getxattr(self._file.fileno(), name)
        except (OSError, AttributeError):  # macOS has no os.getxattr
            return None


def small_text(path: Path) -> str:
    """A file of ours with less than 1 MiB, in UTF-8. Raises OSError and ValueError, whatever lies there."""
    try:
        with Regular(path) as file:
            return file.read(1 << 20).decode()
    except Unreadable as error:
        raise OSError(str(error)) from None


def _require_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise Unreadable(_KINDS.get(stat.S_IFMT(mode), "no regular file"))


def _fault(path: Path, error: OSError) -> Exception:
    if error.errno in _NOT_THE_FILES:
        return CacheError(f"can't be read: {error.strerror}", where=str(path), hint="end other programs, and run again")
    return Unreadable(error.strerror or str(error))
