"""Validated recipes kept as JSON, so that an unchanged one costs neither the YAML parser nor pydantic.

An entry counts only while the recipe's file and the code and packages that validated it are the very same files,
told by path, size, times and inode. A damaged entry is not an entry. Losing all of them costs a quarter of a second.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from tinyflow.core import digest
from tinyflow.core.regular_files import small_text
from tinyflow.core.scratch import clear, fresh_file
from tinyflow.recipes.record_types import revive
from tinyflow.recipes.schema import Recipe

R = TypeVar("R", bound=Recipe)

_DRAFT = ".draft-"
_VALIDATORS = ("fields", "memo", "record_types", "suggest", "validate", "yaml", "../core/address", "../core/units")


@dataclass(frozen=True)
class Stamp:
    """What tells one state of a file from another."""

    facts: tuple[str | int, ...]
    is_settled: bool  # whether any later change would make other facts


def take_stamp(path: Path) -> Stamp:
    """The state that a file is in now."""
    stamp = digest.stamp_of(path)
    return Stamp((str(path), *stamp), digest.is_settled(stamp))


@dataclass(frozen=True)
class Memo:
    """The entries of one folder, which only its owner writes."""

    folder: Path

    def load(self, kind: type[R], path: Path) -> R | None:
        """The recipe as it was validated from this very file, or None."""
        try:
            seal, _, text = small_text(self._entry(kind, path)).partition("\n")
            if seal != _digest(text):
                return None
            entry = json.loads(text)
            if entry["states"] != _states(take_stamp(path)):
                return None
            recipe: R = revive(kind, entry["recipe"])
            return recipe
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def store(self, path: Path, stamp: Stamp, recipe: Recipe) -> None:
        """Keep a recipe that was validated from the state of the file that `stamp` tells, if that has settled."""
        if not all(each.is_settled for each in (stamp, *_validators())):
            return
        text = json.dumps({"states": _states(stamp), "recipe": asdict(recipe)})
        entry = self._entry(type(recipe), path)
        with contextlib.suppress(OSError):  # a folder that can't be written costs time, nothing else
            self.folder.mkdir(parents=True, exist_ok=True)
            clear(self.folder, _DRAFT)
            with fresh_file(self.folder, _DRAFT) as (_, draft):
                draft.write_text(f"{_digest(text)}\n{text}", encoding="utf-8")
                draft.replace(entry)

    def _entry(self, kind: type[Recipe], path: Path) -> Path:
        return self.folder / f"{kind.__name__.lower()}-{path.stem}-{_digest(str(path))[:16]}.json"


@cache
def _validators() -> tuple[Stamp, ...]:
    """States of all that decides what a recipe's text means: our modules and the two packages behind them."""
    here = Path(__file__).parent
    ours = [here / f"{module}.py" for module in _VALIDATORS] + sorted((here / "schema").glob("*.py"))
    packages = [spec.origin for spec in map(find_spec, ("yaml", "pydantic")) if spec is not None]
    return tuple(take_stamp(path) for path in [*ours, *(Path(origin) for origin in packages if origin is not None)])


def _states(stamp: Stamp) -> list[list[str | int]]:
    return [list(each.facts) for each in (stamp, *_validators())]


def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()  # of a path, which may be no text
