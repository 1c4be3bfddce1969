"""What tinyflow wrote into a folder below `build/`, file by file, so that it is seen when one is no longer as it was.

An inventory lies in the state folder; one that is damaged is none. A file is read again only where its stamp changed.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyflow.core.digest import Stamp, copy_digesting, is_settled, of_bytes
from tinyflow.core.errors import CacheError
from tinyflow.core.regular_files import Regular, Unreadable
from tinyflow.flow.atomic_files import write_if_changed

_SCHEMA = 1


@dataclass
class Inventory:
    """The files of one folder, and what they were written from."""

    digests: dict[str, str]  # POSIX path in the folder → digest
    facts: dict[str, Any] = field(default_factory=dict)
    stamps: dict[str, Stamp] = field(
        default_factory=dict
    )  # of those that can't have changed unseen since they were read

    def fault(self, folder: Path) -> str:
        """The first thing in which a folder differs, for people; empty where it does not. Notes the stamps of files.

        Hidden files that are none of ours, such as an editor's, count for nothing.
        """
        left = dict(self.digests)
        folders = {name[:at] for name in left for at, letter in enumerate(name) if letter == "/"}
        try:
            for name, entry in _entries(folder, folders):
                if name not in left and not entry.name.startswith("."):
                    return f"{name} is none of its files"
                if name in left and not self._is_sound(name, entry, left.pop(name)):
                    return f"{name} is not as it was written"
        except OSError as error:
            return error.strerror or str(error)
        return f"{min(left)} is gone" if left else ""

    def _is_sound(self, name: str, entry: os.DirEntry[str], digest: str) -> bool:
        found = entry.stat(follow_symlinks=False)
        stamp = (found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns)
        if self.stamps.get(name) == stamp:
            return True
        self.stamps.pop(name, None)
        if not stat.S_ISREG(found.st_mode):
            return False
        try:
            with Regular(Path(entry.path)) as source:
                is_sound = copy_digesting(source, None)[0] == digest
        except (Unreadable, FileNotFoundError, CacheError):
            return False
        if is_sound and is_settled(stamp):
            self.stamps[name] = stamp
        return is_sound


def _entries(folder: Path, known: set[str]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything in a folder and in the known ones below it. Raises OSError where it is not a folder itself."""
    if folder.is_symlink():
        raise OSError("it is a link")
    pending = [""]
    while pending:
        below = pending.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                name = f"{below}{entry.name}"
                if name in known and entry.is_dir(follow_symlinks=False):
                    pending.append(f"{name}/")
                else:
                    yield name, entry


class Inventories:
    """The inventories of a project, by the name of a folder below `build/`."""

    def __init__(self, states: Sequence[Path]) -> None:
        """State folders to read from, of which the first counts that has one; the last is written to, when need be."""
        self._folders = [state / "views" for state in states]

    def read(self, name: str) -> Inventory | None:
        """The inventory of a folder, if it is whole."""
        return next((found for folder in self._folders if (found := self._read(folder / name)) is not None), None)

    @staticmethod
    def _read(path: Path) -> Inventory | None:
        try:
            with Regular(path) as source:
                checked, _, text = source.read().partition(b"\n")
            if checked.decode() != of_bytes(text):
                return None
            document: Mapping[str, Any] = json.loads(text)
            if document["schema"] != _SCHEMA:
                return None
            stamps = {name: (a, b, c, d) for name, (a, b, c, d) in document["stamps"].items()}
            return Inventory(document["digests"], document["facts"], stamps)
        except (FileNotFoundError, Unreadable, CacheError, ValueError, KeyError, TypeError):
            return None

    def keep(self, name: str, inventory: Inventory) -> None:
        """Write an inventory. Raises CacheError."""
        text = json.dumps({"schema": _SCHEMA, **vars(inventory)}, separators=(",", ":")).encode()
        write_if_changed(self._folders[-1] / name, of_bytes(text).encode() + b"\n" + text)
