"""A neural network as immutable values: tensors, operators in execution order, and what follows from them alone.

It owns the vocabulary that readers, writers, planners and backends share. It must never import a heavy package and
knows nothing of file formats; readers promise that indices are valid and that every operator reads what exists.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from typing import Any, Union

from tinyflow.core.errors import ModelError
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.memory.lifetimes import lifetimes

# an operator of a file's own kind is called by its code there, behind this
CUSTOM = "custom "

Shape = tuple[int, ...]
OptionValue = Union[str, int, float, bool, tuple[int, ...]]


@dataclass(frozen=True)
class Quantisation:
    """How integers stand for real values: `real = scale * (integer - zero_point)`.

    One scale and one zero point for the whole tensor, or one of each per index along `axis`. Scales are float32
    values, which may be 0, tiny, or of a channel even negative (a batch norm was folded into it).
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0

    @property
    def is_per_channel(self) -> bool:
        """Whether the indices along `axis` have scales of their own."""
        return len(self.scales) > 1

    @property
    def scale(self) -> float:
        """The scale of the whole tensor; ValueError where each channel has its own."""
        (scale,) = self.scales
        return scale

    @property
    def zero_point(self) -> int:
        """The zero point of the whole tensor; ValueError where each channel has its own."""
        (zero_point,) = self.zero_points
        return zero_point


def unused_name(name: str, taken: Container[str]) -> str:
    """The name itself, or what comes closest to it and is not taken."""
    while name in taken:
        name += "_"
    return name


