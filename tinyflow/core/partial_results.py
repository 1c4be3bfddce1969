"""Parts of an action's work that are kept as soon as they are made, each under a text of all that it depends on.

What one action made, another one finds that needs the same part; what was finished before an interruption stays. The
code and tools of the action belong to the text, so parts are never older than either.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tinyflow.core import digest, process
from tinyflow.core.result import Result
from tinyflow.core.store import Store

_OUTPUT = "part"


@dataclass(frozen=True)
class PartialResults:
    """The parts in one cache that were made by one toolset. Plain data, for it travels to a worker."""

    root: Path
    own: Path | None  # for what the cache can't take
    toolset: str  # tools and code, as they are in keys

    @contextlib.contextmanager
    def hold(self, text: str) -> Iterator[None]:
        """Make a part without anybody else making the same one: they wait, then find it."""
        with self._store.lock(self._key(text), process.raise_if_cancelled):
            yield

    def get(self, text: str) -> bytes | None:
        """The part, if somebody made it and it is whole."""
        result = self._store.look_up(self._key(text), (_OUTPUT,))
        return None if result is None else self._store.read(result.outputs[_OUTPUT])

    def put(self, text: str, content: bytes, duration_s: float) -> None:
        """Keep a part."""
        store = self._store
        outputs, log = {_OUTPUT: store.add_bytes(content)}, store.add_bytes(b"")
        store.keep(Result(self._key(text), self._text(text), outputs, round(duration_s, 3), log))

    @property
    def _store(self) -> Store:
        return Store(self.root, own=self.own)

    def _text(self, text: str) -> str:
        return f"{self.toolset}\npart {text}\n"

    def _key(self, text: str) -> str:
        return digest.of_bytes(self._text(text).encode())
