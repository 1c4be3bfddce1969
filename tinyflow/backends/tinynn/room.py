"""Faster kernels that want more memory, as far as a network has it: scratch in the arena, constants within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tinyflow.backends.tinynn.calls import Call
from tinyflow.model.memory.arena import Placed

# parts of the arena and of the constants by which they may grow
_ARENA_PARTS, CONSTANTS_PARTS = 16, 6


def within_bounds(
    offers: Mapping[int, Sequence[Call]],
    direct_flash: Mapping[int, int],
    constants_bytes: int,
    plain: tuple[int, Iterable[Placed]],
    total_bytes: Callable[[Mapping[int, Call]], int],
    *,
    may_grow: bool = True,
) -> dict[int, Call]:
    """Steps by number → the first of the calls that are offered for each that memory has room for.

    `direct_flash`: what their constants take as they are, of `constants_bytes` in all; `plain`: bytes of the arena as
    it is, and what lies in it besides scratch; `total_bytes`: its bytes with some of the calls; `may_grow`: the arena.
    """
    plain_bytes, places = plain
    limit = plain_bytes + (plain_bytes // _ARENA_PARTS if may_grow else 0)
    kept = list(places)
    room = {number: limit - _alive_bytes(kept, number) for number in offers}
    left = constants_bytes // CONSTANTS_PARTS
    taken: dict[int, Call] = {}
    # those with the least room have the fewest choices
    for number in sorted(offers, key=lambda number: (room[number], number)):
        for call in offers[number]:
            more = call.flash_bytes - direct_flash[number]
            if more > left or call.scratch_bytes > room[number]:
                continue
            if total_bytes({**taken, number: call}) <= limit:
                taken[number], left = call, left - more
                break
    return taken


def _alive_bytes(places: Iterable[Placed], number: int) -> int:
    """What is there at a step: each byte once, as tensors may share them."""
    spans = sorted((one.offset, one.end) for one in places if one.first <= number <= one.last)
    return sum(end - begin for begin, end in _apart(spans))


def _apart(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same bytes by spans that don't overlap."""
    behind = 0
    for begin, end in spans:
        if end > behind:
            yield max(begin, behind), end
            behind = end
