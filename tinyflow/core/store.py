"""The content-addressed store and the results that name its blobs: bytes by digest, on disk, all or nothing.

Readers see whole blobs or none. What is damaged is a miss and is moved away; it is never used and never fatal.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

from tinyflow.core import digest, lock
from tinyflow.core.errors import CacheError
from tinyflow.core.regular_files import Regular, Unreadable
from tinyflow.core.result import MAX_RESULT_BYTES, Result

_SMALL_BYTES = 1 << 20  # what is read at once, to see whether it is known before anything is written
_CHECK = "user.tinyflow.xxh3"  # an attribute of a blob's file: the check of its content, as it was stored here
_FOLDERS = 256  # of blobs, by the first two digits
# A place in the cache that can't be written, or that something else has taken; a full disk is another matter.
_TAKES_NOTHING = {
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.EBUSY, errno.EIO, errno.EEXIST, errno.ENOTEMPTY),
    *(errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENXIO),
}
_ENTRIES_PER_QUESTION = 3  # that can be listed in the time in which one file is asked for (1.1 us, 3.7 us)
Kind = Literal["cas", "results"]
T = TypeVar("T")


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


class _Stream:
    """Pieces of bytes, read as if from a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = filter(None, pieces)

    def read(self, size_bytes: int, /) -> bytes:
        """The next piece, of whatever size."""
        del size_bytes
        return next(self._pieces, b"")


