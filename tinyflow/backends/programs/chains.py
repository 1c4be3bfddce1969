"""A chain: neighbouring steps that run row by row, each row computed once, as soon as those behind have asked for it.

Tensors inside it have a buffer of as many rows as are needed at a time. Its rows lie one behind the other, so that a
kernel sees a small tensor; where there is no room behind them, those that are still needed move to its beginning.
When which call runs and where it reads and writes is known here: a table. So is which bytes are in use at each moment,
and buffers share those that they need at different ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Union

from tinyflow.backends.options import DEPTH_FIRST
from tinyflow.backends.programs import moments
from tinyflow.backends.programs.moments import Change
from tinyflow.backends.programs.rows import PER_WORD, FedRows, RowStep
from tinyflow.backends.programs.steps import Chain, Part, RowCall, RowFeed, RowMove, Spot
from tinyflow.backends.tinynn.calls import WORD_BYTES, Call
from tinyflow.model.graph import Tensor
from tinyflow.model.memory.arena import aligned

# of memmove, for a call
_PER_MOVE = 60
# a row behind all
_NEVER = 1 << 30

Maker = Union[RowStep, FedRows]


@dataclass(frozen=True, eq=False)
class Planned:
    """A chain that may be taken: its calls, its buffers, and about the instructions that it costs."""

    parts: Sequence[Maker]
    rows: Sequence[int]
    """Of a call of each part, at most."""
    order: Sequence[tuple[int, int, int]]
    """Part, its first row, how many."""
    held: Mapping[int, int]
    """Tensor inside → rows of its buffer."""
    walked: Sequence[RowCall | RowMove | RowFeed]
    uses: Mapping[_Buffer, Sequence[Change]]
    """Which bytes of each buffer are in use, at which of `walked`."""
    leads: Mapping[tuple[int, int], int]
    """See `Chain`."""
    more_instructions: float

    @cached_property
    def bytes(self) -> int:
        """Of all buffers and of the kernels' scratch."""
        return self._places[1]

    @property
    def places(self) -> Mapping[_Buffer, int]:
        """Where each buffer begins."""
        return self._places[0]

    @cached_property
    def _places(self) -> tuple[Mapping[_Buffer, int], int]:
        return moments.places(self.uses, len(self.walked))

    @property
    def tensors(self) -> dict[int, Tensor]:
        """All that its steps read and write."""
        return _tensors(self.parts)


@dataclass(frozen=True)
class _Buffer:
    """Of a tensor's rows, or of a part's scratch."""

    tensor: int | None = None
    part: int | None = None


def _tensors(parts: Sequence[Maker]) -> dict[int, Tensor]:
    given = {tensor: part.given for part in parts if isinstance(part, RowStep) for tensor in part.sources}
    return given | {part.output: part.made for part in parts}


def _row_bytes(tensor: Tensor) -> int:
    return tensor.size_bytes // tensor.shape[1]


def _buffer_bytes(tensor: Tensor, rows: int) -> int:
    return aligned(rows * _row_bytes(tensor), WORD_BYTES)


