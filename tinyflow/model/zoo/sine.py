"""A sine of three fully connected layers, with weights from a formula: the smallest network that is of any use.

Its shape (1, 16, 16, 1) is that of the example of TensorFlow Lite for Microcontrollers and of microTVM. Between the
places t_j = 2 pi j / n the sine is taken as straight; with d = 2 pi / n:

    sin(x) ≈ sum over j of (sin t_j+1 - sin t_j) * clamp((x - t_j) / d, 0, 1)

The first layer gives 1 - (x - t_j) / d, which int8 clamps at 1 and ReLU at 0, the second one minus that, the third the
sum.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.tflite_options import default_options

Reals = npt.NDArray[np.float64]

_INPUT = Quantisation((float(np.float32(2 * math.pi / 255)),), (-128,))  # 0 to 2 pi
_RAMP = Quantisation((float(np.float32(1 / 255)),), (-128,))  # 0 to 1
_OUTPUT = Quantisation((float(np.float32(1 / 127)),), (0,))  # -1 to 1
_VERSION = 4  # of FULLY_CONNECTED, as in the networks of `mlperf_tiny`


def sine(seed: int, pieces: int = 16) -> Graph:  # noqa: ARG001 (every graph's; here nothing is left to chance)
    """Sine of `[1, 1]` from 0 to 2 pi, out of so many straight pieces."""
    steps = np.arange(pieces, dtype=np.float64)
    heights = np.array([math.sin(2 * math.pi * step / pieces) for step in range(pieces + 1)])
    net = _Dense()
    net.add(np.full((pieces, 1), -pieces / (2 * math.pi)), 1 + steps, "RELU", _RAMP)
    net.add(-np.eye(pieces), np.ones(pieces), "RELU", _RAMP)
    net.add(np.diff(heights)[None, :], np.zeros(1), "NONE", _OUTPUT)
    return net.graph()


class _Dense:
    """Fully connected layers from real weights, one behind the other."""

    def __init__(self) -> None:
        self._tensors = [Tensor(0, "x", (1, 1), "int8", _INPUT)]
        self._operators: list[Operator] = []
        self._last = 0

    def add(self, weights: Reals, bias: Reals, activation: str, output: Quantisation) -> None:
        """One more layer; `weights` [outputs, inputs] get one scale, at which the largest is 127."""
        source = self._tensors[self._last].quantisation
        assert source is not None
        scale = float(np.float32(np.abs(weights).max() / 127))
        bias_scale = float(np.float32(source.scale) * np.float32(scale))
        place = f"dense_{len(self._operators)}"
        inputs = (
            self._last,
            self._constant(f"{place}/weights", np.rint(weights / scale), "int8", scale),
            self._constant(f"{place}/bias", np.rint(bias / bias_scale), "int32", bias_scale),
        )
        self._last = len(self._tensors)
        self._tensors.append(Tensor(self._last, place, (1, len(weights)), "int8", output))
        options = {**default_options("FULLY_CONNECTED"), "activation": activation}
        index = len(self._operators)
        self._operators.append(Operator(index, "FULLY_CONNECTED", _VERSION, inputs, (self._last,), options))

    def graph(self) -> Graph:
        """The finished network."""
        return Graph(tuple(self._tensors), tuple(self._operators), (0,), (self._last,), "sine")

    def _constant(self, name: str, values: Reals, dtype: str, scale: float) -> int:
        index = len(self._tensors)
        data = values.astype(np.dtype(dtype).newbyteorder("<")).tobytes()
        self._tensors.append(Tensor(index, name, values.shape, dtype, Quantisation((scale,), (0,)), data))
        return index
