"""A neural network as immutable values: tensors, operators in execution order, and what follows from them alone.

It owns the vocabulary that readers, writers, planners and backends share. It must never import a heavy package and
knows nothing of file formats; readers promise that indices are valid and that every operator reads what exists.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from typing import Any, Union

from tinyflow.core.errors import ModelError
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.memory.lifetimes import lifetimes

Shape = tuple[int, ...]
OptionValue = Union[str, int, float, bool, tuple[int, ...]]


@dataclass(frozen=True)
class Quantisation:
    """How integers stand for real values: `real = scale * (integer - zero_point)`.

    One scale and one zero point for the whole tensor, or one of each per index along `axis`. Scales are float32
    values.
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
    """An activation, or a constant where `data` holds its little-endian bytes. A scalar has the shape `()`."""

    index: int
    name: str
    shape: Shape
    dtype: str
    quantisation: Quantisation | None = None
    data: bytes | None = field(default=None, repr=False)

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
    `activation` `NONE`/`RELU`/`RELU6`…, and so on; `tinyflow.model.operators` has them all.
    """

    index: int
    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """A network. `operators` are in execution order; `inputs` and `outputs` are tensor indices."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    name: str = ""

    @cached_property
    def weights_bytes(self) -> int:
        """Bytes of all constants that operators read, each tensor once."""
        read = {index for operator in self.operators for index in operator.inputs if index >= 0}
        return sum(self.tensors[index].size_bytes for index in read if self.tensors[index].is_constant)

    @cached_property
    def peak_live_bytes(self) -> int:
        """The most activation bytes that must exist at once: what no plan without results in place is smaller than."""
        steps = ((operator.inputs, operator.outputs) for operator in self.operators)
        change = [0] * (len(self.operators) + 1)
        for index, (first, last) in lifetimes(self.inputs, steps, self.outputs, len(self.operators) - 1).items():
            change[first] += self.tensors[index].size_bytes
            change[last + 1] -= self.tensors[index].size_bytes
        return max(accumulate(change))

    @cached_property
    def is_integer_only(self) -> bool:
        """Whether no operator reads or writes a floating-point tensor."""
        used = {index for operator in self.operators for index in operator.inputs + operator.outputs if index >= 0}
        return all(self.tensors[index].is_integer for index in used.union(self.inputs, self.outputs))

    def part(self, operators: Sequence[Operator], inputs: Sequence[int], outputs: Sequence[int]) -> Graph:
        """Some operators as a graph of their own; tensors that nothing uses are left out, all is counted anew."""
        read = (index for operator in operators for index in operator.inputs + operator.outputs if index >= 0)
        used = sorted({*inputs, *outputs, *read})
        new = {index: position for position, index in enumerate(used)} | {-1: -1}

        def renumbered(indices: Sequence[int]) -> tuple[int, ...]:
            return tuple(new[index] for index in indices)

        return replace(
            self,
            tensors=tuple(replace(self.tensors[index], index=new[index]) for index in used),
            operators=tuple(
                replace(operator, index=i, inputs=renumbered(operator.inputs), outputs=renumbered(operator.outputs))
                for i, operator in enumerate(operators)
            ),
            inputs=renumbered(inputs),
            outputs=renumbered(outputs),
        )

    def between(self, first: int, last: int) -> Graph:
        """Operators `first` to `last`, both included; what they read of others comes in, what others read goes out.

        Raises ModelError where there are no such operators or where they read nothing that changes, or give nothing.
        """
        if not 0 <= first <= last < len(self.operators):
            wanted = f"layer {first}" if first == last else f"layers {first} to {last}"
            raise ModelError(f"there is no {wanted}", hint=f"the model has layers 0 to {len(self.operators) - 1}")
        kept = self.operators[first : last + 1]
        made = {index for operator in kept for index in operator.outputs}
        read = {index: None for operator in kept for index in operator.inputs if index >= 0}
        inputs = [index for index in read if index not in made and not self.tensors[index].is_constant]
        if not inputs:
            raise ModelError(f"layer {first} reads constants only", hint="cut from an earlier layer on")
        read_later = {index for operator in self.operators[last + 1 :] for index in operator.inputs}
        outputs = [i for operator in kept for i in operator.outputs if i in read_later or i in self.outputs]
        if not outputs:
            raise ModelError(f"nothing reads what layer {last} computes", hint="cut up to a later layer")
        return self.part(kept, inputs, outputs)
