"""Trials of kernels: random layers of one operator side by side, each with an input and an output of its own.

Trained networks ask little of a kernel: few shapes, mostly ReLU, hardly a tie in rounding. Here are odd shapes, every
stride, padding and activation, any zero point, one channel and many, scales that make ties, values at the ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.model.builder import GraphBuilder, symmetric
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.operators import describe

Integers = npt.NDArray[np.int64]
Options = Mapping[str, Any]
Pair = tuple[int, int]

_ACTIVATIONS = ("NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1")
_CHANNELS = (1, 2, 3, 4, 5, 8, 12, 17, 24)
# of the values that a sum of products of random int8 has, in units of the root of their number
_PRODUCT_DEVIATION = 74.0 * 74.0


class _Trials(GraphBuilder):
    """A graph of layers that know nothing of each other."""

    def __init__(self, random: np.random.Generator) -> None:
        super().__init__()
        self.random = random
        self.outputs: list[int] = []

    def number(self, least: int, most: int) -> int:
        """One of them, both included."""
        return int(self.random.integers(least, most + 1))

    def choose(self, choices: Sequence[Any]) -> Any:
        """One of them."""
        return choices[self.number(0, len(choices) - 1)]

    def scale(self, near: float) -> float:
        """A scale of this order of magnitude; half of them are powers of two."""
        factor = (0.7 + 0.7 * self.random.random()) * near
        return float(np.float32(2.0 ** round(math.log2(factor)) if self.random.random() < 0.5 else factor))

    def scheme(self, near: float) -> Quantisation:
        """A quantisation with a zero point at one of the ends, at 0 or anywhere."""
        zero_point = self.choose((-128, -128, 127, 0, self.number(-128, 127)))
        return Quantisation((self.scale(near),), (zero_point,))

    def source(self, shape: tuple[int, ...], quantisation: Quantisation) -> int:
        """One more input of the model."""
        return self.add_input(f"input_{len(self.tensors)}", shape, quantisation)

    def numbers(self, values: Integers, dtype: str, quantisation: Quantisation) -> int:
        """Weights or biases."""
        return self.constant(f"constant_{len(self.tensors)}", values, dtype, quantisation)

    def trial(self, name: str, inputs: Sequence[int], output: Quantisation | None, **options: Any) -> None:
        """An operator, whose output is the model's; without a quantisation, it has the one of all its outputs."""
        self.outputs.append(self.layer(name, inputs, f"output_{len(self.tensors)}", output, **options))

    def weighted(
        self,
        name: str,
        shape: tuple[int, ...],
        weights_shape: tuple[int, ...],
        *,
        is_per_channel: bool = True,
        **options: Any,
    ) -> None:
        """A layer with weights, whose outputs fill their range."""
        axis = describe(name).weights_axis or 0
        outputs = weights_shape[axis]
        products = math.prod(weights_shape) // outputs
        source = self.scheme(0.03)
        scales = [self.scale(0.01) for _ in range(outputs if is_per_channel else 1)]
        weights = self.values(weights_shape, -127)
        limit = int(_PRODUCT_DEVIATION * math.sqrt(products)) + 1
        bias = self.random.integers(-limit, limit, outputs)
        bias_scales = np.float32(source.scale) * np.array(scales, np.float32)
        inputs = (
            self.source(shape, source),
            self.numbers(weights, "int8", symmetric(scales, axis if is_per_channel else 0)),
            self.numbers(bias, "int32", symmetric(bias_scales)),
        )
        near = 0.01 * source.scale * _PRODUCT_DEVIATION * math.sqrt(products) / 60
        self.trial(name, inputs, self.scheme(near), **options)

    def values(self, shape: tuple[int, ...], lowest: int) -> Integers:
        """Random int8, a fifth of them at the ends."""
        values = self.random.integers(lowest, 128, shape)
        ends = np.where(self.random.integers(0, 2, shape), 127, lowest)
        return np.where(self.random.random(shape) < 0.2, ends, values)

    def window(self, largest: int) -> tuple[Pair, Pair, Options]:
        """A size of images, and a kernel with a stride and a padding that go with it."""
        kernel = (self.number(1, largest), self.number(1, largest))
        if self.random.random() < 0.4:
            kernel = self.choose(((1, 1), (3, 3), (3, 3)))
        size = (kernel[0] + self.number(0, 7), kernel[1] + self.number(0, 7))
        stride = self.choose(((1, 1), (1, 1), (2, 2), (1, 2), (3, 1)))
        return size, kernel, {"stride": stride, "padding": self.choose(("SAME", "VALID"))}


