"""Which steps of a program run row by row: the chains that need the least memory for the instructions that they cost.

For a limit of bytes the cheapest partition of the steps into chains and steps that stay as they are is found by dynamic
programming over all neighbouring steps, and the least limit by bisection. A step's bytes are those that are alive; what
the planner makes of them decides where a size was asked for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from tinyflow.backends.options import DEPTH_FIRST
from tinyflow.backends.programs import chains, memory
from tinyflow.backends.programs.chains import Maker, Planned
from tinyflow.backends.programs.memory import Memory
from tinyflow.backends.programs.rows import ByRows, FedRows, RowStep, row_steps
from tinyflow.backends.programs.steps import Chain, Mark, Program, Step
from tinyflow.backends.refusals import Refusal
from tinyflow.core.errors import ModelError
from tinyflow.model.memory.arena import Overlap, aligned
from tinyflow.model.memory.lifetimes import Lifetime

BALANCED, LEAST = "balanced", "least"
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}
_SIZE = re.compile(r"(\d+)(B|KiB|MiB)")
# of all instructions of the network, for goal BALANCED
_MOST_MORE = 0.05
_NO_LIMIT = 1 << 62
# of a call
_ROWS = (1, 2, 3, 4, 6, 8)


class Manner(NamedTuple):
    """How chains go, where it isn't the goal that decides."""

    is_fed: bool = False
    """The first chain takes the rows of the first input, which `why_not_fed` has nothing against."""
    rows: int = 0
    """Of each call; 0: as many as pay."""
    order: str = DEPTH_FIRST


_FREE = Manner()
# of a chain: its first step, rows of calls, kernels
_Key = tuple[int, tuple[int, ...], tuple[RowStep, ...]]


def streamed(
    program: Program,
    faster: Program,
    by_rows: ByRows,
    goal: str,
    place: Callable[[Program], Memory],
    alignment: int,
    manner: Manner = _FREE,
) -> Program:
    """The program with its chains. `goal`: BALANCED, LEAST, or a size such as 64KiB; `faster` has calls that want
    more scratch, for steps that stay as they are; `by_rows`: how a step goes by rows; `place` plans an arena.

    Raises ModelError for a size that can't be met.
    """
    search = _Search(program, faster, row_steps(program, by_rows), place, alignment, manner)
    if goal in (LEAST, BALANCED):
        return search.least(_MOST_MORE * search.instructions if goal == BALANCED else math.inf).program
    number, unit = _SIZE.fullmatch(goal).groups()  # type: ignore[union-attr]
    return search.within(int(number) * _UNITS[unit])


