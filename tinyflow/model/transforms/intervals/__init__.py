"""Interval analysis: for every element of every tensor the least and the largest integer that any input can give.

Elements are looked at one by one, borders included, so a channel that padding makes uneven is seen as uneven. Every
rule takes bounds in and gives bounds that hold for all values between them; where there is no rule, the whole range of
the type is the answer. The arithmetic is TFLM's reference kernels'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyflow.model.fixed_point import Integers
from tinyflow.model.graph import Graph, Tensor

_RANGES = {"int8": (-128, 127)}
# Elements of all bounds that were computed; beyond, nothing is known of an activation. 16 bytes each.
_MOST_ELEMENTS = 1 << 23


@dataclass(frozen=True)
class Bounds:
    """The least and the largest value of each element; both arrays have the tensor's shape."""

    low: Integers
    high: Integers

    @staticmethod
    def exactly(values: Integers) -> Bounds:
        """Of a tensor that can have no other values."""
        return Bounds(values, values)

    @staticmethod
    def unknown(tensor: Tensor) -> Bounds | None:
        """The whole range of an int8 tensor, None for other types."""
        if tensor.dtype not in _RANGES:
            return None
        low, high = _RANGES[tensor.dtype]
        # no memory of their own, whatever the shape
        return Bounds(*(np.broadcast_to(np.int64(value), tensor.shape) for value in (low, high)))

    @property
    def fixed(self) -> npt.NDArray[np.bool_]:
        """Which elements have the same value for every input."""
        fixed: npt.NDArray[np.bool_] = self.low == self.high
        return fixed


def analyse(graph: Graph) -> Mapping[int, Bounds]:
    """Tensor → bounds, for graph inputs, int8 and int32 constants and whatever operators write in int8."""
    from tinyflow.model.transforms.intervals.rules import output_bounds

    known: dict[int, Bounds] = {}
    for tensor in graph.tensors:
        if tensor.data is not None and tensor.dtype in ("int8", "int32"):
            values = np.frombuffer(tensor.data, np.dtype(tensor.dtype).newbyteorder("<")).reshape(tensor.shape)
            known[tensor.index] = Bounds.exactly(values.astype(np.int64))
    for index in graph.inputs:
        _add(known, index, Bounds.unknown(graph.tensors[index]))
    left = _MOST_ELEMENTS
    for operator in graph.operators:
        elements = sum(graph.tensors[index].elements for index in (*operator.inputs, *operator.outputs) if index >= 0)
        computed = output_bounds(graph, operator, known) if elements <= left else None
        if computed is not None:
            left -= graph.tensors[operator.outputs[0]].elements
        for position, index in enumerate(operator.outputs):
            tensor = graph.tensors[index]
            bounds = computed if position == 0 and tensor.dtype == "int8" else None
            _add(known, index, bounds or Bounds.unknown(tensor))
    return known


def _add(known: dict[int, Bounds], index: int, bounds: Bounds | None) -> None:
    if bounds is not None:
        known[index] = bounds
