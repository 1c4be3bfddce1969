"""A chain: neighbouring steps that run row by row, each row computed once, as soon as those behind have asked for it.

Tensors inside it have a buffer of as many rows as are needed at a time. Its rows lie one behind the other, so that a
kernel sees a small tensor; where there is no room behind them, those that are still needed move to its beginning.
When which call runs and where it reads and writes is known here: a table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tinyflow.backends.tinyc.rows import RowStep
from tinyflow.backends.tinyc.steps import Chain, Part, RowCall, RowMove, Spot
from tinyflow.backends.tinynn.calls import WORD_BYTES, Call
from tinyflow.model.graph import Tensor
from tinyflow.model.memory.arena import aligned

# of memmove, for a word and for a call
_PER_WORD, _PER_MOVE = 1.5, 60


@dataclass(frozen=True, eq=False)
class Planned:
    """A chain that may be taken: what it holds in its scratch, and about the instructions that it costs."""

    parts: Sequence[RowStep]
    rows: int
    order: Sequence[tuple[int, int, int]]
    """Part, its first row, how many."""
    held: Mapping[int, int]
    """Tensor inside → rows of its buffer."""
    kernel_scratch: int
    leads: Mapping[tuple[int, int], int]
    """See `Chain`."""
    more_instructions: float

    @property
    def bytes(self) -> int:
        """Of all buffers and of the kernels' scratch."""
        return sum(_buffer_bytes(self.tensors[t], rows) for t, rows in self.held.items()) + self.kernel_scratch

    @property
    def tensors(self) -> dict[int, Tensor]:
        """All that its steps read and write."""
        return _tensors(self.parts)


def _tensors(parts: Sequence[RowStep]) -> dict[int, Tensor]:
    given = {tensor: part.given for part in parts for tensor in part.sources}
    return given | {part.output: part.made for part in parts}


def _row_bytes(tensor: Tensor) -> int:
    return tensor.size_bytes // tensor.shape[1]


def _buffer_bytes(tensor: Tensor, rows: int) -> int:
    return aligned(rows * _row_bytes(tensor), WORD_BYTES)


@dataclass
class _State:
    """What is there of each tensor."""

    parts: Sequence[RowStep]
    rows: int
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
            rows = min(self.rows, part.height - first)
            for source in part.sources:
                self.ensure(source, part.span(first, rows)[1])
            self.order.append((number, first, rows))
            self.made[tensor] += rows


def plan(parts: Sequence[RowStep], inside: Collection[int], rows: int) -> Planned | None:
    """The chain of these steps, so many rows at a time; None where a kernel can't, or a row would begin within a word.

    `inside`: tensors that nobody else reads.
    """
    state = _State(parts, rows)
    for part in reversed(parts):
        state.ensure(part.output, part.height)
    planned = Planned(parts, rows, state.order, {}, 0, {}, 0.0)
    scratch, more = 0, 0.0
    for number, first, count in state.order:
        call = parts[number].call(first, count)
        if call is None:
            return None
        scratch = max(scratch, aligned(call.scratch_bytes, WORD_BYTES))
        more += parts[number].more_instructions(first, count)
    held: dict[int, int] = {}
    for tensor, _, kept, new in _needed(planned, inside):
        held[tensor] = max(held.get(tensor, 0), kept + new)
    planned = Planned(parts, rows, state.order, held, scratch, {}, more)
    moved = 0.0
    for one in _walk(planned, dict.fromkeys(held, 0)):
        spots = [one.source, one.target] if isinstance(one, RowMove) else [*one.inputs, one.output]
        if any(spot.offset_bytes % WORD_BYTES for spot in spots):
            return None
        moved += _PER_MOVE + one.size_bytes / WORD_BYTES * _PER_WORD if isinstance(one, RowMove) else 0
    return Planned(parts, rows, state.order, held, scratch, _leads(planned), more + moved)