def _conv2d(net: _Trials) -> None:
    size, kernel, options = net.window(5)
    channels, weights = net.choose(_CHANNELS), (net.choose(_CHANNELS), *kernel)
    dilation = net.choose(((1, 1), (1, 1), (1, 1), (2, 1), (2, 2))) if options["stride"] == (1, 1) else (1, 1)
    if options["padding"] == "VALID":
        size = (size[0] + kernel[0], size[1] + kernel[1])
    options = {**options, "dilation": dilation, "activation": net.choose(_ACTIVATIONS)}
    net.weighted("CONV_2D", (1, *size, channels), (*weights, channels), **options)


def _depthwise(net: _Trials) -> None:
    size, kernel, options = net.window(5)
    channels, multiplier = net.choose(_CHANNELS), net.choose((1, 1, 1, 2, 3))
    weights = (1, *kernel, channels * multiplier)
    options = {**options, "depth_multiplier": multiplier, "activation": net.choose(_ACTIVATIONS)}
    net.weighted("DEPTHWISE_CONV_2D", (1, *size, channels), weights, **options)


def _fully_connected(net: _Trials) -> None:
    inputs, outputs = net.number(1, 70), net.number(1, 33)
    is_per_channel = net.random.random() < 0.4
    shape, activation = (net.number(1, 2), inputs), net.choose(_ACTIVATIONS)
    net.weighted("FULLY_CONNECTED", shape, (outputs, inputs), is_per_channel=is_per_channel, activation=activation)


def _pool(net: _Trials) -> None:
    size, kernel, options = net.window(4)
    quantisation = net.scheme(0.05)
    source = net.source((1, *size, net.choose(_CHANNELS)), quantisation)
    name = net.choose(("AVERAGE_POOL_2D", "MAX_POOL_2D"))
    net.trial(name, (source,), quantisation, activation=net.choose(_ACTIVATIONS), filter=kernel, **options)


def _arithmetic(net: _Trials) -> None:
    name = net.choose(("ADD", "ADD", "SUB", "MUL"))
    shape = (1, net.number(1, 5), net.number(1, 5), net.choose(_CHANNELS))
    sources = [net.scheme(0.05), net.scheme(0.05)]
    near = 0.1 if name != "MUL" else 90 * sources[0].scale * sources[1].scale
    inputs = [net.source(shape, quantisation) for quantisation in sources]
    net.trial(name, inputs, net.scheme(near), activation=net.choose(_ACTIVATIONS))


def _activation(net: _Trials) -> None:
    name = net.choose(("SOFTMAX", "SOFTMAX", "LOGISTIC", "TANH"))
    source = net.source((net.number(1, 3), net.number(1, 40)), net.scheme(0.08))
    net.trial(name, (source,), None)


def _side_by_side(add_layer: Callable[[_Trials], None], seed: int, count: int = 24) -> Graph:
    """So many random layers of a kind."""
    net = _Trials(np.random.Generator(np.random.PCG64(seed)))
    for _ in range(count):
        add_layer(net)
    return net.graph(net.outputs, f"trial{add_layer.__name__}")


TRIALS: Mapping[str, Callable[..., Graph]] = {
    f"trial{add_layer.__name__}": partial(_side_by_side, add_layer)
    for add_layer in (_conv2d, _depthwise, _fully_connected, _pool, _arithmetic, _activation)
}
