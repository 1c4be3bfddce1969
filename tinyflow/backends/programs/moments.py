"""Where the buffers of a chain lie in its scratch: two may share bytes that they don't need at the same moments."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tinyflow.backends.tinynn.calls import WORD_BYTES
from tinyflow.model.memory.arena import aligned

Key = TypeVar("Key", bound=Hashable)
# from this moment on: the first byte in use, and the one behind the last; equal where there are none
Change = tuple[int, int, int]
_Array = npt.NDArray[np.int64]


def most_bytes(changes: Mapping[Key, Sequence[Change]], moments: int) -> int:
    """That are in use at a moment: no places need fewer."""
    low, high = _moments(list(changes.values()), moments)
    return int((high - low).sum(axis=0).max(initial=0))


def places(changes: Mapping[Key, Sequence[Change]], moments: int) -> tuple[dict[Key, int], int]:
    """Where each buffer begins, and the bytes of all: each at the lowest place, in the better of some orders."""
    keys = list(changes)
    low, high = _moments(list(changes.values()), moments)
    sizes = high.max(axis=1, initial=0)
    uses = (high - low).sum(axis=1)
    apart = [[_apart(low[i], high[i], low[j], high[j]) for j in range(len(keys))] for i in range(len(keys))]
    best: tuple[dict[Key, int], int] | None = None
    for measure in (sizes, uses, high[:, high.sum(axis=0).argmax()] if keys else sizes):
        order = sorted(range(len(keys)), key=lambda i: (-int(measure[i]), i))
        offsets: dict[int, int] = {}
        for i in order:
            offsets[i] = _lowest([(offsets[j] + a, offsets[j] + b) for j in offsets for a, b in apart[j][i]])
        total = max((offsets[i] + int(sizes[i]) for i in order), default=0)
        if best is None or total < best[1]:
            best = {keys[i]: offset for i, offset in offsets.items()}, total
    assert best is not None
    return best


def _moments(changes: Sequence[Sequence[Change]], moments: int) -> tuple[_Array, _Array]:
    """The bytes in use of each buffer at those moments that differ."""
    found = np.zeros((2, len(changes), moments), np.int64)
    for number, of_it in enumerate(changes):
        for moment, *bytes_in_use in of_it:
            found[:, number, moment:] = np.array(bytes_in_use)[:, None]
    found = np.unique(found.reshape(-1, moments), axis=1).reshape(2, len(changes), -1)
    return found[0], found[1]


def _apart(low: _Array, high: _Array, other_low: _Array, other_high: _Array) -> list[tuple[int, int]]:
    """How far behind a buffer's beginning another's must not begin: between bounds that are allowed themselves."""
    both = (low < high) & (other_low < other_high)
    spans = sorted(set(zip((low - other_high)[both].tolist(), (high - other_low)[both].tolist(), strict=True)))
    joined: list[tuple[int, int]] = []
    for begin, end in spans:
        if joined and begin < joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    return joined


def _lowest(taken: Sequence[tuple[int, int]]) -> int:
    offset = 0
    for begin, end in sorted(taken):
        if begin < offset < end:
            offset = aligned(end, WORD_BYTES)
    return offset
