"""What a cache holds and how it is kept in shape: statistics, verification, eviction, and who made or uses a blob.

Safe beside running builds: whatever vanishes under one is a miss there and is made again.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tinyflow.core.lock import remove_unheld
from tinyflow.core.result import Result
from tinyflow.core.store import Kind, Store, name_of

# A blob is stored before the result that names it; younger ones may be waiting for theirs.
_GRACE_S = 3600.0


class Contents(NamedTuple):
    """What lies in a cache."""

    results: int
    blobs: int
    size_bytes: int


class Verified(NamedTuple):
    """What a verification found; `damaged` files were moved aside, `stuck` ones are damaged and could not be.

    `incomplete` results name blobs that are gone.
    """

    checked: int
    damaged: tuple[str, ...]
    stuck: tuple[str, ...]
    incomplete: tuple[str, ...]


class Collected(NamedTuple):
    """What an eviction removed, or would remove."""

    results: int
    blobs: int
    freed_bytes: int
    left_bytes: int


class Use(NamedTuple):
    """An action that made or used a blob, by the name of its output or input there."""

    key: str
    stage: str
    name: str
    made: bool


def contents(store: Store) -> Contents:
    """Count results and blobs, and add up their sizes."""
    results, blobs = list(_files(store.root, "results")), list(_files(store.root, "cas"))
    return Contents(len(results), len(blobs), sum(_size(path) for path in (*results, *blobs)))


def verify(store: Store) -> Verified:
    """Read everything and compare it with its name. What is damaged is moved aside; it will be made again."""
    found: dict[str, list[str]] = {state: [] for state in ("sound", "moved", "stuck", "gone", "incomplete")}
    kinds: tuple[Kind, ...] = ("cas", "results")
    for kind in kinds:
        for path in [path for root in store.roots for path in _files(root, kind)]:
            name = name_of(path)
            state = store.check(kind, path)
            found[state].append(name)
            if kind == "results" and state == "sound" and store.look_up(name) is None:
                found["incomplete"].append(name)
    checked = sum(len(found[state]) for state in ("sound", "moved", "stuck"))
    return Verified(checked, tuple(found["moved"]), tuple(found["stuck"]), tuple(found["incomplete"]))


def collect(store: Store, keep_bytes: int, needed: Collection[str], *, is_dry_run: bool = False) -> Collected:
    """Remove the results used longest ago, but for those whose keys are `needed`, until what is left fits `keep_bytes`.

    A blob goes when no result names it any more; a result takes precedence over its blobs.
    """
    entries = sorted(_entries(store), key=lambda entry: entry.used_s, reverse=True)
    entries.sort(key=lambda entry: entry.key not in needed)  # stable: needed ones first, then newest first
    sizes = {name_of(path): _size(path) for path in _files(store.root, "cas")}
    kept_blobs: set[str] = set()
    evicted: list[_Entry] = []
    left_bytes = 0
    for entry in entries:
        new = entry.blobs - kept_blobs
        cost = entry.size_bytes + sum(sizes.get(name, 0) for name in new)
        if evicted or (entry.key not in needed and left_bytes + cost > keep_bytes):
            evicted.append(entry)  # once the room is used up all older ones go, so that the order is by age alone
        else:
            kept_blobs |= new
            left_bytes += cost
    old_s = time.time() - _GRACE_S
    dropped = [path for path in _files(store.root, "cas") if name_of(path) not in kept_blobs and _used_s(path) < old_s]
    freed_bytes = sum(entry.size_bytes for entry in evicted) + sum(_size(path) for path in dropped)
    all_bytes = sum(sizes.values()) + sum(entry.size_bytes for entry in entries)
    if not is_dry_run:
        for path in (*(entry.path for entry in evicted), *dropped):
            _remove(path)
        for path in _abandoned(store, old_s):
            remove_unheld(path)
    return Collected(len(evicted), len(dropped), freed_bytes, all_bytes - freed_bytes)


def trim(store: Store, keep_bytes: int) -> None:
    """Remove the blobs used longest ago, whatever names them, until the others fit: for who can ask for them again."""
    left_bytes = keep_bytes
    for path in sorted(_files(store.root, "cas"), key=_used_s, reverse=True):
        left_bytes -= _size(path)
        if left_bytes < 0:
            _remove(path)
    for path in _abandoned(store, time.time() - _GRACE_S):
        remove_unheld(path)


def uses(store: Store, name: str) -> list[Use]:
    """Which actions made a blob and which used it, as far as their results are still there.

    `name` may be the beginning of a digest. A tree's files are made by the action that made the tree.
    """
    wanted = "sha256:" + name.removeprefix("sha256:")
    found = []
    for entry in _entries(store):
        stage = entry.result.key_text.partition("stage ")[2].partition(" ")[0]
        for output, blob in entry.result.outputs.items():
            inside = [digest_ for _, digest_ in store.tree_entries(blob) or ()] if output.endswith("/") else []
            if any(known.startswith(wanted) for known in (blob, *inside)):
                found.append(Use(entry.key, stage, output, made=True))
        for line in entry.result.key_text.split("\n"):
            match = re.fullmatch(r'input "(.*)" (sha256:\w+)', line)
            if match and match[2].startswith(wanted):
                found.append(Use(entry.key, stage, match[1], made=False))
    return sorted(found, key=lambda use: (not use.made, use.stage, use.name, use.key))


class _Entry(NamedTuple):
    """One result in the cache with the blobs that it needs."""

    key: str
    path: Path
    result: Result
    blobs: frozenset[str]
    size_bytes: int
    used_s: float


def _entries(store: Store) -> Iterator[_Entry]:
    for path in _files(store.root, "results"):
        result = store.result_at(path)
        if result is not None:
            yield _Entry(name_of(path), path, result, frozenset(_blobs_of(store, result)), _size(path), _used_s(path))


def _blobs_of(store: Store, result: Result) -> Iterable[str]:
    yield from (*result.outputs.values(), result.log)
    for output, name in result.outputs.items():
        if output.endswith("/"):
            yield from (blob for _, blob in store.tree_entries(name) or ())


def _files(root: Path, kind: Kind) -> Iterator[Path]:
    """All that lies in the folders of `cas/` or `results/`, in the order of the names, and what stands for a folder."""
    for folder in sorted((root / kind).glob("??")):
        try:
            yield from sorted(folder.iterdir())
        except OSError:
            yield folder


def _remove(path: Path) -> None:
    """Remove whatever this is, as far as it can be."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _abandoned(store: Store, old_s: float) -> Iterator[Path]:
    """What killed processes left, if nobody holds it; other machines' locks on drafts may be out of sight."""
    yield from (store.root / "locks").glob("*")
    yield from (path for path in (store.root / "tmp").glob("*") if _used_s(path) < old_s)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _used_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()