def _leads(planned: Planned) -> dict[tuple[int, int], int]:
    """How far what is written must stay behind what is still to be read."""
    parts, tensors = planned.parts, planned.tensors
    made = {part.output for part in parts}
    # in bytes, from the last call on
    unread = {t: tensor.size_bytes for t, tensor in tensors.items() if t not in made}
    found: dict[tuple[int, int], int] = {}
    for number, first, count in reversed(planned.order):
        part = parts[number]
        begin, _ = part.span(first, count)
        for tensor in part.sources:
            if tensor in unread:
                unread[tensor] = min(unread[tensor], begin * _row_bytes(tensors[tensor]))
        if part.output not in planned.held:
            end = (first + count) * _row_bytes(part.made)
            for tensor, low in unread.items():
                pair = tensor, part.output
                found[pair] = max(found.get(pair, -tensors[tensor].size_bytes), end - low)
    return found


def _needed(planned: Planned, inside: Collection[int]) -> Iterator[tuple[int, int, int, int]]:
    """Before each call that writes a tensor inside: that, its first row that is still needed, how many are, and new."""
    parts, made = planned.parts, [0] * len(planned.parts)
    readers = {t: [n for n, part in enumerate(parts) if t in part.sources] for t in inside}
    for number, first, count in planned.order:
        tensor = parts[number].output
        if tensor in readers:
            lows = [parts[n].span(made[n], 1)[0] for n in readers[tensor] if made[n] < parts[n].height]
            low = min([first, *lows])
            yield tensor, low, first - low, count
        made[number] += count


def _walk(planned: Planned, places: Mapping[int, int]) -> Iterator[RowCall | RowMove]:
    """All calls and moves; `places`: tensor inside → where in the scratch its buffer begins."""
    parts, tensors = planned.parts, planned.tensors
    base = dict.fromkeys(places, 0)
    needed = iter(list(_needed(planned, places)))
    variants: list[dict[tuple[int, int, int], int]] = [{} for _ in parts]

    def spot(tensor: int, row: int) -> Spot:
        if tensor in places:
            return Spot(None, places[tensor] + (row - base[tensor]) * _row_bytes(tensors[tensor]))
        return Spot(tensor, row * _row_bytes(tensors[tensor]))

    for number, first, count in planned.order:
        part = parts[number]
        if part.output in places:
            tensor, low, kept, new = next(needed)
            if first + new - base[tensor] > planned.held[tensor]:
                source = spot(tensor, low)
                base[tensor] = low
                if kept:
                    yield RowMove(source, spot(tensor, low), kept * _row_bytes(tensors[tensor]))
        begin, end = part.span(first, count)
        shape = (count, end - begin, begin - part.needs(first, count)[0])
        variant = variants[number].setdefault(shape, len(variants[number]))
        yield RowCall(number, variant, tuple(spot(t, begin) for t in part.sources), spot(part.output, first))


def chain(planned: Planned) -> Chain:
    """As a step of a program."""
    places, end = {}, planned.kernel_scratch
    for tensor, rows in planned.held.items():
        places[tensor] = end
        end += _buffer_bytes(planned.tensors[tensor], rows)
    walked = tuple(_walk(planned, places))
    calls: list[list[Call]] = [[] for _ in planned.parts]
    firsts = iter(planned.order)
    for one in walked:
        if isinstance(one, RowCall):
            number, first, count = next(firsts)
            if one.variant == len(calls[number]):
                call = planned.parts[number].call(first, count)
                assert call is not None, "planned"
                calls[number].append(call)
    made = {part.output for part in planned.parts}
    read = dict.fromkeys(t for part in planned.parts for t in part.sources if t not in made)
    return Chain(
        parts=tuple(Part(part.step.operator, tuple(of_it)) for part, of_it in zip(planned.parts, calls, strict=True)),
        walked=walked,
        reads=tuple(read),
        writes=tuple(part.output for part in planned.parts if part.output not in planned.held),
        rings={t: _buffer_bytes(planned.tensors[t], rows) for t, rows in planned.held.items()},
        rows=planned.rows,
        leads=planned.leads,
        scratch_bytes=end,
    )
