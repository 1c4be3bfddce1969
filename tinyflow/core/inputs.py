"""An action's inputs, out of the cache and the user's files: copies in a folder, or blobs for who works elsewhere.

Every byte is checked against the digests that are in the key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path

from tinyflow.core import digest
from tinyflow.core.action import Action, Input, Output
from tinyflow.core.store import Store

Digests = Mapping[str, str]  # of inputs, by name; of a tree: that of its listing


class Lost(Exception):
    """An input's blob is missing or damaged: its action must run again first."""

    def __init__(self, action: Action) -> None:
        super().__init__(action.title)
        self.action = action


class Edited(Exception):
    """A source file changed after it was digested."""


def is_tree(source: Input) -> bool:
    """Whether an input is a folder."""
    return source.name.endswith("/") if isinstance(source, Output) else source.path.is_dir()


def copy(action: Action, digests: Digests, store: Store, folder: Path) -> None:
    """Copy all inputs into a folder. Raises Lost and Edited."""
    for name, source in action.inputs.items():
        target = folder / name
        if isinstance(source, Output):
            take = store.copy_tree if is_tree(source) else store.copy_blob
            if not take(digests[name], target):
                raise Lost(source.action)
        elif _copy_source(source.path, target) != digests[name]:
            raise Edited


def _copy_source(source: Path, target: Path) -> str:
    """Copy a source file or folder; returns the digest of what was copied."""
    if not source.is_dir():
        return digest.copy_file(source, target)
    target.mkdir(parents=True, exist_ok=True)
    entries = [(name, digest.copy_file(path, target / name)) for name, path in digest.tree_files(source)]
    return digest.of_bytes(digest.tree_listing(entries))


class Blobs:
    """All blobs of an action's inputs, by digest; looked for when the first of them is asked for."""

    def __init__(self, action: Action, digests: Digests, store: Store) -> None:
        self._action = action
        self._digests = digests
        self._store = store
        self._found: dict[str, Callable[[], bytes]] = {}

    def small(self, names: Collection[str], most_bytes: int) -> dict[str, bytes]:
        """Those of these files of the user's that fit together. Raises Edited."""
        taken: dict[str, bytes] = {}
        for name, source in self._action.inputs.items():
            blob = self._digests[name]
            if blob not in names or isinstance(source, Output) or source.path.is_dir():
                continue
            most_bytes -= source.path.stat().st_size
            if most_bytes < 0:
                break
            taken[blob] = _of_source(source.path, blob)
        return taken

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """These blobs. Raises Lost and Edited."""
        if not self._found:
            for name, source in self._action.inputs.items():
                self._look(source, self._digests[name])
        return {name: self._found[name]() for name in names}

    def _look(self, source: Input, name: str) -> None:
        if isinstance(source, Output):
            read = partial(self._of_output, source.action)
            self._found[name] = partial(read, name)
            if is_tree(source):
                entries = self._store.tree_entries(name)
                if entries is None:
                    raise Lost(source.action)
                self._found.update((blob, partial(read, blob)) for _, blob in entries)
        elif not source.path.is_dir():
            self._found[name] = partial(_of_source, source.path, name)
        else:
            files = [(digest.of_file(path), file, path) for file, path in digest.tree_files(source.path)]
            listing = digest.tree_listing((file, blob) for blob, file, _ in files)
            if digest.of_bytes(listing) != name:
                raise Edited
            self._found[name] = lambda: listing
            self._found.update((blob, partial(_of_source, path, blob)) for blob, _, path in files)

    def _of_output(self, action: Action, name: str) -> bytes:
        content = self._store.read(name)
        if content is None:
            raise Lost(action)
        return content


def _of_source(path: Path, name: str) -> bytes:
    content = path.read_bytes()
    if digest.of_bytes(content) != name:
        raise Edited
    return content
