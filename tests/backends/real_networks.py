"""Small float32 networks: every operator that backends compute in real values, by a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Graph
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

SHAPE = (1, 5, 4, 6)


class RealNet(GraphBuilder):
    """A float32 network under construction."""

    def __init__(self) -> None:
        super().__init__()
        self.given = [self.more(SHAPE)]

    def more(self, shape: tuple[int, ...]) -> int:
        """One more input."""
        self.inputs.append(self.tensor(f"in{len(self.inputs)}", shape, None, "float32"))
        return self.inputs[-1]

    def reals(self, *shape: int, seed: int = 3) -> int:
        """A constant of normal values."""
        values = np.random.default_rng(seed).normal(size=shape)
        return self.constant(f"c{len(self.tensors)}", values, "float32")

    def numbers(self, values: Any) -> int:
        """A constant that says how."""
        return self.constant(f"c{len(self.tensors)}", values, "int32")

    def add(self, name: str, *inputs: int, shape: tuple[int, ...] = SHAPE, **options: Any) -> int:
        """A new operator; its output."""
        output = self.tensor(f"a{len(self.tensors)}", shape, None, "float32")
        return self.operator(name, inputs, output, **options)

    def made(self, *outputs: int) -> Graph:
        """The finished graph, as a reader gives it."""
        return read(write(self.graph(outputs, "net")))


Build = Callable[[RealNet], int]


def _unary(name: str, **options: Any) -> Build:
    return lambda net: net.add(name, net.given[0], **options)


def _of_positives(name: str) -> Build:
    def build(net: RealNet) -> int:
        squares = net.add("MUL", net.given[0], net.given[0])
        return net.add(name, net.add("ADD", squares, net.constant("half", np.float32(0.5), "float32")))

    return build


def _binary(name: str, *shape: int, **options: Any) -> Build:
    def build(net: RealNet) -> int:
        return net.add(name, net.given[0], net.reals(*(shape or SHAPE)), **options)

    return build


def _pool(name: str) -> Build:
    return _unary(name, padding="SAME", stride=(1, 1), filter=(3, 2), activation="RELU6")


def _over_axes(name: str, shape: tuple[int, ...], *axes: int, **options: Any) -> Build:
    return lambda net: net.add(name, net.given[0], net.numbers(axes), shape=shape, **options)


def _convolution(name: str, weights: tuple[int, ...], shape: tuple[int, ...], **options: Any) -> Build:
    def build(net: RealNet) -> int:
        return net.add(name, net.given[0], net.reals(*weights), net.reals(shape[-1], seed=4), shape=shape, **options)

    return build


def _matmul(adj_x: bool, adj_y: bool) -> Build:
    def build(net: RealNet) -> int:
        left, right = ((6, 4) if adj_x else (4, 6)), ((3, 6) if adj_y else (6, 3))
        options = {"adj_x": adj_x, "adj_y": adj_y}
        return net.add("BATCH_MATMUL", net.more((1, 5, *left)), net.reals(1, 1, *right), shape=(1, 5, 4, 3), **options)

    return build


def _transpose_conv(padding: str, shape: tuple[int, ...]) -> Build:
    def build(net: RealNet) -> int:
        inputs = net.numbers(shape), net.reals(3, 3, 2, 6), net.given[0]
        return net.add("TRANSPOSE_CONV", *inputs, shape=shape, padding=padding, stride=(2, 2))

    return build


def _resize(size: tuple[int, int], **options: bool) -> Build:
    return lambda net: net.add("RESIZE_BILINEAR", net.given[0], net.numbers(size), shape=(1, *size, 6), **options)


def _dense_by_activation(net: RealNet) -> int:
    return net.add("FULLY_CONNECTED", net.given[0], net.more((7, 6)), shape=(20, 7))


NETWORKS: Mapping[str, Build] = {
    "CONV_2D": _convolution("CONV_2D", (7, 3, 3, 6), (1, 3, 2, 7), stride=(2, 2), activation="RELU"),
    "CONV_2D pointwise": _convolution("CONV_2D", (9, 1, 1, 6), (1, 5, 4, 9)),
    "CONV_2D dilated": _convolution("CONV_2D", (5, 3, 2, 6), (1, 1, 2, 5), dilation=(2, 2), padding="VALID"),
    "CONV_2D grouped": _convolution("CONV_2D", (4, 3, 3, 3), (1, 5, 4, 4), activation="RELU_N1_TO_1"),
    "DEPTHWISE_CONV_2D": _convolution("DEPTHWISE_CONV_2D", (1, 3, 3, 6), (1, 5, 4, 6), activation="RELU6"),
    "DEPTHWISE_CONV_2D doubled": _convolution(
        "DEPTHWISE_CONV_2D", (1, 3, 3, 12), (1, 3, 2, 12), depth_multiplier=2, stride=(2, 2)
    ),
    "FULLY_CONNECTED": _convolution("FULLY_CONNECTED", (3, 120), (1, 3), activation="RELU"),
    "FULLY_CONNECTED of rows": _convolution("FULLY_CONNECTED", (3, 6), (20, 3)),
    "FULLY_CONNECTED by an activation": _dense_by_activation,
    "TRANSPOSE_CONV SAME": _transpose_conv("SAME", (1, 10, 8, 3)),
    "TRANSPOSE_CONV VALID": _transpose_conv("VALID", (1, 11, 8, 3)),
    **{f"BATCH_MATMUL {x:d} {y:d}": _matmul(x, y) for x in (False, True) for y in (False, True)},
    **{name: _pool(name) for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D")},
    **{name: _binary(name) for name in ("ADD", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM", "SQUARED_DIFFERENCE")},
    **{name: _binary(name) for name in ("FLOOR_DIV", "FLOOR_MOD")},
    "PRELU": _binary("PRELU", 1, 1, 6),
    "ADD with a fused RELU": _binary("ADD", activation="RELU"),
    "SUB broadcast": _binary("SUB", 5, 1, 6),
    **{name: _unary(name) for name in ("ELU", "HARD_SWISH", "LOGISTIC", "TANH", "ABS", "NEG", "SQUARE")},
    **{name: _unary(name) for name in ("EXP", "SIN", "COS", "FLOOR", "CEIL", "ROUND", "RELU", "RELU6")},
    **{name: _of_positives(name) for name in ("SQRT", "RSQRT", "LOG")},
    "LEAKY_RELU": _unary("LEAKY_RELU", alpha=0.3),
    "SOFTMAX": _unary("SOFTMAX", beta=0.7),
    "LOG_SOFTMAX": _unary("LOG_SOFTMAX"),
    "L2_NORMALIZATION": _unary("L2_NORMALIZATION"),
    "MEAN": _over_axes("MEAN", (1, 6), 1, 2),
    "SUM": _over_axes("SUM", (1, 5, 1, 6), -2, keep_dims=True),
    "REDUCE_MAX": _over_axes("REDUCE_MAX", (1, 5, 4), 3),
    "RESIZE_BILINEAR": _resize((7, 9)),
    "RESIZE_BILINEAR aligned": _resize((3, 8), align_corners=True),
    "RESIZE_BILINEAR of half pixels": _resize((10, 8), half_pixel_centers=True),
}