def choices(
    program: Program,
    faster: Program,
    by_rows: ByRows,
    place: Callable[[Program], Memory],
    alignment: int,
    manner: Manner = _FREE,
) -> Iterator[tuple[str, int, float]]:
    """All that goals can lead to: the goal (none at first), bytes of the arena, about how many instructions.

    Sizes are asked for in steps of a KiB, or of 1/64 of the arena without chains.
    """
    search = _Search(program, faster, row_steps(program, by_rows), place, alignment, manner)
    now = search.instructions
    # rows that are fed are a chain anyhow, by that goal
    plain = search.least(_MOST_MORE * now) if manner.is_fed else search.base
    yield "", plain.total_bytes, now + plain.more_instructions
    for goal, most in ((BALANCED, _MOST_MORE * now), (LEAST, math.inf)):
        found = search.least(most)
        yield goal, found.total_bytes, now + found.more_instructions
    unit = _UNITS["KiB"]
    step = max(1, search.base.total_bytes // (64 * unit))
    limit = (search.base.total_bytes - 1) // unit
    while limit > 0 and (within := search.fewest(limit * unit)) is not None:
        yield f"{limit}KiB", within.total_bytes, now + within.more_instructions
        limit = min(limit - step, (within.total_bytes - 1) // unit)


def why_not_fed(program: Program, by_rows: ByRows) -> Refusal | None:
    """What speaks against rows of the first input, handed over one at a time: all that read it must be of one chain."""
    fed = program.tensors[program.graph.inputs[0]]
    found = row_steps(program, by_rows)
    touched = [n for n, step in enumerate(program.steps) if fed.index in memory.touched(program, step)[0]]
    operators = program.graph.operators
    hint = "leave out +feed; +stream runs the layers by rows that can, with the input as a whole"
    if fed.index in program.graph.outputs or not touched:
        return Refusal(f"no layer computes anything of the rows of input {fed.name}", hint)
    for number, step in enumerate(program.steps[: max(touched) + 1]):
        if number not in found:
            what = f"rows of input {fed.name} can't be fed: this layer {by_rows(program, step)}"
            return Refusal(what, hint, operators[step.operator])
    parts: list[Maker] = [FedRows(fed), *(found[number] for number in range(max(touched) + 1))]
    if all(chains.plan(parts, {fed.index}, [1, *[rows] * len(parts[1:])]) is None for rows in _ROWS):
        what = f"rows of input {fed.name} can't be fed: the kernel of this layer takes no less than all of them"
        return Refusal(what, hint, operators[program.steps[touched[0]].operator])
    return None


@dataclass(frozen=True)
class _Way:
    """From the first step to one: what chains cost so far, and which they are."""

    more_instructions: float
    chains: tuple[tuple[int, int, Planned], ...] = ()
    direct: tuple[int, ...] = ()
    """Steps that leave their faster call."""


class _Found(NamedTuple):
    """A program with its chains, what it takes, and about how many instructions more."""

    program: Program
    total_bytes: int
    more_instructions: float


def _steps_of(planned: Planned, count: int) -> tuple[tuple[RowStep, ...], tuple[int, ...]]:
    """Of a chain of so many, behind rows that are handed over, and the rows of their calls."""
    return tuple(part for part in planned.parts if isinstance(part, RowStep)), tuple(planned.rows[-count:])


@dataclass(eq=False)
class _Search:
    """All that may be chained in a program."""

    program: Program
    faster: Program
    rows: Mapping[int, RowStep]
    place: Callable[[Program], Memory]
    alignment: int
    manner: Manner
    _planned: dict[_Key, tuple[int, Planned] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        program = self.program
        self.fed = program.graph.inputs[0] if self.manner.is_fed else None
        placed = self.place(self.faster)
        self._now_bytes = placed.total_bytes
        self._lives: dict[int, Lifetime] = {t: (one.first, one.last) for t, one in placed.tensors.items()}
        self._readers: dict[int, set[int]] = {}
        for number, step in enumerate(program.steps):
            for operand in step.inputs if isinstance(step, Step) else ():
                self._readers.setdefault(program.owner(operand.tensor), set()).add(number)
        self._direct = [self._plain_bytes(number, step) for number, step in enumerate(program.steps)]
        self._fast = [self._plain_bytes(number, step) for number, step in enumerate(self.faster.steps)]
        # instructions that the faster calls save
        self._saved = [
            self.rows[number].saved_by_faster if number in self.rows and step is not fast else 0.0
            for number, (step, fast) in enumerate(zip(program.steps, self.faster.steps, strict=True))
        ]

    @property
    def instructions(self) -> float:
        """About those of the steps that may be chained."""
        return sum(step.instructions for step in self.rows.values()) - sum(self._saved)

    @cached_property
    def base(self) -> _Found:
        """What costs the fewest instructions: nothing goes by rows but what must."""
        if self.fed is None:
            return _Found(self.faster, self._now_bytes, 0.0)
        way = self._cheapest(_NO_LIMIT)
        assert way is not None, "why_not_fed"
        return self._found(way)

    def least(self, most: float) -> _Found:
        """The least bytes whose chains cost no more instructions than that."""
        found = self.base
        seen: set[_Way] = set()
        low, high = 0, max([*self._fast, self.base.total_bytes])
        while low < high:
            limit = (low + high) // 2
            way = self._cheapest(limit)
            if way is None or way.more_instructions > most:
                low = limit + 1
                continue
            high = limit
            if way not in seen:
                seen.add(way)
                found = min([found, *self._lowered(way, most)], key=lambda one: one.total_bytes)
        return found

    def _found(self, way: _Way) -> _Found:
        taken = self._taken(way)
        return _Found(taken, self.place(taken).total_bytes, way.more_instructions)

    def _lowered(self, way: _Way, most: float) -> Iterator[_Found]:
        """It, and with fewer and fewer rows where the arena's end is, or most rows are."""
        other: _Way | None = way
        while other is not None and other.more_instructions <= most:
            way, taken = other, self._taken(other)
            placed = self.place(taken)
            yield _Found(taken, placed.total_bytes, way.more_instructions)
            every = [*placed.tensors.values(), *placed.scratch.values()]
            ends = {n for one in every if one.end == placed.total_bytes for n in range(one.first, one.last + 1)}
            steps = [n for n, step in enumerate(taken.steps) if isinstance(step, Chain)]
            most_rows = max((max(planned.rows) for *_, planned in way.chains), default=0)
            tallest = [place for place, (*_, planned) in enumerate(way.chains) if max(planned.rows) == most_rows]
            other = self._with_fewer_rows(way, [place for place, n in enumerate(steps) if n in ends])
            other = other or self._with_fewer_rows(way, tallest)

    def _with_fewer_rows(self, way: _Way, places: Collection[int]) -> _Way | None:
        """Of those of its chains."""
        found, more = list(way.chains), way.more_instructions
        for place in places if not self._is_given else ():
            begin, end, planned = found[place]
            parts, heights = _steps_of(planned, end - begin)
            fewer = tuple(max([rows for rows in _ROWS if rows < height], default=height) for height in heights)
            if (other := self._chain(begin, end, fewer, parts)) is not None:
                more += other[1].more_instructions - planned.more_instructions
                found[place] = begin, end, other[1]
        return None if tuple(found) == way.chains else replace(way, more_instructions=more, chains=tuple(found))

    def within(self, limit: int) -> Program:
        """The fewest instructions that fit, scratch and all."""
        found = self.fewest(limit) or self.least(math.inf)
        if (least := found.total_bytes) <= limit:
            return found.program
        what = f"its activations don't fit {limit} B; {least} B is the least that rows need"
        raise ModelError(what, hint=f"ask for {-(-least // 1024)}KiB, or take +stream.least")

    def fewest(self, limit: int) -> _Found | None:
        """The same where the plan of the cheapest way fits, or that of one with a smaller limit."""
        if self.base.total_bytes <= limit:
            return self.base
        below = limit
        while below > 0 and (way := self._cheapest(below)) is not None:
            if (found := self._found(way)).total_bytes <= limit:
                return found
            below -= found.total_bytes - limit
        return None

    def _plain_bytes(self, number: int, step: Step | Mark | Chain) -> int:
        """Bytes that are there while a step runs as it is, at least."""
        pairs = list(memory.overlaps_of(self.program, step))
        if isinstance(step, Step):
            output = self.program.owner(step.output.tensor)
            sources = [self.program.owner(step.inputs[position].tensor) for position in step.call.in_place]
            sizes = {t: self.program.tensors[t].size_bytes for t in (*sources, output)}
            pairs += [(t, output, Overlap(lead=0)) for t in sources if sizes[t] >= sizes[output]]
        scratch = step.call.scratch_bytes if isinstance(step, Step) else 0
        return self._alive_bytes(number, number + 1, (), pairs) + aligned(scratch, self.alignment)

    def _alive_bytes(
        self, begin: int, end: int, inside: Collection[int], pairs: Iterable[tuple[int, int, Overlap]]
    ) -> int:
        """Of whole tensors that are there from one step to before another; of `pairs`, one may overlap at best."""
        sizes = {
            tensor: aligned(self.program.tensors[tensor].size_bytes, self.alignment)
            for tensor, (first, last) in self._lives.items()
            if tensor not in inside and first < end and last >= begin
        }
        saved = 0
        for source, output, overlap in pairs:
            if source in sizes and output in sizes and self._lives[source][1] < end and self._lives[output][0] >= begin:
                both = max(sizes[source] + max(overlap.lead or 0, 0), sizes[output])
                saved = max(saved, sizes[source] + sizes[output] - both)
        return sum(sizes.values()) - saved

    def _cheapest(self, limit: int) -> _Way | None:
        """The chains that cost the fewest instructions where no step needs more bytes."""
        count = len(self.program.steps)
        ways: list[_Way | None] = [_Way(0.0), *[None] * count]
        for end in range(1, count + 1):
            best = self._with_step(ways[end - 1], end - 1, limit)
            is_needed, saved = False, 0.0
            for begin in range(end - 1, -1, -1):
                # what is summed is the end of a chain
                if begin not in self.rows or (self.rows[begin].summed and begin < end - 1):
                    break
                is_needed |= self._direct[begin] > limit or self._is_fed(begin)
                saved += self._saved[begin]
                before = ways[begin]
                # without a step that is too large, they cost less as they are
                if not is_needed or before is None:
                    continue
                for rows in self._heights(begin, end) if self._least_bytes(begin, end) <= limit else ():
                    found = self._chain(begin, end, rows)
                    if found is None:
                        continue
                    if found[0] > limit:  # and so it is with more rows
                        break
                    more = before.more_instructions + found[1].more_instructions + saved
                    if best is None or more < best.more_instructions:
                        best = _Way(more, (*before.chains, (begin, end, found[1])), before.direct)
            ways[end] = best
        return None if (way := ways[count]) is None else self._higher(way, limit)

    def _higher(self, way: _Way, limit: int) -> _Way:
        """The same with faster kernels, and more rows of those that copy, where there is room for that."""
        found = []
        more = way.more_instructions
        for begin, end, planned in way.chains:
            best, choices = planned, list(self._choices(begin, end, planned))
            alone = (self._with_choice(begin, end, planned, choice, limit) for choice in choices)
            gains = [(one.more_instructions, place) for place, one in enumerate(alone) if one is not None]
            # what gains most comes first
            for _, place in sorted(gains):
                tried = self._with_choice(begin, end, best, choices[place], limit)
                if tried is not None and tried.more_instructions < best.more_instructions:
                    best = tried
            more += best.more_instructions - planned.more_instructions
            found.append((begin, end, best))
        return _Way(more, tuple(found), way.direct)

    def _choices(self, begin: int, end: int, planned: Planned) -> Iterator[tuple[int, RowStep, int]]:
        """Other kernels of a step of a chain, or more rows: which of its steps, how, rows."""
        parts, heights = _steps_of(planned, end - begin)
        for place, height in enumerate(heights):
            own = self.rows[begin + place]
            for part in (own, *own.faster):
                for rows in _ROWS if part.gains_by_rows and not self._is_given else (height,):
                    if rows >= height and (part, rows) != (parts[place], height):
                        yield place, part, rows

    def _with_choice(
        self, begin: int, end: int, planned: Planned, choice: tuple[int, RowStep, int], limit: int
    ) -> Planned | None:
        """A chain with that, where it keeps the limit."""
        place, part, rows = choice
        parts, heights = _steps_of(planned, end - begin)
        heights, parts = (*heights[:place], rows, *heights[place + 1 :]), (*parts[:place], part, *parts[place + 1 :])
        tried = self._chain(begin, end, heights, parts)
        return tried[1] if tried and tried[0] <= limit else None

    @property
    def _is_given(self) -> bool:
        """Whether the rows of a call are not ours to choose."""
        return bool(self.manner.rows) or self.manner.order != DEPTH_FIRST

    def _heights(self, begin: int, end: int) -> Iterator[tuple[int, ...]]:
        """Rows of the calls of each step, from the fewest on; steps that copy nothing again need but one."""
        if self.manner.rows:
            yield (self.manner.rows,) * (end - begin)
            return
        copies = [self.rows[number].copies_again for number in range(begin, end)]
        is_same = not any(copies) or self._is_given
        for rows in _ROWS:
            yield tuple(rows if is_same or one else 1 for one in copies)

    def _with_step(self, before: _Way | None, number: int, limit: int) -> _Way | None:
        """And a step as it is."""
        if before is None or self._direct[number] > limit or self._is_fed(number):
            return None
        if self._fast[number] <= limit:
            return before
        more = before.more_instructions + self._saved[number]
        return _Way(more, before.chains, (*before.direct, number))

    def _is_fed(self, begin: int) -> bool:
        """Whether what begins with this step begins with rows that are handed over."""
        return self.fed is not None and begin == 0

    @lru_cache(None)  # noqa: B019
    def _inside(self, begin: int, end: int) -> frozenset[int]:
        """What only steps from one to before another write and read."""
        fed = [self.fed] if self.fed is not None and begin == 0 else []
        return frozenset(
            output
            for output in (*fed, *(self.rows[number].output for number in range(begin, end)))
            if output not in self.program.graph.outputs
            and self._readers.get(output)
            and all(begin <= reader < end for reader in self._readers[output])
        )

    @lru_cache(None)  # noqa: B019
    def _least_bytes(self, begin: int, end: int) -> int:
        """Of a chain: rows that windows see once more, and a step's other ones, whatever of its tensors may overlap."""
        made = {self.rows[number].output for number in range(begin, end)}
        read = {source for number in range(begin, end) for source in self.rows[number].sources} - made
        pairs = [(source, output, Overlap(lead=0)) for source in read for output in made]
        inside = self._inside(begin, end)
        stay, come = dict.fromkeys(inside, 0), [0]
        for number in range(begin, end):
            part = self.rows[number]
            for source in inside.intersection(part.sources):
                row_bytes, again = part.given.size_bytes // part.given.shape[1], part.least_rows - part.window[0]
                stay[source] = max(stay[source], row_bytes * max(again, 0))
                come.append(row_bytes * min(part.window[0], part.least_rows))
        return self._alive_bytes(begin, end, inside, pairs) + sum(stay.values()) + max(come)

    def _chain(
        self, begin: int, end: int, rows: tuple[int, ...], steps: tuple[RowStep, ...] = ()
    ) -> tuple[int, Planned] | None:
        """Bytes that are alive while the steps from one to before another run as a chain, by such kernels."""
        steps = steps or tuple(self.rows[number] for number in range(begin, end))
        key = (begin, rows, steps)
        if key not in self._planned:
            self._planned[key] = self._made(begin, end, rows, steps)
        return self._planned[key]

    def _made(
        self, begin: int, end: int, rows: tuple[int, ...], steps: tuple[RowStep, ...]
    ) -> tuple[int, Planned] | None:
        parts: list[Maker] = [*steps]
        inside = self._inside(begin, end)
        if not inside or (not self.manner.rows and max(rows) > max(part.height for part in parts)):
            return None
        if self.fed is not None and begin == 0:
            if self.fed not in inside:
                return None
            parts.insert(0, FedRows(self.program.tensors[self.fed]))
            rows = (1, *rows)
        planned = chains.plan(parts, inside, rows, self.manner.order)
        if planned is None:
            return None
        pairs = [(source, output, Overlap(lead=lead)) for (source, output), lead in planned.leads.items()]
        alive = self._alive_bytes(begin, end, inside, pairs)
        return alive + aligned(planned.bytes, self.alignment), planned

    def _taken(self, way: _Way) -> Program:
        """The program with chains."""
        every = [
            direct if number in way.direct else fast
            for number, (direct, fast) in enumerate(zip(self.program.steps, self.faster.steps, strict=True))
        ]
        for begin, end, planned in reversed(way.chains):
            every[begin:end] = [chains.chain(planned)]
        return replace(self.program, steps=tuple(every))
