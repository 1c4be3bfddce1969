"""Offsets for buffers that share one arena: two that are alive at the same operator overlap only where they may.

Greedy placement finds the optimum for chains; where it doesn't, a bounded exact search goes on. Where an operator's
output may lie over an input that dies, orders are climbed through instead, and the smaller plan is taken. The same
buffers give the same plan on every machine. Nothing here knows of tensors or of C.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from tinyflow.model.memory.lifetimes import Key

Planner = Literal["search", "greedy", "hill_climb", "exact"]

# places at operators that the exact search may look at: below a second, and the same plan whatever the machine's speed;
# of the networks that the search improves, all need less than a tenth
_SEARCH_LIMIT = 2_000_000
# the search recurses once per buffer
_SEARCH_BUFFERS = 200
# exchanges that hill_climb tries: a second for a hundred buffers
_CLIMBS = 500
# changes of an order in a row that don't make a plan with overlaps smaller
_OVERLAPPED_CLIMBS = 100
# pairs of buffers, one in the other's way, that may be looked at meanwhile: about a second
_OVERLAPPED_PAIRS = 2_000_000


class NotProvenError(Exception):
    """The exact planner would take longer than it may."""


@dataclass(frozen=True)
class Buffer:
    """Bytes that must stay from operator `first` to operator `last`, both included. Names are unique."""

    name: str
    size_bytes: int
    first: int
    last: int

    def is_alive_with(self, other: Buffer) -> bool:
        """Whether both exist at some operator."""
        return self.first <= other.last and other.first <= self.last

    def at(self, offset: int) -> Placed:
        """The same with its place."""
        return Placed(self.name, self.size_bytes, self.first, self.last, offset)


@dataclass(frozen=True)
class Placed(Buffer):
    """A buffer in the arena, `offset` bytes behind its beginning."""

    offset: int

    @property
    def end(self) -> int:
        """The offset behind its last byte."""
        return self.offset + self.size_bytes


@dataclass(frozen=True)
class Overlap:
    """How a buffer may lie over one that dies in the operator in which it is born itself, if it isn't apart from that.

    It begins `lead` bytes before that, or more of them: so it never catches up with what is still to be read. Or it
    begins any number of whole `step`s of bytes away, where what is read lies side by side with what is written.
    """

    lead: int | None = None
    step: int | None = None


# (the name of one that dies, the name of one that is born) → how they may overlap
Overlaps = Mapping[tuple[str, str], Overlap]
NO_OVERLAPS: Overlaps = MappingProxyType({})


@dataclass(frozen=True)
class Plan:
    """Where each buffer begins, and the bytes of the whole arena."""

    offsets: Mapping[str, int]
    total_bytes: int

    def places(self, buffers: Mapping[Key, Buffer]) -> dict[Key, Placed]:
        """Some of the buffers, known by their names, with their places."""
        return {key: buffer.at(self.offsets[buffer.name]) for key, buffer in buffers.items()}


def lower_bound(buffers: Sequence[Buffer], alignment: int = 1) -> int:
    """Bytes that no plan can stay below: the most that are alive at one operator.

    Each offset is a multiple of `alignment`; only the topmost buffer of an operator needs no padding after it.
    """
    bound = 0
    for step in {buffer.first for buffer in buffers}:
        sizes = [buffer.size_bytes for buffer in buffers if buffer.first <= step <= buffer.last]
        padding = [aligned(size, alignment) - size for size in sizes]
        bound = max(bound, sum(sizes) + sum(padding) - max(padding))
    return bound


def plan(
    buffers: Sequence[Buffer], alignment: int = 1, planner: Planner = "search", overlaps: Overlaps = NO_OVERLAPS
) -> Plan:
    """Place all buffers at multiples of `alignment`, in as few bytes as the planner finds.

    search: at the lower bound wherever one of the greedy orders or the bounded search reaches it, or below by
    `overlaps`. greedy: the largest first. hill_climb: from there on, exchanges in the order that don't make it worse.
    exact: no plan is smaller. These three take no overlaps.
    ValueError for a buffer that ends before it begins, for a size below 1, for two of one name; NotProvenError where
    `exact` would take too long.
    """
    _check(buffers, alignment)
    orders = _GREEDY_ORDERS if planner in ("search", "exact") else _GREEDY_ORDERS[:1]
    plans = (place_lowest(sorted(buffers, key=order), alignment) for order in orders)
    best = min(plans, key=lambda offsets: _total(buffers, offsets))  # the earlier where two are equal
    bound = lower_bound(buffers, alignment)
    if planner == "search" and overlaps:
        best = _overlapped(buffers, alignment, overlaps, best)
    if planner == "hill_climb":
        best = _climb(buffers, alignment, bound, best)
    elif planner != "greedy" and _total(buffers, best) > bound:
        search = _Search(buffers, alignment, bound, best)
        if len(buffers) <= _SEARCH_BUFFERS:
            best = search.run()
        if planner == "exact" and not (len(buffers) <= _SEARCH_BUFFERS and search.is_finished):
            what = f"no plan of {len(buffers)} buffers is proven the smallest within the limit of the search"
            raise NotProvenError(what)
    offsets = {buffer.name: best[buffer.name] for buffer in buffers}
    return Plan(offsets, _total(buffers, offsets))


def _climb(buffers: Sequence[Buffer], alignment: int, bound: int, best: dict[str, int]) -> dict[str, int]:
    """Exchange two in the order in which buffers are placed, and keep what isn't worse; seeded, so always the same."""
    chance = random.Random(0)
    order = sorted(buffers, key=_GREEDY_ORDERS[0])
    for _ in range(_CLIMBS if len(order) > 1 else 0):
        if _total(buffers, best) <= bound:
            break
        i, j = chance.sample(range(len(order)), 2)
        order[i], order[j] = order[j], order[i]
        offsets = place_lowest(order, alignment)
        if _total(buffers, offsets) <= _total(buffers, best):
            best = offsets
        else:
            order[i], order[j] = order[j], order[i]
    return best


