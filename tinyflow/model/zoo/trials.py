"""Trials of kernels: random layers of one operator side by side, each with an input and an output of its own.

Trained networks ask little of a kernel: few shapes, mostly ReLU, hardly a tie in rounding. Here are odd shapes, every
stride, padding and activation, any zero point, one channel and many, scales that make ties, values at the ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.shapes import output_shape
from tinyflow.model.tflite_options import default_options

Integers = npt.NDArray[np.int64]
Options = Mapping[str, Any]

_ACTIVATIONS = ("NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1")
_CHANNELS = (1, 2, 3, 4, 5, 8, 12, 17, 24)
# as converters write them, where it matters to TFLM
_VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4}
_DEFAULT_VERSION = 2
# of the values that a sum of products of random int8 has, in units of the root of their number
_PRODUCT_DEVIATION = 74.0 * 74.0
_SIGMOID = Quantisation((1 / 256,), (-128,))
_TANH = Quantisation((1 / 128,), (0,))


class _Trials:
    """A graph of layers that know nothing of each other."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self._tensors: list[Tensor] = []
        self._operators: list[Operator] = []
        self._inputs: list[int] = []
        self._outputs: list[int] = []

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

    def quantisation(self, near: float) -> Quantisation:
        """With a zero point at one of the ends, at 0 or anywhere."""
        zero_point = self.choose((-128, -128, 127, 0, self.number(-128, 127)))
        return Quantisation((self.scale(near),), (zero_point,))

    def input(self, shape: tuple[int, ...], quantisation: Quantisation) -> int:
        """One more input of the model."""
        self._inputs.append(self._tensor("input", shape, "int8", quantisation))
        return self._inputs[-1]

    def constant(self, values: Integers, dtype: str, quantisation: Quantisation) -> int:
        """Weights or biases."""
        data = values.astype(np.dtype(dtype).newbyteorder("<")).tobytes()
        return self._tensor("constant", values.shape, dtype, quantisation, data)

    def layer(self, name: str, inputs: Sequence[int], output: Quantisation, **options: Any) -> None:
        """An operator, whose output is the model's."""
        complete = {**default_options(name), **options}
        shape = output_shape(name, [self._tensors[index].shape for index in inputs], complete)
        assert shape is not None
        self._outputs.append(self._tensor("output", shape, "int8", output))
        version = _VERSIONS.get(name, _DEFAULT_VERSION)
        number = len(self._operators)
        self._operators.append(Operator(number, name, version, tuple(inputs), (self._outputs[-1],), complete))

    def weighted(
        self,
        name: str,
        shape: tuple[int, ...],
        weights_shape: tuple[int, ...],
        axis: int,
        *,
        is_per_channel: bool = True,
        **options: Any,
    ) -> None:
        """A layer with weights, whose outputs fill their range."""
        outputs = weights_shape[axis]
        products = math.prod(weights_shape) // outputs
        source = self.quantisation(0.03)
        scales = [self.scale(0.01) for _ in range(outputs if is_per_channel else 1)]
        weights = self.values(weights_shape, -127)
        limit = int(_PRODUCT_DEVIATION * math.sqrt(products)) + 1
        bias = self.random.integers(-limit, limit, outputs)
        bias_scales = tuple(float(np.float32(source.scale) * np.float32(scale)) for scale in scales)
        zeros = (0,) * len(scales)
        inputs = (
            self.input(shape, source),
            self.constant(weights, "int8", Quantisation(tuple(scales), zeros, axis if is_per_channel else 0)),
            self.constant(bias, "int32", Quantisation(bias_scales, zeros)),
        )
        near = 0.01 * source.scale * _PRODUCT_DEVIATION * math.sqrt(products) / 60
        self.layer(name, inputs, self.quantisation(near), **options)

    def values(self, shape: tuple[int, ...], lowest: int) -> Integers:
        """Random int8, a fifth of them at the ends."""
        values = self.random.integers(lowest, 128, shape)
        ends = np.where(self.random.integers(0, 2, shape), 127, lowest)
        return np.where(self.random.random(shape) < 0.2, ends, values)

    def window(self, largest: int) -> tuple[tuple[int, int], Options]:
        """A size of images, and kernel, stride and padding that go with it."""
        kernel = (self.number(1, largest), self.number(1, largest))
        if self.random.random() < 0.4:
            kernel = self.choose(((1, 1), (3, 3), (3, 3)))
        size = tuple(length + self.number(0, 7) for length in kernel)
        stride = self.choose(((1, 1), (1, 1), (2, 2), (1, 2), (3, 1)))
        return (size[0], size[1]), {"kernel": kernel, "stride": stride, "padding": self.choose(("SAME", "VALID"))}

    def _tensor(
        self, kind: str, shape: tuple[int, ...], dtype: str, quantisation: Quantisation, data: bytes | None = None
    ) -> int:
        index = len(self._tensors)
        self._tensors.append(Tensor(index, f"{kind}_{index}", tuple(shape), dtype, quantisation, data))
        return index

    def graph(self, name: str) -> Graph:
        """The finished network."""
        tensors, operators = tuple(self._tensors), tuple(self._operators)
        return Graph(tensors, operators, tuple(self._inputs), tuple(self._outputs), name)


