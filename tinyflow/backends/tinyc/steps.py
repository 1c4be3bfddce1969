"""What a generated model does: kernel calls in order, and tensors that share another's bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Union

from tinyflow.backends.tinynn.calls import Call
from tinyflow.model.graph import Graph, Operator, Tensor

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
    steps: tuple[Step | Mark, ...]
    shares: Mapping[int, int]
    tensors: tuple[Tensor, ...]
    once: tuple[Step | Mark, ...] = ()
    initial: Mapping[int, int] = field(default_factory=dict)

    @property
    def every(self) -> tuple[Step | Mark, ...]:
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
