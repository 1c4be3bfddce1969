"""Chains of random int8 operators, valid for TFLite: geometry, quantisation and weights from one seed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Graph, Quantisation

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
SPATIAL = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D", "ADD")
FLAT = ("FULLY_CONNECTED", "ADD", "SOFTMAX")


class RandomNetwork:
    """A network that grows at its end."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.builder = GraphBuilder()
        self.tensors, self.operators = self.builder.tensors, self.builder.operators
        shape = (1, self.number(3, 9), self.number(3, 9), self.number(1, 6))
        self.last = self.input = self.activation(shape, self.quantisation(0.05))

    def number(self, low: int, high: int) -> int:
        """Both ends included."""
        return int(self.random.integers(low, high + 1))

    def pick(self, choices: Any) -> Any:
        """One of several."""
        return choices[self.number(0, len(choices) - 1)]

    def quantisation(self, scale: float) -> Quantisation:
        """About this scale, any zero point."""
        exact = np.float32(scale * self.random.uniform(0.7, 1.4))
        return Quantisation((float(exact),), (self.number(-128, 127),))

    def activation(self, shape: tuple[int, ...], quantisation: Quantisation | None) -> int:
        """A new tensor's index."""
        return self.builder.tensor(f"t{len(self.tensors)}", shape, quantisation)

    def constant(self, values: Any, dtype: str, quantisation: Quantisation | None) -> int:
        """A new constant's index."""
        return self.builder.constant(f"t{len(self.tensors)}", values, dtype, quantisation)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the last activation."""
        return self.tensors[self.last].shape

    @property
    def scale(self) -> float:
        """Of the last activation."""
        quantisation = self.tensors[self.last].quantisation
        assert quantisation is not None
        return quantisation.scale

    def append(self, name: str, inputs: tuple[int, ...], quantisation: Quantisation | None, options: Any) -> None:
        """One operator more."""
        shape = (1, math.prod(self.shape)) if name == "RESHAPE" else None
        self.last = self.builder.layer(name, inputs, f"t{len(self.tensors)}", quantisation, shape, **options)

    def window(self) -> dict[str, Any]:
        """Padding and stride."""
        return {"padding": self.pick(("SAME", "VALID")), "stride": (self.number(1, 3), self.number(1, 3))}

    def weighted(self, name: str, shape: tuple[int, ...], axis: int, options: dict[str, Any]) -> None:
        """An operator with weights of this shape, output channels along `axis`, with or without a bias."""
        channels, products = shape[axis], math.prod(shape) // shape[axis]
        # TVM's importer wants axis 0 of a depthwise convolution with one channel, which has one scale
        per_channel = name != "FULLY_CONNECTED" and channels > 1
        scales = np.float32(self.random.uniform(0.005, 0.02, channels if per_channel else 1))
        weights = Quantisation(tuple(map(float, scales)), (0,) * len(scales), axis if per_channel else 0)
        inputs = [self.last, self.constant(self.random.integers(-127, 128, shape), "int8", weights)]
        if self.pick((True, True, False)):
            bias_scales = tuple(float(np.float32(self.scale) * scale) for scale in scales)
            bias = Quantisation(bias_scales, (0,) * len(scales))
            inputs.append(self.constant(self.random.integers(-9999, 9999, channels), "int32", bias))
        output = self.quantisation(self.scale * 0.0125 * math.sqrt(products) * 40)
        self.append(name, tuple(inputs), output, {**options, "activation": self.pick(ACTIVATIONS)})

    def convolution(self) -> None:
        """CONV_2D."""
        kernel = self.kernel(5)
        shape = (self.number(1, 9), *kernel, self.shape[3])
        self.weighted("CONV_2D", shape, 0, self.window())

    def depthwise(self) -> None:
        """DEPTHWISE_CONV_2D; a multiplier where there is one input channel."""
        multiplier = self.number(1, 3) if self.shape[3] == 1 else 1
        shape = (1, *self.kernel(4), self.shape[3] * multiplier)
        self.weighted("DEPTHWISE_CONV_2D", shape, 3, {**self.window(), "depth_multiplier": multiplier})

    def kernel(self, largest: int) -> tuple[int, int]:
        """A window that fits without padding."""
        return self.number(1, min(largest, self.shape[1])), self.number(1, min(largest, self.shape[2]))

    def pool(self, name: str) -> None:
        """AVERAGE_POOL_2D or MAX_POOL_2D."""
        options = {**self.window(), "filter": self.kernel(4), "activation": self.pick(("NONE", "NONE", "RELU"))}
        self.append(name, (self.last,), self.tensors[self.last].quantisation, options)

    def add(self) -> None:
        """ADD of the last activation and any earlier one of its shape, itself included."""
        equal = [t.index for t in self.tensors if t.shape == self.shape and not t.is_constant and t.dtype == "int8"]
        output = self.quantisation(self.scale * 2)
        self.append("ADD", (self.last, self.pick(equal)), output, {"activation": self.pick(ACTIVATIONS)})

    def flatten(self) -> None:
        """RESHAPE to one row."""
        target = self.constant(np.array([1, math.prod(self.shape)]), "int32", None)
        self.append("RESHAPE", (self.last, target), self.tensors[self.last].quantisation, {})

    def fully_connected(self) -> None:
        """FULLY_CONNECTED."""
        self.weighted("FULLY_CONNECTED", (self.number(1, 12), self.shape[1]), 0, {})

    def softmax(self) -> None:
        """SOFTMAX."""
        self.append("SOFTMAX", (self.last,), Quantisation((1 / 256,), (-128,)), {})

    def branch(self) -> None:
        """Go on from any earlier activation: what was last may be a dead end, or meet this branch in an ADD."""
        spatial = [tensor.index for tensor in self.tensors if len(tensor.shape) == 4 and not tensor.is_constant]
        self.last = self.pick(spatial)

    def grow(self, name: str) -> None:
        """One operator by its name."""
        rules = {
            "CONV_2D": self.convolution,
            "DEPTHWISE_CONV_2D": self.depthwise,
            "ADD": self.add,
            "FULLY_CONNECTED": self.fully_connected,
            "SOFTMAX": self.softmax,
        }
        self.pool(name) if "POOL" in name else rules[name]()


def random_network(seed: int, spatial: int = 5, flat: int = 3) -> Graph:
    """Spatial operators, a reshape, then flat ones. With an even seed every activation is an output: no error hides."""
    net = RandomNetwork(seed)
    for _ in range(spatial):
        if net.number(0, 3) == 0:
            net.branch()
        net.grow(net.pick(SPATIAL))
    net.flatten()
    for _ in range(flat):
        net.grow(net.pick(FLAT))
    outputs = tuple(operator.outputs[0] for operator in net.operators) if seed % 2 == 0 else (net.last,)
    return Graph(tuple(net.tensors), tuple(net.operators), (net.input,), outputs, f"random_{seed}")