class Store:
    """A cache folder: `cas/` (blobs), `results/` (action key → result), `tmp/`, `locks/`, `damaged/`.

    Where the folder can't be written, what is new goes to a second folder that only this checkout uses.
    """

    def __init__(
        self,
        root: Path,
        warn: Callable[[str], None] = lambda line: None,
        own: Path | None = None,
        *,
        is_synced: bool = True,
    ) -> None:
        """Folders are made on the first write. `own` is the second folder. `warn` gets one line for what went wrong.

        Where it is not synced, a crash of the machine may damage what was new: for what can be had again.
        """
        self._is_synced = is_synced
        self.root = root
        self.own = own
        self.roots = [root] if own is None or not own.is_dir() else [root, own]  # that are read
        self._is_read_only = False
        self._damaged: set[Path] = set()  # found in this session, and could not be moved
        self._moved: set[Path] = set()  # found in this session, and moved aside
        self._bad: set[Path] = set()  # places on which what was made again was damaged again
        self._listed: _Listings | None = None
        self._warn = warn

    # Blobs

    def blob_path(self, name: str) -> Path:
        """Where a blob lies; where it would lie, if it is not there. ValueError for what is not a digest."""
        return self._find("cas", name) or _place(self._write_root, "cas", name)

    def has(self, name: str) -> bool:
        """Whether a blob of this name is there; its content is checked when it is read."""
        return self._find("cas", name) is not None

    def are_there(self, names: Iterable[str]) -> bool:
        """Whether all blobs of these names are there. An empty run asks this of every action, so it makes no Path."""
        if len(self.roots) > 1 or self._damaged:
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

    def _find(self, kind: Kind, name: str) -> Path | None:
        """Where something lies that should be this; what it is shows when it is read."""
        for root in self.roots:
            path = _place(root, kind, name)
            if os.path.lexists(path) and path not in self._damaged:
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
        if not self._is_known(name):
            with self._new_file() as (file, place):
                file.write(data)
                _note_check(file, digest.check_of(data))
                self._keep_blob(name, place)
        return name

    def add_stream(self, name: str, pieces: Iterable[bytes]) -> bool:
        """Keep what comes in pieces, never all in memory, if it is the blob of this name; whether it was."""
        with self._new_file() as (file, place):
            found, check = digest.copy_digesting(_Stream(pieces), file)
            if found != name:
                return False
            _note_check(file, check)
            self._keep_blob(name, place)
        return True

    def _keep_blob(self, name: str, place: Callable[[Kind, str], None]) -> None:
        """Put a new file in place, unless the blob is there."""
        if not self._is_known(name):
            place("cas", name)

    def _is_known(self, name: str) -> bool:
        """Whether a blob is there already; then it counts as used now, for eviction."""
        while (known := self._find("cas", name)) is not None:
            if known.is_file():
                _touch(known)
                return True
            self._take(known, lambda source: None)
        return False

    def add_tree(self, folder: Path) -> str:
        """Keep all files of a folder; returns the digest of its listing, which is a blob too."""
        return self.add_bytes(
            digest.tree_listing((name, self.add_file(path)) for name, path in digest.tree_files(folder))
        )

    def read(self, name: str) -> bytes | None:
        """A blob's bytes, or None where it is missing or damaged."""

        def checked(source: Regular) -> bytes | None:
            data = source.read()
            return data if digest.check_of(data) == _noted_check(source) or digest.of_bytes(data) == name else None

        return self._take_any("cas", name, checked)

    def copy_blob(self, name: str, target: Path) -> bool:
        """Copy a blob to a fresh file, checking every byte; False where it is missing or damaged."""

        def copied(source: Regular) -> bool | None:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                if (noted := _noted_check(source)) is None:
                    return digest.copy_digesting(source, file)[0] == name or None
                check = digest.copy_checking(source, file)
            return check == noted or digest.of_file(target) == name or None

        if self._take_any("cas", name, copied):
            return True
        target.unlink(missing_ok=True)
        return False

    def sound_path(self, name: str) -> Path | None:
        """Where a blob lies that was read and found right just now; None where it is missing or damaged."""

        def checked(source: Regular) -> bool | None:
            return digest.copy_digesting(source, None)[0] == name or None

        while (path := self._find("cas", name)) is not None and not self._take(path, checked):
            pass
        return path

    def _take_any(self, kind: Kind, name: str, take: Callable[[Regular], T | None]) -> T | None:
        """What `take` makes of the first file of this name that it doesn't refuse; those before are moved aside."""
        while (path := self._find(kind, name)) is not None:
            found = self._take(path, take)
            if found is not None:
                return found
        return None

    def _take(self, path: Path, take: Callable[[Regular], T | None]) -> T | None:
        """What `take` makes of a file; None where it refuses it or it can't be read: then it is moved aside."""
        fault = ""
        try:
            source = Regular(path)
        except FileNotFoundError:
            return None
        except Unreadable as error:
            self._set_aside(path, f" ({error})")
            return None
        try:
            with source:
                found = take(source)
        except Unreadable as error:
            found, fault = None, f" ({error})"
        if found is None:
            self._set_aside(path, fault)
        return found

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

    def look_up(self, key: str, outputs: Collection[str] | None = None) -> Result | None:
        """The result of an action key, if it is whole and all its blobs are there; it counts as used now.

        With the names of the action's outputs, a result that has others is damaged.
        """
        result = self._take_any("results", key, lambda source: _read_result(source, key, outputs))
        if result is None or not self.is_complete(result.outputs):
            return None
        path = self._find("results", key)
        if path is not None:
            _touch(path)
        return result

    def keep(self, result: Result) -> None:
        """Make a result known. Its blobs must have been added before: who sees the result finds them."""
        with self._new_file() as (file, place):
            file.write(result.to_file())
            place("results", result.key)

    # Looking at one place, for who looks at all

    def check(self, kind: Kind, path: Path) -> Literal["sound", "moved", "stuck", "gone"]:
        """Read a file of `cas/` or `results/` and compare it with its name by digest; what was done about damage."""

        def checked(source: Regular) -> bool | None:
            name = name_of(path)
            return (digest.is_digest(name) and digest.copy_digesting(source, None)[0] == name) or None

        if self.result_at(path) if kind == "results" else self._take(path, checked):
            return "sound"
        if path in self._damaged:
            return "stuck"
        return "moved" if path in self._moved else "gone"

    def result_at(self, path: Path) -> Result | None:
        """The result in a file of `results/`; what is damaged is moved aside."""
        return self._take(path, lambda source: _read_result(source, name_of(path)))

    # Writing

    @property
    def _write_root(self) -> Path:
        return self.own if self._is_read_only and self.own is not None else self.root

    def _turn_to_own(self, error: OSError) -> bool:
        """Whether writing may go on in this checkout's own folder, because the shared one takes nothing."""
        if self.own is None or self._is_read_only or error.errno not in _TAKES_NOTHING:
            return False
        self._is_read_only = True
        self._use_own()
        self._warn(f"cache: {self.root} can't be written; what is new is kept in {self.own}")
        return True

    def _use_own(self) -> bool:
        """Look into the second folder, too, from now on; whether that is new."""
        if self.own is None or self.own in self.roots:
            return False
        self.roots.append(self.own)
        return True

    @contextlib.contextmanager
    def _new_file(self) -> Iterator[tuple[BinaryIO, Callable[[Kind, str], None]]]:
        """A fresh file in `tmp/`, and the function that syncs it and renames it to its place."""
        descriptor, path = self._open_new(self._write_root)
        try:
            with os.fdopen(descriptor, "wb") as file:

                def place(kind: Kind, name: str) -> None:
                    self._finish(file, path)
                    self._put(path, kind, name)

                yield file, place
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            path.unlink(missing_ok=True)

    def _put(self, path: Path, kind: Kind, name: str) -> None:
        """Rename a finished file to its place; where something there can't be moved away, the own folder has it."""
        target = _place(self._write_root, kind, name)
        try:
            if target in self._bad and self.own is not None:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            self._rename(path, target)
        except OSError as error:
            if self.own is None or self._write_root == self.own or error.errno not in _TAKES_NOTHING:
                raise
            if self._use_own() and target not in self._damaged:
                self._warn(f"cache: {target.parent} takes nothing ({error.strerror}); what it should is in {self.own}")
            descriptor, copy = self._open_new(self.own)
            with os.fdopen(descriptor, "wb") as file, path.open("rb") as source:
                shutil.copyfileobj(source, file)
                self._finish(file, copy)
            self._rename(copy, _place(self.own, kind, name))

    def _finish(self, file: BinaryIO, path: Path) -> None:
        """Sync a file that is written, and make it read-only."""
        file.flush()
        if self._is_synced:
            os.fsync(file.fileno())
        path.chmod(0o444)

    def _rename(self, path: Path, target: Path) -> None:
        """Rename a file; what is in the way and can't be a part of a cache is moved aside."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        except OSError:
            odd = next((place for place in (target.parent, target) if _is_in_the_way(place, target)), None)
            if odd is None or not self._set_aside(odd):
                raise
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        self._damaged -= {target} - self._bad

    def _open_new(self, root: Path) -> tuple[int, Path]:
        folder = root / "tmp"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=folder)
            lock.mark_held(descriptor)
        except OSError as error:
            if root != self.own and self._turn_to_own(error):
                return self._open_new(self._write_root)
            raise self._unwritable(error) from error
        return descriptor, Path(name)

    def _unwritable(self, error: OSError) -> CacheError:
        return CacheError(
            f"can't write to the cache: {error.strerror or error}",
            where=str(self._write_root),
            hint="free some space, or set TINYFLOW_CACHE to a folder that can be written",
        )

    def _set_aside(self, path: Path, fault: str = "") -> bool:
        """Move what is damaged out of the way, so that it is made again and can be looked at; whether it could be."""
        root = next(root for root in self.roots if path.is_relative_to(root))
        kind, *parts = path.relative_to(root).parts
        name = "".join(parts)
        aside = root / "damaged" / f"{kind}-{name}"
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.replace(aside)
            except FileNotFoundError:
                return True  # somebody else did
            except OSError:  # there is one already, and one of them is a folder
                path.replace(Path(tempfile.mkdtemp(dir=aside.parent, prefix=aside.name + "-")) / aside.name)
            if path in self._moved:
                self._bad.add(path)
                self._damaged.add(path)
            self._moved.add(path)
            self._warn(f"cache: {name[:12]}… was damaged{fault}; moved to {aside.parent} and made again")
        except OSError as error:
            if path not in self._damaged:
                self._damaged.add(path)
                self._warn(f"cache: {path} is damaged{fault} and can't be moved ({error.strerror}); ignored")
            return False
        return True

    @contextlib.contextmanager
    def lock(self, key: str, check: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold a key among all who share this cache, so that equal work waits; `check` may raise while waiting."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(lock.hold(self._lock_path(key), check))
            except OSError as error:
                path = self._lock_path(key)
                if not (_is_in_the_way(path, path) and self._set_aside(path)) and not self._turn_to_own(error):
                    raise self._unwritable(error) from error
                stack.enter_context(lock.hold(self._lock_path(key), check))
            yield

    def _lock_path(self, key: str) -> Path:
        return self._write_root / "locks" / key.removeprefix("sha256:")


def _read_result(source: Regular, key: str, outputs: Collection[str] | None = None) -> Result | None:
    """The result in a file, None where it is damaged, of another key, or of other outputs than these."""
    if source.size_bytes > MAX_RESULT_BYTES:
        return None
    try:
        result = Result.from_file(source.read())
    except ValueError:
        return None
    return result if result.key == key and (outputs is None or result.outputs.keys() == set(outputs)) else None


def name_of(path: Path) -> str:
    """The name of what belongs at this path; no digest where nothing does."""
    return f"sha256:{path.parent.name}{path.name}"


def _place(root: Path, kind: Kind, name: str) -> Path:
    """Where a blob or result of this name belongs. ValueError for what is not a digest."""
    if not digest.is_digest(name):
        raise ValueError(f"not a digest: {name!r}")
    return root / kind / name[7:9] / name[9:]


def _is_in_the_way(place: Path, target: Path) -> bool:
    """Whether something is where a file, or its folder, is to be, and is no such thing."""
    if not os.path.lexists(place):
        return False
    return not place.is_dir() if place != target else not stat.S_ISREG(place.lstat().st_mode)


def _note_check(file: BinaryIO, check: str) -> None:
    """Write the check of a new file's content beside it; a file system without attributes does without."""
    with contextlib.suppress(OSError, AttributeError):  # macOS has no os.setxattr
        os.setxattr(file.fileno(), _CHECK, check.encode())


def _noted_check(source: Regular) -> str | None:
    """The check that was noted when this user stored a file, or None: another user's word is not proof."""
    noted = source.attribute(_CHECK) if source.owner == os.geteuid() else None
    return None if noted is None else noted.decode("ascii", "replace")


def _touch(path: Path) -> None:
    """Note that a file was used now; a cache that can't be written does without."""
    with contextlib.suppress(OSError):
        os.utime(path)