def _overlapped(buffers: Sequence[Buffer], alignment: int, overlaps: Overlaps, apart: dict[str, int]) -> dict[str, int]:
    """A smaller plan than one where all lie apart, if one is found; seeded, so always the same."""
    best, bound = apart, _overlapped_bound(buffers, overlaps)
    best_total = _total(buffers, best)
    # what is at the top may have to stay there until something else has moved
    for has_neighbours in (False, True):
        chance = random.Random(0)
        for order in _OVERLAPPED_ORDERS:
            ordered = sorted(buffers, key=order)
            offsets, total = _Room(ordered, alignment, overlaps).climbed(chance, bound, has_neighbours)
            if total < best_total:
                best, best_total = {buffer.name: offsets[i] for i, buffer in enumerate(ordered)}, total
            if best_total <= bound:
                return best
    return best


def _overlapped_bound(buffers: Sequence[Buffer], overlaps: Overlaps) -> int:
    """Bytes that no plan with overlaps can stay below."""
    known = {buffer.name: buffer for buffer in buffers}
    saved: dict[str, int] = {}
    for (dying, born), overlap in overlaps.items():
        small, large = sorted((known[dying].size_bytes, known[born].size_bytes))
        both = large if overlap.lead is None else max(large, known[dying].size_bytes + overlap.lead)
        saved[born] = min(saved.get(born, 0) + max(small + large - both, 0), known[born].size_bytes)
    alive = {
        step: sum(b.size_bytes for b in buffers if b.first <= step <= b.last) for step in {b.first for b in buffers}
    }
    for born, size_bytes in saved.items():
        alive[known[born].first] -= size_bytes
    return max([*alive.values(), *(buffer.size_bytes for buffer in buffers)], default=0)


def place_over(ordered: Sequence[Buffer], overlaps: Overlaps, floors: Mapping[str, int]) -> dict[str, int]:
    """Each at the lowest offset, from its floor on, where it is in nobody's way of those placed before it."""
    numbers = range(len(ordered))
    offsets, _ = _Room(ordered, 1, overlaps).place(numbers, [floors[buffer.name] for buffer in ordered])
    return {buffer.name: offset for buffer, offset in zip(ordered, offsets, strict=True)}