@dataclass(frozen=True)
class Tensor:
    """An activation, or a constant where `data` holds its little-endian bytes. A scalar has the shape `()`.

    A variable is state of the operators that read it: 0 at first (which an integer stands for is its zero point), kept
    and changed from call to call, written by nobody else.
    """

    index: int
    name: str
    shape: Shape
    dtype: str
    quantisation: Quantisation | None = None
    data: bytes | None = field(default=None, repr=False)
    is_variable: bool = False

    @property
    def elements(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes that the elements take, packed."""
        return (self.elements * ELEMENT_TYPES[self.dtype].bits + 7) // 8

    @property
    def is_constant(self) -> bool:
        """Whether the value is part of the model."""
        return self.data is not None

    @property
    def is_integer(self) -> bool:
        """Whether elements are integers or truth values."""
        return "float" not in self.dtype


@dataclass(frozen=True)
class Operator:
    """One step: `name` as in the TFLite schema (`CONV_2D`), its version, and tensor indices; -1 is an absent input.

    `options` hold plain values: `padding` `SAME`/`VALID`, `stride`/`dilation`/`filter` as (height, width),
    `activation` `NONE`/`RELU`/`RELU6`…, and so on; `tinyflow.model.operators` has them all. A custom operator is called
    `custom <its code>`, and has the bytes of its options in place of them. `intermediates` are tensors without a value
    of which an LSTM takes quantisations.
    """

    index: int
    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    intermediates: tuple[int, ...] = ()
    custom_options: bytes = field(default=b"", repr=False)

    @property
    def calls(self) -> tuple[int, ...]:
        """The numbers of the subgraphs that it may run."""
        return tuple(value for name, value in self.options.items() if name.endswith("_subgraph_index"))

    @property
    def tensors(self) -> tuple[int, ...]:
        """All tensors that it names."""
        return tuple(index for index in self.inputs + self.outputs + self.intermediates if index >= 0)


@dataclass(frozen=True)
class Graph:
    """A network. `operators` are in execution order; `inputs` and `outputs` are tensor indices.

    `subgraphs` are further ones, with tensors of their own, that CALL_ONCE, IF and WHILE run; they have none
    themselves: number n, in options of whichever operator, is `subgraphs[n - 1]` of the network, which is number 0.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    name: str = ""
    subgraphs: tuple[Graph, ...] = ()

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """It and its subgraphs, by their numbers."""
        return (self, *self.subgraphs)

    @cached_property
    def weights_bytes(self) -> int:
        """Bytes of all constants that operators read, each tensor once."""
        return sum(
            graph.tensors[index].size_bytes
            for graph in self.graphs
            for index in {index for operator in graph.operators for index in operator.inputs if index >= 0}
            if graph.tensors[index].is_constant
        )

    @cached_property
    def peak_live_bytes(self) -> int:
        """The most activation bytes that must exist at once: what no plan without results in place is smaller than.

        State is always there, what a subgraph has while its caller runs.
        """
        peaks: dict[int, int] = {}

        def peak(number: int) -> int:
            if number not in peaks:
                graph = self.graphs[number]
                called = (max(map(peak, operator.calls), default=0) for operator in graph.operators)
                peaks[number] = max(map(sum, zip(_live_bytes(graph), called, strict=True)), default=0)
            return peaks[number]

        return peak(0) + self.state_bytes

    @cached_property
    def resources(self) -> dict[tuple[str, str], Tensor]:
        """Container and name of each resource variable → a tensor of its shape and type that is read from it or put in.

        Resource variables are state: zeros at first (their bytes), kept from call to call.
        """
        return {key: graph.tensors[index] for graph in self.graphs for key, index in graph.resource_uses()}

    def resource_uses(self) -> Iterator[tuple[tuple[str, str], int]]:
        """Container and name of a resource variable, and a tensor of this very graph that is read from it or put in."""
        for operator in self.operators:
            if operator.name == "READ_VARIABLE":
                yield self.handles[operator.inputs[0]], operator.outputs[0]
            elif operator.name == "ASSIGN_VARIABLE":
                yield self.handles[operator.inputs[0]], operator.inputs[1]

    @cached_property
    def handles(self) -> dict[int, tuple[str, str]]:
        """Tensors of this very graph that name a resource variable → its container and name."""
        return {
            operator.outputs[0]: (operator.options["container"], operator.options["shared_name"])
            for operator in self.operators
            if operator.name == "VAR_HANDLE"
        }

    @cached_property
    def state_bytes(self) -> int:
        """Bytes of all that is kept from call to call: variable tensors and resource variables."""
        variables = (tensor for graph in self.graphs for tensor in graph.tensors if tensor.is_variable)
        return sum(tensor.size_bytes for tensor in (*variables, *self.resources.values()))

    @cached_property
    def is_integer_only(self) -> bool:
        """Whether no operator reads or writes a floating-point tensor."""
        return all(
            graph.tensors[index].is_integer
            for graph in self.graphs
            for index in {index for operator in graph.operators for index in operator.tensors}.union(
                graph.inputs, graph.outputs
            )
        )

    def part(self, operators: Sequence[Operator], inputs: Sequence[int], outputs: Sequence[int]) -> Graph:
        """Some operators as a graph of their own; tensors that nothing uses are left out, all is counted anew."""
        used = sorted({*inputs, *outputs, *(index for operator in operators for index in operator.tensors)})
        new = {index: position for position, index in enumerate(used)} | {-1: -1}

        def renumbered(indices: Sequence[int]) -> tuple[int, ...]:
            return tuple(new[index] for index in indices)

        return replace(
            self,
            tensors=tuple(replace(self.tensors[index], index=new[index]) for index in used),
            operators=tuple(
                replace(
                    operator,
                    index=i,
                    inputs=renumbered(operator.inputs),
                    outputs=renumbered(operator.outputs),
                    intermediates=renumbered(operator.intermediates),
                )
                for i, operator in enumerate(operators)
            ),
            inputs=renumbered(inputs),
            outputs=renumbered(outputs),
            subgraphs=self.subgraphs if any(operator.calls for operator in operators) else (),
        )

    def between(self, first: int, last: int) -> Graph:
        """Operators `first` to `last`, both included; what they read of others comes in, what others read goes out.

        What only names or initialises resource variables, which can't come in, comes along.

        Raises ModelError where there are no such operators or where they read nothing that changes, or give nothing.
        """
        if not 0 <= first <= last < len(self.operators):
            wanted = f"layer {first}" if first == last else f"layers {first} to {last}"
            raise ModelError(f"there is no {wanted}", hint=f"the model has layers 0 to {len(self.operators) - 1}")
        kept = self.operators[first : last + 1]
        state = tuple(operator for operator in self.operators[:first] if operator.name in ("VAR_HANDLE", "CALL_ONCE"))
        if any(self.tensors[index].dtype == "resource" for operator in kept for index in operator.inputs if index >= 0):
            kept = state + kept
        made = {index for operator in kept for index in operator.outputs}
        read = {index: None for operator in kept for index in operator.inputs if index >= 0}
        fixed = {*made, *(tensor.index for tensor in self.tensors if tensor.is_constant or tensor.is_variable)}
        inputs = [index for index in read if index not in fixed]
        if not inputs:
            raise ModelError(f"layer {first} reads constants only", hint="cut from an earlier layer on")
        read_later = {index for operator in self.operators[last + 1 :] for index in operator.inputs}
        made_for_others = (i for operator in kept for i in operator.outputs if i in read_later or i in self.outputs)
        outputs = [index for index in made_for_others if self.tensors[index].dtype != "resource"]
        if not outputs:
            raise ModelError(f"nothing reads what layer {last} computes", hint="cut up to a later layer")
        return self.part(kept, inputs, outputs)


def _live_bytes(graph: Graph) -> list[int]:
    """Bytes of activations that must exist while each operator of this very graph runs."""
    steps = [(operator.inputs, operator.outputs) for operator in graph.operators]
    change = [0] * (len(steps) + 2)  # without any operator, inputs still have a first and a last step
    for index, (first, last) in lifetimes(graph.inputs, steps, graph.outputs, len(steps) - 1).items():
        change[first] += graph.tensors[index].size_bytes
        change[last + 1] -= graph.tensors[index].size_bytes
    return list(accumulate(change))[: len(steps)]
