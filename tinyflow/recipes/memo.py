"""Validated recipes kept as JSON, so that an unchanged one costs neither the YAML parser nor pydantic.

An entry counts only while the recipe's file and the code and packages that validated it are the very same files,
told by path, size, times and inode. A damaged entry is no entry. Losing all of them costs a tenth of a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from tinyflow.recipes.schema import Recipe
from tinyflow.recipes.shapes import revive

R = TypeVar("R", bound=Recipe)

# Clocks of file systems tick as slowly as this (FAT: 2 s); a younger file may change again without a new stamp.
_RACY_NS = 2_000_000_000
_VALIDATORS = ("fields", "memo", "schema", "shapes", "suggest", "validate", "yaml", "../core/units")


@dataclass(frozen=True)
class Memo:
    """The entries of one folder, which only its owner writes."""

    folder: Path

    def load(self, kind: type[R], path: Path) -> R | None:
        """The recipe as it was validated from this very file, or None."""
        try:
            digest, _, text = self._entry(kind, path).read_text(encoding="utf-8").partition("\n")
            if digest != sha256(text.encode()).hexdigest():
                return None
            entry = json.loads(text)
            if entry["stamp"] != _stamp(path) or entry["validators"] != _validators():
                return None
            return revive(kind, entry["recipe"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def read(self, path: Path) -> tuple[bytes, list[object]]:
        """A file's content and the stamp it had before it was read."""
        stamp = _stamp(path)
        return path.read_bytes(), stamp

    def store(self, path: Path, stamp: list[object], recipe: Recipe) -> None:
        """Keep a validated recipe under the stamp that `read` gave; a file that is too young is not kept."""
        status = path.stat()
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < _RACY_NS:
            return
        text = json.dumps({"stamp": stamp, "validators": _validators(), "recipe": asdict(recipe)})
        entry = self._entry(type(recipe), path)
        draft = entry.with_name(f"{entry.name}.{os.getpid()}")
        with contextlib.suppress(OSError):  # a folder that can't be written costs time, nothing else
            self.folder.mkdir(parents=True, exist_ok=True)
            draft.write_text(f"{sha256(text.encode()).hexdigest()}\n{text}", encoding="utf-8")
            draft.replace(entry)

    def _entry(self, kind: type[Recipe], path: Path) -> Path:
        place = sha256(str(path).encode()).hexdigest()[:16]
        return self.folder / f"{kind.__name__.lower()}-{path.stem}-{place}.json"


def _stamp(path: Path) -> list[object]:
    status = path.stat()
    return [str(path), status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns]


@cache
def _validators() -> list[list[object]]:
    """Stamps of all that decides what a recipe's text means: our modules and the two packages behind them."""
    ours = [Path(__file__).parent / f"{module}.py" for module in _VALIDATORS]
    packages = [find_spec(package) for package in ("yaml", "pydantic")]
    return [_stamp(path) for path in ours] + [
        _stamp(Path(spec.origin)) for spec in packages if spec is not None and spec.origin is not None
    ]
