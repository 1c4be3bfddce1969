"""What a generated model does: kernel calls in order, and tensors that share another's bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Union

from tinyflow.backends.tinynn.calls import WORD_BYTES, Call
from tinyflow.model.graph import Graph, Operator, Tensor

# the function that takes a row of the input
FEED = "model_feed_row"
# in place of a tensor: what the operator remembers by itself (`Description.remembers`), `Step.remembered_bytes` long
REMEMBERED = -1
# what one step of an operator puts aside for a later one, `Step.aside_bytes` long
ASIDE = -2


@dataclass(frozen=True)
class Operand:
    """A tensor, or what lies `offset_bytes` behind its beginning."""

    tensor: int
    offset_bytes: int = 0


@dataclass(frozen=True)
class Step:
    """One call of a kernel for the operator with this index."""

    operator: int
    call: Call
    inputs: tuple[Operand, ...]
    output: Operand
    aside_bytes: int = 0
    """Of what it writes, where its output is ASIDE."""
    remembered_bytes: int = 0
    """Of what the operator remembers, in its first step that reads or writes it."""


MarkKind = Literal["if", "else", "loop", "leave", "end"]


@dataclass(frozen=True)
class Mark:
    """Where the way of an inference forks, for the operator with this index: what C has braces for.

    `if` and `leave` (of the loop, where that is false) read their condition; what the end of a loop reads must be there
    when it begins anew.
    """

    operator: int
    kind: MarkKind
    reads: tuple[Operand, ...] = ()


@dataclass(frozen=True)
class Spot:
    """A byte of a tensor, or of the rows of it that a chain holds."""

    tensor: int
    offset_bytes: int


@dataclass(frozen=True)
class RowCall:
    """Rows of a part, by one of its calls."""

    part: int
    variant: int
    inputs: tuple[Spot, ...]
    output: Spot

    @property
    def spots(self) -> tuple[Spot, ...]:
        """All that it names."""
        return *self.inputs, self.output


@dataclass(frozen=True)
class RowMove:
    """Rows that stay in a buffer go to its beginning."""

    source: Spot
    target: Spot
    size_bytes: int

    @property
    def spots(self) -> tuple[Spot, ...]:
        """All that it names."""
        return self.source, self.target


@dataclass(frozen=True)
class RowFeed:
    """The next row that the application hands over goes into its buffer."""

    target: Spot

    @property
    def spots(self) -> tuple[Spot, ...]:
        """All that it names."""
        return (self.target,)


@dataclass(frozen=True)
class Part:
    """An operator of a chain: its calls for each number of rows, above, between or below which padding may lie."""

    operator: int
    calls: tuple[Call, ...]
    scratch: int | None
    """Where that of its kernel begins in the chain's, if it has some."""


@dataclass(frozen=True)
class Chain:
    """Operators that run row by row (`chains`), as one step of the last one of them."""

    parts: tuple[Part, ...]
    walked: tuple[RowCall | RowMove | RowFeed, ...]
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    rings: Mapping[int, int]
    """Tensor that is never whole → bytes of its buffer."""
    places: Mapping[int, int]
    """And where that begins in the chain's scratch."""
    rows: int
    """Of a call, at most."""
    leads: Mapping[tuple[int, int], int]
    """Tensor that is read, tensor that is written → bytes that the latter begins before the former, at least."""
    scratch_bytes: int
    """That of kernels, and all buffers."""
    fed: int | None = None
    """The network's input whose rows are handed over, which has a buffer, too."""

    @property
    def operator(self) -> int:
        """Whose step it is."""
        return self.parts[-1].operator

    @property
    def unit_bytes(self) -> int:
        """Of which all places are multiples."""
        numbers = [spot.offset_bytes for one in self.walked for spot in one.spots]
        numbers += [one.size_bytes for one in self.walked if isinstance(one, RowMove)]
        return WORD_BYTES if all(number % WORD_BYTES == 0 for number in numbers) else 1

    @property
    def function(self) -> str:
        """The symbol of what computes it."""
        return FEED if self.fed is not None else f"model_rows_{self.parts[0].operator}_{self.operator}"


# one call reads all activations that the operator reads, and writes its output
Lowered = Union[Call, Iterable[Step]]
Lowering = Callable[[Graph, Operator, str], Lowered]


@dataclass(frozen=True)
class Program:
    """All steps of one inference. `shares`: a tensor → the tensor whose bytes it is, under another shape.

    `tensors` are those of the network, and behind them those of called subgraphs and resource variables; `initial`: a
    variable → what each of its bytes is before `once` runs, which the network's inferences follow.
    """

    graph: Graph
    steps: tuple[Step | Mark | Chain, ...]
    shares: Mapping[int, int]
    tensors: tuple[Tensor, ...]
    once: tuple[Step | Mark, ...] = ()
    initial: Mapping[int, int] = field(default_factory=dict)

    @property
    def every(self) -> tuple[Step | Mark | Chain, ...]:
        """The steps of an inference and, behind them, those that are run once."""
        return self.steps + self.once

    def writers(self, variable: int) -> list[int]:
        """The operators of an inference that change a variable: those that take it do, but for copies."""
        return sorted(
            {
                step.operator
                for step in self.steps
                if isinstance(step, Step)
                and (
                    self.owner(step.output.tensor) == variable
                    or (step.call.struct != "tinynn_copy" and variable in [one.tensor for one in step.inputs])
                )
            }
        )

    def owner(self, tensor: int) -> int:
        """The tensor in whose bytes a tensor lies: itself for most."""
        return self.shares.get(tensor, tensor)
