"""Small int8 networks written by hand, operator by operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.operators import describe, output_shape
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

Q = Quantisation((0.05,), (3,))


class Net:
    """A network under construction; all activations have one quantisation unless said otherwise."""

    def __init__(self, *shape: int) -> None:
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.input = self.activation(shape)

    def activation(self, shape: tuple[int, ...], quantisation: Quantisation = Q) -> int:
        """A new activation."""
        self.tensors.append(Tensor(len(self.tensors), f"a{len(self.tensors)}", shape, "int8", quantisation))
        return len(self.tensors) - 1

    def constant(self, values: Any, dtype: str, quantisation: Quantisation | None = None) -> int:
        """A new constant."""
        array = np.asarray(values, dtype)
        index = len(self.tensors)
        self.tensors.append(Tensor(index, f"c{index}", array.shape, dtype, quantisation, array.tobytes()))
        return index

    def operator(
        self, name: str, *inputs: int, shape: tuple[int, ...] | None = None, q: Quantisation = Q, **options: Any
    ) -> int:
        """A new operator; its output."""
        complete: Mapping[str, Any] = {**describe(name).default_options, **options}
        if shape is None:
            shape = output_shape(name, [self.tensors[index] for index in inputs], complete)
        assert shape is not None
        output = self.activation(shape, q)
        version = 2 if name in ("ADD", "MAX_POOL_2D") else 3 if "CONV" in name else 4 if "FULLY" in name else 1
        self.operators.append(Operator(len(self.operators), name, version, inputs, (output,), complete))
        return output

    def convolution(self, source: int, weights: Any, bias: Any, **options: Any) -> int:
        """CONV_2D with weights [out, kh, kw, in]."""
        w = self.constant(weights, "int8", Quantisation((0.02,), (0,)))
        b = self.constant(bias, "int32", Quantisation((0.001,), (0,)))
        return self.operator("CONV_2D", source, w, b, **options)

    def graph(self, *outputs: int) -> Graph:
        """The finished graph, as a reader gives it."""
        return read(write(Graph(tuple(self.tensors), tuple(self.operators), (self.input,), outputs, "net")))
