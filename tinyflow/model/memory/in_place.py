"""What may take the place of an input that dies. A view has no key of its own: it is what it is a view of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from tinyflow.model.memory.arena import Buffer
from tinyflow.model.memory.lifetimes import Key, Lifetime


def owners(
    lives: Mapping[Key, Lifetime], sizes: Mapping[Key, int], allowed: Iterable[tuple[int, Key, Iterable[Key]]]
) -> dict[Key, Key]:
    """Key → the first of those whose bytes it takes over, through any number of steps; itself for most.

    `allowed` are steps in order, with what each writes and the inputs on which its kernel may put that, the best one
    first. An input gives its place where nobody reads it afterwards and all of the output fits.
    """
    found = {key: key for key in lives}
    for step, output, sources in allowed:
        if lives[output][0] != step:  # one of several parts
            continue
        for source in sources:
            if source in lives and lives[source][1] == step and sizes[source] >= sizes[output]:
                found[output] = found[source]
                break
    return found


def buffers(lives: Mapping[Key, Lifetime], sizes: Mapping[Key, int], owners: Mapping[Key, Key]) -> dict[Key, Buffer]:
    """Owner → one buffer for all that have its bytes one after the other, in the order of `lives`."""
    members = defaultdict(list)
    for key in lives:
        members[owners[key]].append(key)
    return {
        owner: Buffer(
            f"tensor {owner}",
            max(sizes[key] for key in keys),
            min(lives[key][0] for key in keys),
            max(lives[key][1] for key in keys),
        )
        for owner, keys in members.items()
    }