@dataclass
class _State:
    """What is there of each tensor."""

    parts: Sequence[Maker]
    rows: Sequence[int]
    asked: Collection[int]
    """Tensors of which all are made in one call that are asked for."""
    made: dict[int, int] = field(default_factory=dict)
    order: list[tuple[int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.writers = {part.output: number for number, part in enumerate(self.parts)}
        self.made = dict.fromkeys(self.writers, 0)

    def ensure(self, tensor: int, end: int) -> None:
        """Make all rows before `end`; an input of the chain is there."""
        number = self.writers.get(tensor)
        if number is None:
            return
        part = self.parts[number]
        while (first := self.made[tensor]) < end:
            rows = min(end - first if tensor in self.asked else self.rows[number], part.height - first)
            for source in part.sources:
                self.ensure(source, part.span(first, rows)[1])
            self.order.append((number, first, rows))
            self.made[tensor] += rows


def plan(
    parts: Sequence[Maker], inside: Collection[int], rows: Sequence[int], order: str = DEPTH_FIRST
) -> Planned | None:
    """The chain of these steps, so many rows of each at a time; None where a kernel can't.

    `inside`: tensors that nobody else reads. Rows that are handed over come first, if there are any, one at a time.
    """
    fed = {part.output for part in parts if isinstance(part, FedRows)}
    state = _State(parts, rows, () if order == DEPTH_FIRST else [t for t in inside if t not in fed])
    for part in reversed(parts):
        state.ensure(part.output, part.height)
    more = 0.0
    for number, first, count in state.order:
        part = parts[number]
        if isinstance(part, RowStep) and part.call(first, count) is None:
            return None
        more += part.more_instructions(first, count)
    walk = _Walk(parts, state.order, inside)
    walk.run()
    moves = [one.size_bytes for one in walk.walked if isinstance(one, RowMove)]
    more += sum(_PER_MOVE + size / WORD_BYTES * PER_WORD for size in moves)
    leads = _leads(parts, state.order, inside)
    return Planned(parts, rows, state.order, walk.held, walk.walked, walk.uses, leads, more)


def _leads(
    parts: Sequence[Maker], order: Sequence[tuple[int, int, int]], inside: Collection[int]
) -> dict[tuple[int, int], int]:
    """How far what is written must stay behind what is still to be read."""
    tensors = _tensors(parts)
    made = {part.output for part in parts}
    # in bytes, from the last call on
    unread = {t: tensor.size_bytes for t, tensor in tensors.items() if t not in made}
    found: dict[tuple[int, int], int] = {}
    for number, first, count in reversed(order):
        part = parts[number]
        begin, _ = part.span(first, count)
        for tensor in part.sources:
            if tensor in unread:
                unread[tensor] = min(unread[tensor], begin * _row_bytes(tensors[tensor]))
        if not isinstance(part, RowStep) or part.output in inside:
            continue
        if not part.summed or first + count == part.height:
            end = part.made.size_bytes if part.summed else (first + count) * _row_bytes(part.made)
            for tensor, low in unread.items():
                pair = tensor, part.output
                found[pair] = max(found.get(pair, -tensors[tensor].size_bytes), end - low)
    return found


@dataclass
class _Walk:
    """All calls and moves one after the other, and what is in use meanwhile."""

    parts: Sequence[Maker]
    order: Sequence[tuple[int, int, int]]
    inside: Collection[int]
    walked: list[RowCall | RowMove | RowFeed] = field(default_factory=list)
    uses: dict[_Buffer, list[Change]] = field(default_factory=dict)
    held: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tensors = _tensors(self.parts)
        self._bytes = {tensor: _row_bytes(tensors[tensor]) for tensor in tensors if len(tensors[tensor].shape) == 4}
        self._readers = {t: [n for n, part in enumerate(self.parts) if t in part.sources] for t in self.inside}
        self._base = dict.fromkeys(self.inside, 0)
        self._variants: list[dict[tuple[int, int, int], int]] = [{} for _ in self.parts]
        self._fed = sum(isinstance(part, FedRows) for part in self.parts)
        self._writers = {part.output: number for number, part in enumerate(self.parts)}
        self._begin()
        for number, first, count in self.order:
            tensor = self.parts[number].output
            if tensor in self.inside:
                self.held[tensor] = max(self.held.get(tensor, 0), first + count - min(first, self._low(tensor)))
            self._made_more(number, count)

    def run(self) -> None:
        """Fill all in."""
        self._begin()
        for number, first, count in self.order:
            part = self.parts[number]
            if part.output in self.inside:
                self._make_room(part.output, first, count)
            self._call(number, first, count)

    def _begin(self) -> None:
        # of each part's output, and the first row that it reads next, if any
        self._made = [0] * len(self.parts)
        self._next = [part.span(0, 1)[0] for part in self.parts]

    def _made_more(self, number: int, count: int) -> None:
        self._made[number] += count
        self._next[number] = self.parts[number].span(self._made[number], 1)[0] if self._left(number) else _NEVER

    def _low(self, tensor: int) -> int:
        """The first row of a tensor that is still to be read."""
        return min(self._next[n] for n in self._readers[tensor])

    def _left(self, number: int) -> bool:
        return self._made[number] < self.parts[number].height

    def _make_room(self, tensor: int, first: int, count: int) -> None:
        """For rows that are written: those that stay move to the beginning where there is none behind them."""
        if first + count - self._base[tensor] <= self.held[tensor]:
            return
        low = min(first, self._low(tensor))
        source = self._spot(tensor, low)
        self._base[tensor] = low
        if kept := first - low:
            self._use(_Buffer(tensor), 0, source.offset_bytes + kept * self._bytes[tensor])
            self.walked.append(RowMove(source, self._spot(tensor, low), kept * self._bytes[tensor]))

    def _call(self, number: int, first: int, count: int) -> None:
        part = self.parts[number]
        if isinstance(part, FedRows):
            self._use_rows(part.output, min(first, self._low(part.output)), first + count)
            self.walked.append(RowFeed(self._spot(part.output, first)))
            self._made_more(number, count)
            return
        call = part.call(first, count)
        assert call is not None, "asked before"
        output = Spot(part.output, 0) if part.summed else self._spot(part.output, first)
        inputs = tuple(self._spot(t, part.span(first, count)[0]) for t in part.sources)
        variant = self._variants[number].setdefault(part.shape(first, count), len(self._variants[number]))
        if call.scratch_bytes:
            self._use(_Buffer(part=number), 0, aligned(call.scratch_bytes, WORD_BYTES))
        if part.output in self.inside:
            self._use_rows(part.output, min(first, self._low(part.output)), first + count)
        self.walked.append(RowCall(number - self._fed, variant, inputs, output))
        self._made_more(number, count)
        if call.scratch_bytes and not (part.summed and self._left(number)):
            self._use(_Buffer(part=number), 0, 0)
        for tensor in dict.fromkeys(t for t in part.sources if t in self.inside):
            made = self._made[self._writers[tensor]]
            self._use_rows(tensor, min(self._low(tensor), made), made)

    def _spot(self, tensor: int, row: int) -> Spot:
        return Spot(tensor, (row - self._base.get(tensor, 0)) * self._bytes[tensor])

    def _use(self, buffer: _Buffer, low: int, high: int) -> None:
        """From what comes next on."""
        self.uses.setdefault(buffer, []).append((len(self.walked), low, high))

    def _use_rows(self, tensor: int, low: int, end: int) -> None:
        self._use(_Buffer(tensor), self._spot(tensor, low).offset_bytes, self._spot(tensor, end).offset_bytes)


def chain(planned: Planned) -> Chain:
    """As a step of a program."""
    steps = {number: part for number, part in enumerate(planned.parts) if isinstance(part, RowStep)}
    calls: dict[int, list[Call]] = {number: [] for number in steps}
    walked = (one for one in planned.walked if not isinstance(one, RowMove))
    for (number, first, count), one in zip(planned.order, walked, strict=True):
        if isinstance(one, RowCall) and one.variant == len(calls[number]):
            call = steps[number].call(first, count)
            assert call is not None, "planned"
            calls[number].append(call)
    made = {part.output for part in planned.parts}
    read = dict.fromkeys(t for part in planned.parts for t in part.sources if t not in made)
    return Chain(
        parts=tuple(
            Part(part.step.operator, tuple(calls[number]), planned.places.get(_Buffer(part=number)))
            for number, part in steps.items()
        ),
        walked=tuple(planned.walked),
        reads=tuple(read),
        writes=tuple(part.output for part in planned.parts if part.output not in planned.held),
        rings={t: _buffer_bytes(planned.tensors[t], rows) for t, rows in planned.held.items()},
        places={t: planned.places[_Buffer(t)] for t in planned.held},
        rows=max(rows for part, rows in zip(planned.parts, planned.rows, strict=True) if isinstance(part, RowStep)),
        leads=planned.leads,
        scratch_bytes=planned.bytes,
        fed=next((part.output for part in planned.parts if isinstance(part, FedRows)), None),
    )
