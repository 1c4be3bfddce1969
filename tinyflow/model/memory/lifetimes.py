"""How long what lies in an arena must stay there. Keys are the caller's: tensors, values, scratch."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Lifetime = tuple[int, int]
"""The first step and the last one, both included; steps are numbered from 0."""


def lifetimes(
    inputs: Iterable[Key], steps: Iterable[tuple[Iterable[Key], Iterable[Key]]], outputs: Iterable[Key], last_step: int
) -> dict[Key, Lifetime]:
    """All that steps write and the inputs, in that order; each step is told by what it reads and what it writes.

    Inputs are there from the start on, outputs stay up to `last_step`. What nobody writes, a constant, has none.
    """
    lives: dict[Key, Lifetime] = dict.fromkeys(inputs, (0, 0))
    for number, (read, written) in enumerate(steps):
        for key in written:
            lives[key] = (lives.get(key, (number, number))[0], number)
        for key in read:
            if key in lives:
                lives[key] = (lives[key][0], number)
    for key in outputs:
        if key in lives:
            lives[key] = (lives[key][0], last_step)
    return lives
