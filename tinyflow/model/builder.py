"""Graphs from code: tensors and operators put down one after the other, by their indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.model.custom_options import flexbuffer
from tinyflow.model.graph import Graph, Operator, OptionValue, Quantisation, Shape, Tensor
from tinyflow.model.operators import describe, output_shape
from tinyflow.model.weighted import constant_bytes


class GraphBuilder:
    """A graph under construction."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.inputs: list[int] = []

    def tensor(
        self, name: str, shape: Shape, quantisation: Quantisation | None, dtype: str = "int8", data: bytes | None = None
    ) -> int:
        """One more tensor; its index."""
        self.tensors.append(Tensor(len(self.tensors), name, tuple(shape), dtype, quantisation, data))
        return len(self.tensors) - 1

    def add_input(self, name: str, shape: Shape, quantisation: Quantisation | None, dtype: str = "int8") -> int:
        """One more input of the network."""
        self.inputs.append(self.tensor(name, shape, quantisation, dtype))
        return self.inputs[-1]

    def constant(self, name: str, values: npt.ArrayLike, dtype: str, quantisation: Quantisation | None = None) -> int:
        """A tensor that has these values."""
        array = np.asarray(values)
        return self.tensor(name, array.shape, quantisation, dtype, constant_bytes(array, dtype))

    def operator(self, name: str, inputs: Sequence[int], *outputs: int, **options: OptionValue) -> int:
        """An operator that writes these tensors; the first one again. Options not given have their defaults."""
        described = describe(name)
        complete = {**described.default_options, **options}
        index = len(self.operators)
        self.operators.append(Operator(index, name, described.versions[0], tuple(inputs), outputs, complete))
        return outputs[0]

    def custom(self, name: str, inputs: Sequence[int], *outputs: int, **numbers: int) -> int:
        """A custom operator, with the numbers of its flexbuffer; its first output."""
        made = Operator(len(self.operators), name, 1, tuple(inputs), outputs, custom_options=flexbuffer(numbers))
        self.operators.append(made)
        return outputs[0]

    def layer(
        self,
        name: str,
        inputs: Sequence[int],
        output: str,
        quantisation: Quantisation | None,
        shape: Shape | None = None,
        dtype: str = "int8",
        **options: OptionValue,
    ) -> int:
        """An operator and the tensor that it writes, called `output`.

        Without a shape, its rule says which; without a quantisation, it is the one that all its outputs have.
        """
        if shape is None:
            complete = {**describe(name).default_options, **options}
            shape = output_shape(name, [self.tensors[index] for index in inputs], complete)
        assert shape is not None, f"no shape rule for {name}"
        scheme = quantisation or (describe(name).output if dtype == "int8" else None)
        return self.operator(name, inputs, self.tensor(output, shape, scheme, dtype), **options)

    def shape(self, tensor: int) -> Shape:
        """The shape of a tensor."""
        return self.tensors[tensor].shape

    def quantisation(self, tensor: int) -> Quantisation:
        """The quantisation of a tensor that has one."""
        quantisation = self.tensors[tensor].quantisation
        assert quantisation is not None, f"{self.tensors[tensor].name} is not quantised"
        return quantisation

    def graph(self, outputs: Sequence[int], name: str) -> Graph:
        """The finished network."""
        return Graph(tuple(self.tensors), tuple(self.operators), tuple(self.inputs), tuple(outputs), name)


def per_tensor(scale: float, zero_point: int = 0) -> Quantisation:
    """One scale for all, rounded to float32, which is what a file can hold."""
    return Quantisation((float(np.float32(scale)),), (zero_point,))


def symmetric(scales: Any, axis: int = 0) -> Quantisation:
    """Scales of weights or biases, rounded to float32, without zero points."""
    rounded = tuple(np.array(scales, np.float32).reshape(-1).tolist())
    return Quantisation(rounded, (0,) * len(rounded), axis)
