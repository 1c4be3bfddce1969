"""Digests of files and trees, and the memo that saves reading a file that has not changed since it was last read.

A digest names content for ever, so it is sha256, written `sha256:<hex>`. A tree is named by the digest of its listing.
A check (xxh3-128, some twenty times as fast) tells whether local bytes are still those of which a digest is known: it
is beside the digest and never in a key, an archive or a remote cache, since it withstands accidents, not malice.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

from tinyflow.core.errors import RecipeError
from tinyflow.core.safe_text import is_encodable

if TYPE_CHECKING:
    from tinyflow.core.records import Records

_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20
# File systems stamp times in ticks, FAT's of two seconds: a file changed this recently may change again unseen.
_RACY_NS = 2_000_000_000

_LONGEST_STEP = 255  # bytes, in all file systems of Linux

Stamp = tuple[int, int, int, int]  # size_bytes, mtime_ns, inode, ctime_ns


def is_digest(text: object) -> bool:
    """Whether this is `sha256:` and 64 hexadecimal digits, which can be in a path."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def of_bytes(data: bytes) -> str:
    """Digest of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def of_file(path: Path) -> str:
    """Digest of a file's content."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        _copy(file, None, found)
    return "sha256:" + found.hexdigest()


def check_of(data: bytes | str) -> str:
    """Check of some bytes, or of a text's UTF-8: 32 hexadecimal digits."""
    from xxhash import xxh3_128_hexdigest  # here and below: archives are read where there is no such package

    text: str = xxh3_128_hexdigest(data)
    return text


def check_of_file(path: Path) -> str:
    """Check of a file's content."""
    with path.open("rb") as file:
        return copy_checking(file, None)


class Readable(Protocol):
    """What gives bytes until there are none left."""

    def read(self, size_bytes: int, /) -> bytes:
        """The next bytes."""


def copy_digesting(source: Readable, target: BinaryIO | None) -> tuple[str, str]:
    """Copy a stream and return digest and check of what was copied; with no target, only read it."""
    from xxhash import xxh3_128

    digest, check = hashlib.sha256(), xxh3_128()
    _copy(source, target, digest, check)
    return "sha256:" + digest.hexdigest(), check.hexdigest()


def copy_checking(source: Readable, target: BinaryIO | None) -> str:
    """Copy a stream and return the check of what was copied; with no target, only read it."""
    from xxhash import xxh3_128

    check = xxh3_128()
    _copy(source, target, check)
    return check.hexdigest()


def _copy(source: Readable, target: BinaryIO | None, *hashes: Any) -> None:
    while chunk := source.read(_CHUNK_BYTES):
        for each in hashes:
            each.update(chunk)
        if target is not None:
            target.write(chunk)


def tree_files(folder: Path) -> list[tuple[str, Path]]:
    """All files below a folder as (relative POSIX path, path), sorted; what a link points to counts as the file.

    Raises RecipeError for a name that can't be in a listing.
    """
    found = [(path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()]
    for name, _ in found:
        if "\n" in name or not is_encodable(name):
            fault = "has a line break" if "\n" in name else "is not UTF-8"
            raise RecipeError(f"the file name {name!r} {fault}", where=str(folder), hint="rename it")
    return sorted(found)


def tree_listing(entries: Iterable[tuple[str, str]]) -> bytes:
    """The listing that names a tree: one line `<digest> <path>` per file, sorted by path."""
    return "".join(f"{digest} {name}\n" for name, digest in sorted(entries)).encode()


def parse_listing(listing: bytes) -> list[tuple[str, str]]:
    """The (path, digest) pairs of a tree's listing; ValueError where it is damaged or a path leaves its folder."""
    entries = []
    for line in listing.decode().split("\n")[:-1]:  # names may hold what `splitlines` takes for ends of lines
        digest, _, name = line.partition(" ")
        if not is_digest(digest) or {"", ".", ".."} & set(name.split("/")) or "\0" in name:
            raise ValueError(f"not an entry of a tree: {line!r}")
        entries.append((name, digest))
    _check_names([name for name, _ in entries])
    return entries


def _check_names(names: list[str]) -> None:
    """Raise ValueError where not all of these files can be made: one twice, one that is a folder, too long a name."""
    folders = {"/".join(steps[:count]) for steps in (name.split("/") for name in names) for count in range(len(steps))}
    if sorted(set(names)) != names or not folders.isdisjoint(names):
        raise ValueError("not the files of a tree, in order")
    if any(len(step.encode()) > _LONGEST_STEP for name in names for step in name.split("/")):
        raise ValueError("a file name that is too long")


def stamp_of(path: Path) -> Stamp:
    """What tells cheaply whether a file may have changed. Raises OSError."""
    found = path.stat()
    return (found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns)


def is_settled(stamp: Stamp) -> bool:
    """Whether any change of the file from now on gives it another stamp."""
    return abs(time.time_ns() - stamp[3]) >= _RACY_NS


class Known(NamedTuple):
    """What a memo keeps of a file: its stamp, the check of its content, and a text made from that content."""

    stamp: Stamp
    check: str
    text: str


class Memo:
    """Facts derived from files (digests, mostly), each kept as long as its file has the same stamp or content."""

    def __init__(self, records: Records) -> None:
        """`records` keep them between sessions."""
        self._records = records
        self._seen: dict[str, str] = {}
        self._is_trusted = True
        self._lock = threading.Lock()

    def digest(self, path: Path) -> str:
        """Digest of a file or, for a folder, of its tree. Raises OSError where it can't be read."""
        return self._once(str(path), lambda: self._tree(path) if path.is_dir() else self._derive(path, "", of_file))

    def derive(self, path: Path, purpose: str, make: Callable[[Path], str]) -> str:
        """`make(path)`, of the file's content alone, remembered while its stamp or check stays.

        `purpose` tells facts of one file apart.
        """
        return self._once(f"{purpose}\0{path}", lambda: self._derive(path, purpose, make))

    def _once(self, key: str, make: Callable[[], str]) -> str:
        """What is found once in a session."""
        with self._lock:
            known = self._seen.get(key)
        if known is None:
            known = make()
            with self._lock:
                self._seen[key] = known
        return known

    def _tree(self, folder: Path) -> str:
        return of_bytes(tree_listing((name, self._derive(file, "", of_file)) for name, file in tree_files(folder)))

    def _derive(self, path: Path, purpose: str, make: Callable[[Path], str]) -> str:
        stamp = stamp_of(path)
        key = f"{purpose}\0{path}" if purpose else str(path)
        if not key.isascii():  # records hold texts, and a path may be no text
            key = key.encode(errors="backslashreplace").decode()
        kept = self._records.get_memo(key) if self._is_trusted else None
        if kept is not None and kept.stamp == stamp:
            return kept.text
        check = check_of_file(path)
        text = kept.text if kept is not None and kept.check == check else make(path)
        if stamp_of(path) == stamp and is_settled(stamp):
            self._records.put_memo(key, Known(stamp, check, text))
        return text

    def distrust(self) -> None:
        """Read every file again from now on, whatever is remembered of it: something remembered was wrong."""
        with self._lock:
            self._is_trusted = False
            self._seen.clear()


def copy_file(source: Path, target: Path) -> str:
    """Copy a file, never linking it, and return the digest of the bytes copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as reader, target.open("wb") as writer:
        return copy_digesting(reader, writer)[0]
