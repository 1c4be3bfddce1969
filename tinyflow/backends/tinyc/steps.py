"""What a generated model does: kernel calls in order, and tensors that share another's bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Union

from tinyflow.backends.tinynn.calls import Call
from tinyflow.model.graph import Graph, Operator


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


# one call reads all activations that the operator reads, and writes its output
Lowered = Union[Call, Iterable[Step]]
Lowering = Callable[[Graph, Operator, str], Lowered]


@dataclass(frozen=True)
class Program:
    """All steps of one inference. `shares`: a tensor → the tensor whose bytes it is, under another shape."""

    graph: Graph
    steps: tuple[Step, ...]
    shares: Mapping[int, int] = field(default_factory=dict)

    def owner(self, tensor: int) -> int:
        """The tensor in whose bytes a tensor lies: itself for most."""
        return self.shares.get(tensor, tensor)