def _conv2d(net: _Trials) -> None:
    size, window = net.window(5)
    channels, outputs = net.choose(_CHANNELS), net.choose(_CHANNELS)
    weights = (outputs, *window["kernel"], channels)
    dilation = net.choose(((1, 1), (1, 1), (1, 1), (2, 1), (2, 2))) if window["stride"] == (1, 1) else (1, 1)
    if window["padding"] == "VALID":
        size = (size[0] + window["kernel"][0], size[1] + window["kernel"][1])
    net.weighted("CONV_2D", (1, *size, channels), weights, 0, dilation=dilation, **_of_convolution(net, window))


def _depthwise(net: _Trials) -> None:
    size, window = net.window(5)
    channels, multiplier = net.choose(_CHANNELS), net.choose((1, 1, 1, 2, 3))
    weights = (1, *window["kernel"], channels * multiplier)
    options = {**_of_convolution(net, window), "depth_multiplier": multiplier, "dilation": (1, 1)}
    net.weighted("DEPTHWISE_CONV_2D", (1, *size, channels), weights, 3, **options)


def _of_convolution(net: _Trials, window: Options) -> dict[str, Any]:
    return {
        "stride": window["stride"],
        "padding": window["padding"],
        "activation": net.choose(_ACTIVATIONS),
    }


def _fully_connected(net: _Trials) -> None:
    inputs, outputs = net.number(1, 70), net.number(1, 33)
    is_per_channel = net.random.random() < 0.4
    shape, activation = (net.number(1, 2), inputs), net.choose(_ACTIVATIONS)
    net.weighted("FULLY_CONNECTED", shape, (outputs, inputs), 0, is_per_channel=is_per_channel, activation=activation)


def _pool(net: _Trials) -> None:
    size, window = net.window(4)
    quantisation = net.quantisation(0.05)
    source = net.input((1, *size, net.choose(_CHANNELS)), quantisation)
    options = {"filter": window["kernel"], "stride": window["stride"], "padding": window["padding"]}
    name = net.choose(("AVERAGE_POOL_2D", "MAX_POOL_2D"))
    net.layer(name, (source,), quantisation, activation=net.choose(_ACTIVATIONS), **options)


def _arithmetic(net: _Trials) -> None:
    name = net.choose(("ADD", "ADD", "SUB", "MUL"))
    shape = (1, net.number(1, 5), net.number(1, 5), net.choose(_CHANNELS))
    sources = [net.quantisation(0.05), net.quantisation(0.05)]
    near = 0.1 if name != "MUL" else 90 * sources[0].scale * sources[1].scale
    inputs = [net.input(shape, quantisation) for quantisation in sources]
    net.layer(name, inputs, net.quantisation(near), activation=net.choose(_ACTIVATIONS))


def _activation(net: _Trials) -> None:
    name = net.choose(("SOFTMAX", "SOFTMAX", "LOGISTIC", "TANH"))
    source = net.input((net.number(1, 3), net.number(1, 40)), net.quantisation(0.08))
    net.layer(name, (source,), _TANH if name == "TANH" else _SIGMOID)


def _side_by_side(name: str, add_layer: Callable[[_Trials], None]) -> Callable[..., Graph]:
    def trial(seed: int, count: int = 24) -> Graph:
        """So many random layers."""
        net = _Trials(np.random.Generator(np.random.PCG64(seed)))
        for _ in range(count):
            add_layer(net)
        return net.graph(name)

    return trial


TRIALS: Mapping[str, Callable[..., Graph]] = {
    name: _side_by_side(name, add_layer)
    for name, add_layer in (
        ("trial_conv2d", _conv2d),
        ("trial_depthwise", _depthwise),
        ("trial_fully_connected", _fully_connected),
        ("trial_pool", _pool),
        ("trial_arithmetic", _arithmetic),
        ("trial_activation", _activation),
    )
}
