"""The content-addressed store and the results that name its blobs: bytes by digest, on disk, all or nothing.

Readers see whole blobs or none. What is damaged is a miss and is moved away; it is never used and never fatal.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tinyflow.core import digest
from tinyflow.core.errors import CacheError

_RESULT_HEADER = b"tinyflow result 1 "
_LOCK_POLL_S = 0.02


@dataclass(frozen=True)
class Result:
    """What an action key leads to."""

    key: str
    key_text: str
    outputs: Mapping[str, str]  # output name → digest; of a tree: digest of its listing
    duration_s: float
    log: str  # digest

    def to_file(self) -> bytes:
        """The bytes of a result's file: a header with the digest of the JSON that follows."""
        body = json.dumps(asdict(self), sort_keys=True).encode()
        return _RESULT_HEADER + digest.of_bytes(body).encode() + b"\n" + body

    @staticmethod
    def from_file(data: bytes) -> Result:
        """The inverse of `to_file`; ValueError where the bytes are damaged or something else."""
        header, _, body = data.partition(b"\n")
        if header != _RESULT_HEADER + digest.of_bytes(body).encode():
            raise ValueError("damaged")
        try:
            fields: dict[str, Any] = json.loads(body)
            return Result(**fields)
        except TypeError as error:
            raise ValueError("not a result") from error


class Store:
    """One cache folder: `cas/` (blobs), `results/` (action key → result), `tmp/`, `locks/`, `damaged/`."""

    def __init__(self, root: Path, say: Callable[[str], None] = lambda line: None) -> None:
        """Use the folder, made on the first write; `say` gets one line for whatever was found damaged."""
        self.root = root
        self._say = say

    # Blobs

    def blob_path(self, name: str) -> Path:
        """Where a blob lies, if it is there."""
        hexadecimal = name.removeprefix("sha256:")
        if len(hexadecimal) != 64 or not hexadecimal.isalnum():
            raise ValueError(f"not a digest: {name!r}")
        return self.root / "cas" / hexadecimal[:2] / hexadecimal[2:]

    def has(self, name: str) -> bool:
        """Whether a blob of this name is there; its content is checked when it is read."""
        return self.blob_path(name).exists()

    def add_file(self, path: Path) -> str:
        """Keep a file's content; returns its digest."""
        with path.open("rb") as source:
            return self._add(source)

    def add_bytes(self, data: bytes) -> str:
        """Keep some bytes; returns their digest."""
        name = digest.of_bytes(data)
        if not self.has(name):
            with self._new_file() as (file, place):
                file.write(data)
                place(self.blob_path(name))
        return name

    def add_tree(self, folder: Path) -> str:
        """Keep all files of a folder; returns the digest of its listing, which is a blob too."""
        return self.add_bytes(
            digest.tree_listing((name, self.add_file(path)) for name, path in digest.tree_files(folder))
        )

    def read(self, name: str) -> bytes | None:
        """A blob's bytes, or None where it is missing or damaged."""
        try:
            data = self.blob_path(name).read_bytes()
        except OSError:
            return None
        if digest.of_bytes(data) != name:
            self._set_aside(self.blob_path(name))
            return None
        return data

    def copy_blob(self, name: str, target: Path) -> bool:
        """Copy a blob to a fresh file, checking every byte; False where it is missing or damaged."""
        try:
            found = digest.copy_file(self.blob_path(name), target)
        except FileNotFoundError:
            return False
        if found != name:
            target.unlink()
            self._set_aside(self.blob_path(name))
            return False
        return True

    def copy_tree(self, name: str, target: Path) -> bool:
        """Copy a tree into a folder, checking every byte; False where a part is missing or damaged."""
        entries = self.tree_entries(name)
        if entries is None:
            return False
        target.mkdir(parents=True, exist_ok=True)
        return all(self.copy_blob(blob, target / path) for path, blob in entries)

    def is_complete(self, outputs: Mapping[str, str]) -> bool:
        """Whether every blob that these outputs need is there."""
        for output, name in outputs.items():
            if not self.has(name):
                return False
            if output.endswith("/"):
                entries = self.tree_entries(name)
                if entries is None or not all(self.has(blob) for _, blob in entries):
                    return False
        return True

    def tree_entries(self, name: str) -> list[tuple[str, str]] | None:
        """A tree's (path, digest) pairs, or None where its listing is missing or damaged."""
        listing = self.read(name)
        if listing is None:
            return None
        try:
            return digest.parse_listing(listing)
        except ValueError:
            return None

    def _add(self, source: BinaryIO) -> str:
        with self._new_file() as (file, place):
            name = digest.copy_digesting(source, file)
            if not self.has(name):
                place(self.blob_path(name))
        return name

    # Results

    def _result_path(self, key: str) -> Path:
        hexadecimal = key.removeprefix("sha256:")
        return self.root / "results" / hexadecimal[:2] / hexadecimal[2:]

    def look_up(self, key: str) -> Result | None:
        """The result of an action key, if it is whole and all its blobs are there."""
        path = self._result_path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        try:
            result = Result.from_file(data)
            if result.key != key:
                raise ValueError("of another key")
        except ValueError:
            self._set_aside(path)
            return None
        return result if self.is_complete(result.outputs) else None

    def keep(self, result: Result) -> None:
        """Make a result known. Its blobs must have been added before: who sees the result finds them."""
        with self._new_file() as (file, place):
            file.write(result.to_file())
            place(self._result_path(result.key))

    # Files

    @contextlib.contextmanager
    def _new_file(self) -> Iterator[tuple[BinaryIO, Callable[[Path], None]]]:
        """A fresh file in `tmp/` and the function that syncs it and renames it to its place."""
        try:
            (self.root / "tmp").mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self.root / "tmp")
        except OSError as error:
            raise self._unwritable(error) from error
        path = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:

                def place(target: Path) -> None:
                    file.flush()
                    os.fsync(file.fileno())
                    path.chmod(0o444)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    path.replace(target)

                yield file, place
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            path.unlink(missing_ok=True)

    def _unwritable(self, error: OSError) -> CacheError:
        return CacheError(
            f"can't write to the cache: {error.strerror or error}",
            where=str(self.root),
            hint="free some space, or set TINYFLOW_CACHE to a folder that can be written",
        )

    def _set_aside(self, path: Path) -> None:
        """Move a damaged file out of the way, so that it is made again and can be looked at."""
        aside = self.root / "damaged" / f"{path.parent.parent.name}-{path.parent.name}{path.name}"
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            path.replace(aside)
            self._say(f"cache: {path.parent.name}{path.name[:10]}… was damaged; moved to {aside.parent} and made again")
        except OSError:
            self._say(f"cache: {path} is damaged and can't be moved; ignored")

    @contextlib.contextmanager
    def lock(self, key: str, is_cancelled: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Hold a key among all processes and threads that share this cache: equal work waits instead of running twice.

        The file is removed while held, so a waiter that gets the lock of a removed file tries again with a new one.
        """
        path = self.root / "locks" / key.removeprefix("sha256:")
        descriptor = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            while True:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
                while not _try_lock(descriptor) and not is_cancelled():
                    time.sleep(_LOCK_POLL_S)
                if is_cancelled() or _is_same_file(descriptor, path):
                    break
                os.close(descriptor)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
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