class _Room:
    """Who is in whose way: for one set of buffers that is placed again and again."""

    def __init__(self, buffers: Sequence[Buffer], alignment: int, overlaps: Overlaps) -> None:
        self._alignment = alignment
        self._sizes = [buffer.size_bytes for buffer in buffers]
        # of each: those that it must not lie over, and how it may; by how far it may begin behind the other's beginning
        # (`low` and `high`, both excluded, are in the way), or in which steps
        self._others: list[list[tuple[int, int, int, int]]] = [[] for _ in buffers]
        for i, one in enumerate(buffers):
            for j, other in enumerate(buffers):
                if i != j and one.is_alive_with(other):
                    low, high, step = -one.size_bytes, other.size_bytes, 0
                    if (other.name, one.name) in overlaps:  # this one is born
                        overlap = overlaps[other.name, one.name]
                        low = low if overlap.lead is None else max(low, -overlap.lead)
                    elif (one.name, other.name) in overlaps:
                        overlap = overlaps[one.name, other.name]
                        high = high if overlap.lead is None else min(high, overlap.lead)
                    else:
                        overlap = Overlap()
                    if overlap.step:
                        step = math.lcm(overlap.step, alignment)
                    if low + 1 < high:
                        self._others[i].append((j, low, high, step))
        self._pairs = sum(map(len, self._others))

    def place(self, order: Sequence[int], floors: Sequence[int] = (), limit: float = math.inf) -> tuple[list[int], int]:
        """Each at the lowest offset where it is in nobody's way; offsets by number, and the arena's end.

        Beyond `limit` the end is that of the first that doesn't fit.
        """
        offsets, total = [-1] * len(order), 0
        for i in order:
            near = [(offsets[j], low, high, step) for j, low, high, step in self._others[i] if offsets[j] >= 0]
            taken = [(other + low, other + high, other, step) for other, low, high, step in near]
            offsets[i] = offset = self._lowest(taken, floors[i] if floors else 0)
            total = max(total, offset + self._sizes[i])
            if total > limit:
                break
        return offsets, total

    def climbed(self, chance: random.Random, bound: int, has_neighbours: bool) -> tuple[list[int], int]:
        """What is placed in the order of numbers, and then in others that don't make it worse.

        Of what is at the top one goes elsewhere, else nothing gets smaller; or one that is in its way.
        """
        numbers = list(range(len(self._sizes)))
        offsets, total = self.place(numbers)
        failures, left = 0, _OVERLAPPED_PAIRS
        while total > bound and failures < _OVERLAPPED_CLIMBS and left > 0:
            left -= self._pairs
            moved = chance.choice([i for i in numbers if offsets[i] + self._sizes[i] == total])
            if has_neighbours and self._others[moved] and chance.randrange(2):
                moved = chance.choice(self._others[moved])[0]
            at, to = numbers.index(moved), chance.randrange(len(numbers))
            numbers.insert(to, numbers.pop(at))
            other, other_total = self.place(numbers, limit=total)
            if other_total <= total:
                failures = 0 if other_total < total else failures + 1
                offsets, total = other, other_total
            else:
                failures += 1
                numbers.insert(at, numbers.pop(to))
        return offsets, total

    def _lowest(self, taken: Sequence[tuple[int, int, int, int]], floor: int) -> int:
        """`taken`: between which bounds something is in the way, from where, and in which steps it isn't."""
        offset, before = floor, -1
        ordered = sorted(taken)
        while before != offset:  # what was allowed in steps may not be any more
            before = offset
            for low, high, other, step in ordered:
                if low < offset < high and not (step and (offset - other) % step == 0):
                    behind = high if not step else min(high, other - ((other - offset) // step) * step)
                    offset = aligned(behind, self._alignment)
        return offset


def _check(buffers: Sequence[Buffer], alignment: int) -> None:
    if alignment < 1:
        raise ValueError(f"alignment {alignment} is not positive")
    if len({buffer.name for buffer in buffers}) != len(buffers):
        raise ValueError("two buffers have the same name")
    for buffer in buffers:
        if buffer.size_bytes < 1 or buffer.last < buffer.first:
            raise ValueError(f"{buffer} has no size or no lifetime")


def aligned(offset: int, alignment: int) -> int:
    """The next multiple of `alignment`."""
    return -(-offset // alignment) * alignment


def _total(buffers: Sequence[Buffer], offsets: Mapping[str, int]) -> int:
    return max((offsets[buffer.name] + buffer.size_bytes for buffer in buffers), default=0)


# what comes first is placed first; the name makes each order total
_GREEDY_ORDERS: tuple[Callable[[Buffer], tuple[int | str, ...]], ...] = (
    lambda buffer: (-buffer.size_bytes, buffer.first, buffer.name),
    lambda buffer: (-buffer.size_bytes * (buffer.last - buffer.first + 1), buffer.first, buffer.name),
    lambda buffer: (buffer.first - buffer.last, -buffer.size_bytes, buffer.name),
    lambda buffer: (buffer.first, -buffer.size_bytes, buffer.name),
)
# outputs before the inputs that they may lie over, which then come to lie as low as they may
_OVERLAPPED_ORDERS: tuple[Callable[[Buffer], tuple[int | str, ...]], ...] = (
    *_GREEDY_ORDERS,
    lambda buffer: (-buffer.first, -buffer.size_bytes, buffer.name),
    # and before what is there for one operator only, which has room behind them all
    lambda buffer: (buffer.first == buffer.last, -buffer.first, -buffer.size_bytes, buffer.name),
)


def place_lowest(ordered: Sequence[Buffer], alignment: int) -> dict[str, int]:
    """Each buffer at the lowest offset where it overlaps none of those placed before it."""
    placed: list[Placed] = []
    for buffer in ordered:
        taken = ((other.offset, other.end) for other in placed if other.is_alive_with(buffer))
        placed.append(buffer.at(lowest_gap(buffer.size_bytes, taken, alignment)))
    return {buffer.name: buffer.offset for buffer in placed}


def lowest_gap(size_bytes: int, taken: Iterable[tuple[int, int]], alignment: int) -> int:
    """The lowest offset with so much room between spans (first byte, behind the last one), or behind them all."""
    offset = 0
    for begin, end in sorted(taken):
        if offset + size_bytes <= begin:
            break
        offset = max(offset, aligned(end, alignment))
    return offset


class _Search:
    """Branch and bound over the orders in which buffers are stacked from the bottom up.

    Every plan can be pressed down until each buffer lies at 0 or on one that is alive with it; stacking in the order of
    offsets then builds that plan. So trying all orders, offsets never falling, meets an optimum.
    """

    def __init__(self, buffers: Sequence[Buffer], alignment: int, bound: int, best: dict[str, int]) -> None:
        self._alignment = alignment
        self._bound = bound
        self._best = best
        self._best_total = _total(buffers, best)
        self._looked_at = 0
        ordered = sorted(buffers, key=_GREEDY_ORDERS[0])
        self._buffers = ordered
        steps = sorted({buffer.first for buffer in buffers})
        self._alive = [[i for i, step in enumerate(steps) if buffer.first <= step <= buffer.last] for buffer in ordered]
        self._unplaced_bytes = [0] * len(steps)
        for buffer, alive in zip(ordered, self._alive, strict=True):
            for i in alive:
                self._unplaced_bytes[i] += buffer.size_bytes
        self._tops = [0] * len(steps)
        # to look at it: its operators, and what doesn't depend on them
        self._work = [len(alive) + 4 for alive in self._alive]

    def run(self) -> dict[str, int]:
        """The best offsets found within the limit."""
        self._descend(list(range(len(self._buffers))), {}, 0)
        return self._best

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left that could be better."""
        return self._looked_at <= _SEARCH_LIMIT or self._best_total <= self._bound

    def _descend(self, unplaced: list[int], offsets: dict[str, int], floor: int) -> None:
        if not unplaced:
            if (total := _total(self._buffers, offsets)) < self._best_total:
                self._best, self._best_total = offsets, total
            return
        self._looked_at += sum(self._work[i] for i in unplaced)
        heights = sorted((self._height(i), i) for i in unplaced)
        tried: set[tuple[int, int, int]] = set()
        for height, i in heights:
            buffer = self._buffers[i]
            shape = (buffer.size_bytes, buffer.first, buffer.last)
            if height < floor or shape in tried:  # out of order, or the twin of one already tried
                continue
            tried.add(shape)
            if self._looked_at > _SEARCH_LIMIT or self._best_total <= self._bound:
                return
            self._try(i, height, unplaced, offsets)

    def _try(self, i: int, height: int, unplaced: list[int], offsets: dict[str, int]) -> None:
        buffer, alive = self._buffers[i], self._alive[i]
        self._looked_at += self._work[i] + len(self._tops)
        saved = [self._tops[step] for step in alive]
        for step in alive:
            self._tops[step] = height + buffer.size_bytes
            self._unplaced_bytes[step] -= buffer.size_bytes
        if self._least_total(height) < self._best_total:
            self._descend([j for j in unplaced if j != i], {**offsets, buffer.name: height}, height)
        for step, top in zip(alive, saved, strict=True):
            self._tops[step] = top
            self._unplaced_bytes[step] += buffer.size_bytes

    def _height(self, i: int) -> int:
        return aligned(max(self._tops[step] for step in self._alive[i]), self._alignment)

    def _least_total(self, floor: int) -> int:
        """Bytes that the plan will take at least: what is unplaced must lie above the tops and not below `floor`."""
        steps = zip(self._tops, self._unplaced_bytes, strict=True)
        return max(max(top, floor) + unplaced if unplaced else top for top, unplaced in steps)
