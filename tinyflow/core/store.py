"""The content-addressed store and the results that name its blobs: bytes by digest, on disk, all or nothing.

Readers see whole blobs or none. What is damaged is a miss and is moved away; it is never used and never fatal.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tinyflow.core import digest, lock
from tinyflow.core.errors import CacheError

_RESULT_HEADER = b"tinyflow result 1 "
_SMALL_BYTES = 1 << 20  # what is read at once, to see whether it is known before anything is written
_CHECK = "user.tinyflow.xxh3"  # an attribute of a blob's file: the check of its content, as it was stored here
_FOLDERS = 256  # of blobs, by the first two digits
_ENTRIES_PER_QUESTION = 3  # that can be listed in the time in which one file is asked for (1.1 us, 3.7 us)


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
            result = Result(**fields)
            names = [result.key, result.log, *result.outputs.values()]
        except (TypeError, AttributeError) as error:
            raise ValueError("not a result") from error
        if not all(map(digest.is_digest, names)):  # they become paths
            raise ValueError("names what is no digest")
        return result


class _Listings(dict[str, frozenset[str]]):
    """The names in each folder of a folder, read when first asked for."""

    def __init__(self, root: str) -> None:
        self._root = root

    def __missing__(self, folder: str) -> frozenset[str]:
        try:
            names = frozenset(os.listdir(f"{self._root}/{folder}"))  # noqa: PTH208 (makes no Path of each)
        except OSError:
            names = frozenset()
        self[folder] = names
        return names


class Store:
    """A cache folder: `cas/` (blobs), `results/` (action key → result), `tmp/`, `locks/`, `damaged/`.

    Where the folder can't be written, what is new goes to a second folder that only this checkout uses.
    """

    def __init__(self, root: Path, say: Callable[[str], None] = lambda line: None, own: Path | None = None) -> None:
        """Folders are made on the first write. `own` is the second folder. `say` gets one line for what went wrong."""
        self.root = root
        self._own = own
        self._roots = [root] if own is None or not own.is_dir() else [root, own]
        self._is_read_only = False
        self._damaged: set[Path] = set()  # found in this session, and could not be moved
        self._listed: _Listings | None = None
        self._say = say

    @property
    def own(self) -> Path | None:
        """The second folder."""
        return self._own

    # Blobs

    def blob_path(self, name: str) -> Path:
        """Where a blob lies; where it would lie, if it is not there. ValueError for what is no digest."""
        return self._find("cas", name) or _place(self._write_root, "cas", name)

    def has(self, name: str) -> bool:
        """Whether a blob of this name is there; its content is checked when it is read."""
        return self._find("cas", name) is not None

    def are_there(self, names: Iterable[str]) -> bool:
        """Whether all blobs of these names are there. An empty run asks this of every action, so it makes no Path."""
        if len(self._roots) > 1 or self._damaged:
            return all(map(self.has, names))
        if self._listed is not None:
            return all(name[9:] in self._listed[name[7:9]] for name in names)
        folder = f"{self.root}/cas"
        return all(os.path.exists(f"{folder}/{name[7:9]}/{name[9:]}") for name in names)  # noqa: PTH110

    @contextlib.contextmanager
    def listed(self, questions: int) -> Iterator[None]:
        """Within, `are_there` lists each folder once, if that is cheaper for so many questions than asking for each."""
        listings = _Listings(f"{self.root}/cas")
        if len(listings["00"]) * _FOLDERS <= questions * _ENTRIES_PER_QUESTION:
            self._listed = listings
        try:
            yield
        finally:
            self._listed = None

    def _find(self, kind: str, name: str) -> Path | None:
        for root in self._roots:
            path = _place(root, kind, name)
            if path.exists() and path not in self._damaged:
                return path
        return None

    def add_file(self, path: Path) -> str:
        """Keep a file's content; returns its digest."""
        if path.stat().st_size <= _SMALL_BYTES:
            return self.add_bytes(path.read_bytes())
        with path.open("rb") as source, self._new_file() as (file, place):
            name, check = digest.copy_digesting(source, file)
            _note_check(file, check)
            self._keep_blob(name, place)
        return name

    def add_bytes(self, data: bytes) -> str:
        """Keep some bytes; returns their digest."""
        name = digest.of_bytes(data)
        known = self._find("cas", name)
        if known is not None:
            _touch(known)
            return name
        with self._new_file() as (file, place):
            file.write(data)
            _note_check(file, digest.check_of(data))
            self._keep_blob(name, place)
        return name

    def _keep_blob(self, name: str, place: Callable[[Path], None]) -> None:
        """Put a new file in place, unless the blob is there: then it only counts as used now, for eviction."""
        known = self._find("cas", name)
        if known is None:
            place(_place(self._write_root, "cas", name))
        else:
            _touch(known)

    def add_tree(self, folder: Path) -> str:
        """Keep all files of a folder; returns the digest of its listing, which is a blob too."""
        return self.add_bytes(
            digest.tree_listing((name, self.add_file(path)) for name, path in digest.tree_files(folder))
        )

    def read(self, name: str, *, by_digest: bool = False) -> bytes | None:
        """A blob's bytes, or None where it is missing or damaged; `by_digest` doesn't trust the check beside it."""
        while (path := self._find("cas", name)) is not None:
            try:
                data = path.read_bytes()
            except OSError:
                return None
            if (not by_digest and digest.check_of(data) == _noted_check(path)) or digest.of_bytes(data) == name:
                return data
            self._set_aside(path)
        return None

    def copy_blob(self, name: str, target: Path) -> bool:
        """Copy a blob to a fresh file, checking every byte; False where it is missing or damaged."""
        while (path := self._find("cas", name)) is not None:
            try:
                is_right = self._copy(path, target, name)
            except FileNotFoundError:
                return False
            if is_right:
                return True
            target.unlink()
            self._set_aside(path)
        return False

    @staticmethod
    def _copy(path: Path, target: Path, name: str) -> bool:
        """Copy a blob's file, and whether its content is what its name says: by the check, where one was noted."""
        noted = _noted_check(path)
        if noted is None:
            return digest.copy_file(path, target) == name
        target.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as reader, target.open("wb") as writer:
            check = digest.copy_checking(reader, writer)
        return check == noted or digest.of_file(target) == name

    def copy_tree(self, name: str, target: Path) -> bool:
        """Copy a tree into a folder, checking every byte; False where a part is missing or damaged."""
        entries = self.tree_entries(name)
        if entries is None:
            return False
        target.mkdir(parents=True, exist_ok=True)
        return all(self.copy_blob(blob, target / path) for path, blob in entries)

    def is_complete(self, outputs: Mapping[str, str]) -> bool:
        """Whether every blob that these outputs need is there."""
        if not self.are_there(outputs.values()):
            return False
        for output, name in outputs.items():
            if output.endswith("/"):
                entries = self.tree_entries(name)
                if entries is None or not self.are_there(blob for _, blob in entries):
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

    # Results

    def look_up(self, key: str) -> Result | None:
        """The result of an action key, if it is whole and all its blobs are there; it counts as used now."""
        path = self._find("results", key)
        if path is None:
            return None
        try:
            result = Result.from_file(path.read_bytes())
            if result.key != key:
                raise ValueError("of another key")
        except OSError:
            return None
        except ValueError:
            self._set_aside(path)
            return None
        if not self.is_complete(result.outputs):
            return None
        _touch(path)
        return result

    def keep(self, result: Result) -> None:
        """Make a result known. Its blobs must have been added before: who sees the result finds them."""
        with self._new_file() as (file, place):
            file.write(result.to_file())
            place(_place(self._write_root, "results", result.key))

    # Writing

    @property
    def _write_root(self) -> Path:
        return self._own if self._is_read_only and self._own is not None else self.root

    def _turn_to_own(self, error: OSError) -> bool:
        """Whether writing may go on in this checkout's own folder, because the shared one takes nothing."""
        if self._own is None or self._is_read_only or error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            return False
        self._is_read_only = True
        if self._own not in self._roots:
            self._roots.append(self._own)
        self._say(f"cache: {self.root} can't be written; what is new is kept in {self._own}")
        return True

    @contextlib.contextmanager
    def _new_file(self) -> Iterator[tuple[BinaryIO, Callable[[Path], None]]]:
        """A fresh file in `tmp/`, and the function that syncs it and renames it to its place."""
        descriptor, path = self._open_new()
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

    def _open_new(self) -> tuple[int, Path]:
        folder = self._write_root / "tmp"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=folder)
        except OSError as error:
            if self._turn_to_own(error):
                return self._open_new()
            raise self._unwritable(error) from error
        return descriptor, Path(name)

    def _unwritable(self, error: OSError) -> CacheError:
        return CacheError(
            f"can't write to the cache: {error.strerror or error}",
            where=str(self._write_root),
            hint="free some space, or set TINYFLOW_CACHE to a folder that can be written",
        )

    def _set_aside(self, path: Path) -> None:
        """Move a damaged file out of the way, so that it is made again and can be looked at."""
        aside = path.parent.parent.parent / "damaged" / f"{path.parent.parent.name}-{path.parent.name}{path.name}"
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            path.replace(aside)
            self._say(f"cache: {path.parent.name}{path.name[:10]}… was damaged; moved to {aside.parent} and made again")
        except OSError:
            self._damaged.add(path)
            self._say(f"cache: {path} is damaged and can't be moved; ignored")

    @contextlib.contextmanager
    def lock(self, key: str, check: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold a key among all who share this cache, so that equal work waits; `check` may raise while waiting."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(lock.hold(self._lock_path(key), check))
            except OSError as error:
                if not self._turn_to_own(error):
                    raise self._unwritable(error) from error
                stack.enter_context(lock.hold(self._lock_path(key), check))
            yield

    def _lock_path(self, key: str) -> Path:
        return self._write_root / "locks" / key.removeprefix("sha256:")


def _place(root: Path, kind: str, name: str) -> Path:
    """Where a blob or result of this name belongs. ValueError for what is no digest."""
    hexadecimal = name.removeprefix("sha256:")
    if len(hexadecimal) != 64 or not hexadecimal.isalnum():
        raise ValueError(f"not a digest: {name!r}")
    return root / kind / hexadecimal[:2] / hexadecimal[2:]


def _note_check(file: BinaryIO, check: str) -> None:
    """Write the check of a new file's content beside it; a file system without attributes does without."""
    with contextlib.suppress(OSError, AttributeError):  # macOS has no os.setxattr
        os.setxattr(file.fileno(), _CHECK, check.encode())


def _noted_check(path: Path) -> str | None:
    """The check that was noted when this user stored a file, or None: another user's word is no proof."""
    try:
        return os.getxattr(path, _CHECK).decode("ascii", "replace") if path.stat().st_uid == os.geteuid() else None
    except (OSError, AttributeError):
        return None


def _touch(path: Path) -> None:
    """Note that a file was used now; a cache that can't be written does without."""
    with contextlib.suppress(OSError):
        os.utime(path)
