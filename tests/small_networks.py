"""Small int8 networks written by hand, operator by operator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

Q = Quantisation((0.05,), (3,))


class Net:
    """A network under construction; all activations have one quantisation unless said otherwise."""

    def __init__(self, *shape: int) -> None:
        self.builder = GraphBuilder()
        self.tensors, self.operators = self.builder.tensors, self.builder.operators
        self.input = self.activation(shape)

    def activation(self, shape: tuple[int, ...], quantisation: Quantisation = Q) -> int:
        """A new activation."""
        return self.builder.tensor(f"a{len(self.tensors)}", shape, quantisation)

    def constant(self, values: Any, dtype: str, quantisation: Quantisation | None = None) -> int:
        """A new constant."""
        return self.builder.constant(f"c{len(self.tensors)}", values, dtype, quantisation)

    def operator(
        self, name: str, *inputs: int, shape: tuple[int, ...] | None = None, q: Quantisation = Q, **options: Any
    ) -> int:
        """A new operator; its output."""
        return self.builder.layer(name, inputs, f"a{len(self.tensors)}", q, shape, **options)

    def convolution(self, source: int, weights: Any, bias: Any, **options: Any) -> int:
        """CONV_2D with weights [out, kh, kw, in]."""
        w = self.constant(weights, "int8", Quantisation((0.02,), (0,)))
        b = self.constant(bias, "int32", Quantisation((0.001,), (0,)))
        return self.operator("CONV_2D", source, w, b, **options)

    def graph(self, *outputs: int) -> Graph:
        """The finished graph, as a reader gives it."""
        return read(write(Graph(tuple(self.tensors), tuple(self.operators), (self.input,), outputs, "net")))


def ports_of_uint8() -> Graph:
    """QUANTIZE from uint8 and to it, DEQUANTIZE from it."""
    shape, unsigned = (1, 5, 4, 6), Quantisation((0.06,), (130,))
    net = Net(*shape)
    net.tensors[net.input] = replace(net.tensors[net.input], dtype="uint8", quantisation=unsigned)
    signed = net.operator("QUANTIZE", net.input, shape=shape, q=Quantisation((0.04,), (5,)))
    made = net.operator("QUANTIZE", signed, shape=shape, q=Quantisation((0.03,), (100,)))
    net.tensors[made] = replace(net.tensors[made], dtype="uint8")
    real = net.operator("DEQUANTIZE", made, shape=shape)
    net.tensors[real] = replace(net.tensors[real], dtype="float32", quantisation=None)
    return net.graph(signed, made, real)


def padded(shape: tuple[int, ...], around: Any, name: str, kernel: int, stride: int, value: int | None = None) -> Graph:
    """PAD or PADV2, and an operator without padding behind it."""
    net = Net(*shape)
    paddings = net.constant(around, "int32")
    more = [] if value is None else [net.constant(value, "int8", Q)]
    wide = net.operator("PAD" if value is None else "PADV2", net.input, paddings, *more)
    slides = {"padding": "VALID", "stride": (stride, stride)}
    if name == "MAX_POOL_2D":
        return net.graph(net.operator(name, wide, filter=(kernel, kernel), **slides))
    random = np.random.default_rng(3)
    if name == "CONV_2D":
        return net.graph(
            net.convolution(
                wide, random.integers(-9, 9, (4, kernel, kernel, net.builder.shape(wide)[3])), [5] * 4, **slides
            )
        )
    weights = net.constant(random.integers(-9, 9, (1, kernel, kernel, shape[3])), "int8", Quantisation((0.02,), (0,)))
    bias = net.constant([7] * shape[3], "int32", Quantisation((0.001,), (0,)))
    return net.graph(net.operator(name, wide, weights, bias, **slides))


def spatial(*around: int) -> list[list[int]]:
    """Paddings of height and width."""
    return [[0, 0], list(around[:2]), list(around[2:]), [0, 0]]
