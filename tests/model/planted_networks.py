"""Random int8 networks in which channels were planted that no input can change, or that nothing reads."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from backends.random_networks import RandomNetwork

from tinyflow.model.graph import Graph

_SPATIAL = ("CONV_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D", "ADD")
_PASSING = ("concatenate", "pad", "relu", "tidy_up")
# far below any sum of products here, so that every activation clamps it
_BURIED = -(2**24)


class PlantedNetwork(RandomNetwork):
    """A network whose layers with weights have dead channels of three kinds."""

    def weighted(self, name, shape, axis, options) -> None:  # type: ignore[no-untyped-def]
        """As any layer; then some outputs are cut off from their inputs, and some inputs from all outputs."""
        if name != "FULLY_CONNECTED" and options["stride"] == (1, 1) and options["padding"] == "SAME":
            options = {**options, "dilation": (self.number(1, 2), self.number(1, 3))}
        super().weighted(name, shape, axis, options)
        operator = self.operators[-1]
        weights = self._values(operator.inputs[1])
        outputs = np.moveaxis(weights, axis, 0)
        blank = self.random.random(len(outputs)) < 0.15
        outputs[blank] = 0
        if name != "DEPTHWISE_CONV_2D":
            weights[..., self.random.random(weights.shape[-1]) < 0.15] = 0
        self._replace(operator.inputs[1], weights)
        if len(operator.inputs) > 2:
            bias = self._values(operator.inputs[2])
            bias[self.random.random(len(bias)) < 0.2] = _BURIED
            self._replace(operator.inputs[2], bias)

    def _values(self, index: int) -> np.ndarray:
        tensor = self.tensors[index]
        return np.frombuffer(tensor.data or b"", tensor.dtype).reshape(tensor.shape).copy()

    def _replace(self, index: int, values: np.ndarray) -> None:
        self.tensors[index] = replace(self.tensors[index], data=values.tobytes())

    def _append(self, name: str, inputs: tuple[int, ...], shape: tuple[int, ...], scale: bool, **options: int) -> None:
        """An operator whose output has this shape, with a scale of its own or its input's."""
        before = self.tensors[self.last].quantisation
        made = self.quantisation(self.scale) if scale else before
        self.last = self.builder.layer(name, inputs, f"t{len(self.tensors)}", made, shape, **options)

    def concatenate(self) -> None:
        """CONCATENATION of the last activation and a pool of it, which has its quantisation."""
        left, shape = self.last, self.shape
        pooling = {"padding": "SAME", "stride": (1, 1), "filter": (2, 2), "activation": "NONE"}
        self.append("MAX_POOL_2D", (left,), self.tensors[left].quantisation, pooling)
        axis = self.number(1, 3)
        joined = tuple(2 * size if i == axis else size for i, size in enumerate(shape))
        self._append("CONCATENATION", (left, self.last), joined, scale=False, axis=axis)

    def pad(self) -> None:
        """PAD of rows and columns."""
        around = self.random.integers(0, 2, (4, 2))
        around[[0, 3]] = 0
        shape = tuple(size + int(more.sum()) for size, more in zip(self.shape, around, strict=True))
        self._append("PAD", (self.last, self.constant(around, "int32", None)), shape, scale=False)

    def relu(self) -> None:
        """RELU to another scale."""
        self._append("RELU", (self.last,), self.shape, scale=True)

    def tidy_up(self) -> None:
        """Something that changes nothing: a RESHAPE and back."""
        shape = self.shape
        there, back = (1, math.prod(shape)), shape
        for target in (there, back):
            self._append("RESHAPE", (self.last, self.constant(np.array(target), "int32", None)), target, scale=False)


def planted_network(seed: int) -> Graph:
    """Spatial operators, a reshape, fully connected layers; one output."""
    net = PlantedNetwork(seed)
    for _ in range(net.number(2, 6)):
        kind = net.number(0, 5)
        if kind == 0:
            net.branch()
        if kind == 1:
            getattr(net, net.pick(_PASSING))()
        net.grow(net.pick(_SPATIAL))
    net.flatten()
    for _ in range(2):
        net.fully_connected()
    return Graph(tuple(net.tensors), tuple(net.operators), (net.input,), (net.last,), f"planted_{seed}")
