"""Build an int8 network layer by layer with seeded weights, choosing scales so that activations use their range.

Each layer runs on a few seeded inputs in exact integers; what comes out decides the bias, the weight scales and the
output scale. All real arithmetic is elementwise in float64 and rounded to float32, so the bytes are the same
everywhere. The quantisation scheme is the TFLite converter's: int8 activations per tensor, int8 weights without zero
point (convolutions per channel, fully connected per tensor), int32 biases at input scale times weight scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.model.arithmetic import window_sums as exact
from tinyflow.model.builder import GraphBuilder, per_tensor, symmetric
from tinyflow.model.fixed_point import Integers
from tinyflow.model.graph import Quantisation, Shape
from tinyflow.model.operators import describe
from tinyflow.model.operators.shapes import same_padding
from tinyflow.model.weighted import Window

Reals = npt.NDArray[np.float64]

_CALIBRATION_INPUTS = 8
# real values that a layer's outputs reach: a trained network's order of magnitude
_ACTIVATION_PEAK = 6.0
# the range of a layer that is 0 for all calibration inputs; were it smaller, TFLM would find the next layer's bias
# scale, rounded to float32, too far from that of its sums (it allows 2 % of an output step)
_LEAST_RANGE = 0.01
# what activations leave of real values
_CLAMPS = {"NONE": (-math.inf, math.inf), "RELU": (0.0, math.inf), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}
# logits from -2.5 to 2.5 make a softmax that is neither flat nor saturated
LOGITS_PEAK = 2.5


class NetworkBuilder(GraphBuilder):
    """A network under construction. Layers take and give tensor indices; layer 0 reads tensor 0, the input."""

    def __init__(self, seed: int, input_shape: Shape, input_scale: float, input_zero_point: int) -> None:
        super().__init__()
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._values: dict[int, Integers] = {}  # activation → what the calibration inputs give, zero point subtracted
        self.input = self.add_input("input", (1, *input_shape), per_tensor(input_scale, input_zero_point))
        self._values[self.input] = self._calibration_inputs(input_shape) - input_zero_point

    def convolution(
        self,
        source: int,
        channels: int,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        activation: str = "RELU",
        padding: str = "SAME",
        peak: float = _ACTIVATION_PEAK,
    ) -> int:
        """CONV_2D; outputs reach about `peak`."""
        weights = self._random_weights((channels, *kernel, self.shape(source)[3]), axis=0)
        sums = exact.convolved(self._values[source], weights, self._window(source, kernel, stride, padding))
        options: dict[str, Any] = {"padding": padding, "stride": stride, "activation": activation}
        return self._weighted("CONV_2D", source, weights, sums, peak, **options)

    def depthwise(
        self,
        source: int,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        activation: str = "RELU",
        multiplier: int = 1,
        padding: str = "SAME",
    ) -> int:
        """DEPTHWISE_CONV_2D with `multiplier` output channels for each input channel."""
        inputs = self.shape(source)[3]
        weights = self._random_weights((1, *kernel, inputs * multiplier), axis=3)
        window = self._window(source, kernel, stride, padding)
        filters = weights[0].reshape(*kernel, inputs, multiplier)
        sums = exact.convolved_depthwise(self._values[source], filters, window)
        options: dict[str, Any] = {"padding": padding, "stride": stride, "activation": activation}
        return self._weighted("DEPTHWISE_CONV_2D", source, weights, sums, depth_multiplier=multiplier, **options)

    def transposed_convolution(
        self, source: int, channels: int, kernel: tuple[int, int], stride: tuple[int, int], activation: str = "RELU"
    ) -> int:
        """TRANSPOSE_CONV with SAME padding: a map larger by the stride, which is no larger than the kernel."""
        _, height, width, inputs = self.shape(source)
        weights = self._random_weights((channels, *kernel, inputs), axis=0)
        sums = exact.transposed(self._values[source], weights, stride)
        before = [(size - step) // 2 for size, step in zip(kernel, stride, strict=True)]
        sums = sums[:, before[0] :, before[1] :][:, : height * stride[0], : width * stride[1]]
        shape = self.constant("shape", [1, *sums.shape[1:]], "int32")
        options: dict[str, Any] = {"stride": stride, "activation": activation}
        return self._weighted("TRANSPOSE_CONV", source, weights, sums, shape=shape, **options)

    def fully_connected(self, source: int, units: int, activation: str = "NONE", peak: float = LOGITS_PEAK) -> int:
        """FULLY_CONNECTED on all elements of `[1, …]`; outputs reach about `peak`."""
        values = self._values[source].reshape(_CALIBRATION_INPUTS, -1)
        weights = self._random_weights((units, values.shape[1]), axis=0)
        sums = exact.product(values, weights)
        return self._weighted("FULLY_CONNECTED", source, weights, sums, peak, activation=activation)

    def add(self, left: int, right: int, activation: str = "RELU") -> int:
        """ADD of two tensors of one shape."""
        real = self._real(left) + self._real(right)
        return self._calibrated("ADD", (left, right), real, activation=activation)

    def global_average(self, source: int) -> int:
        """AVERAGE_POOL_2D whose window is the whole map; the scale stays."""
        window = self.shape(source)[1:3]
        values = exact.average(self._values[source], Window((window[0], window[1])))
        scheme = self.quantisation(source)
        return self._operator(
            "AVERAGE_POOL_2D", (source,), values, scheme, padding="VALID", stride=window, filter=window
        )

    def flatten(self, source: int) -> int:
        """RESHAPE to `[1, n]`."""
        return self.reshape(source, (1, math.prod(self.shape(source))))

    def reshape(self, source: int, shape: Shape) -> int:
        """RESHAPE to a shape of as many elements, whose first dimension is 1; the converter writes -1 for it."""
        target = self.constant("flatten/shape", [-1, *shape[1:]], "int32")
        values = self._values[source].reshape(-1, *shape[1:])
        return self._operator("RESHAPE", (source, target), values, self.quantisation(source), shape)

    def softmax(self, source: int) -> int:
        """SOFTMAX as the last layer."""
        return self._operator("SOFTMAX", (source,), self._values[source])

    def _window(self, source: int, kernel: tuple[int, int], stride: tuple[int, int], padding: str) -> Window:
        """A window with padding SAME or VALID."""
        if padding == "VALID":
            return Window(kernel, stride)
        return Window(kernel, stride, (1, 1), *zip(*same_padding(self.shape(source), kernel, stride), strict=True))

    def _calibration_inputs(self, shape: Shape) -> Integers:
        """Noise for one half and blocks of one value for the other, since real inputs are smoother than noise."""
        half = _CALIBRATION_INPUTS // 2
        noise = self._random.integers(-128, 128, (half, *shape))
        coarse = tuple(-(-size // 8) for size in shape[:-1]) + shape[-1:] if len(shape) > 1 else (-(-shape[0] // 8),)
        blocks = self._random.integers(-128, 128, (half, *coarse))
        for axis in range(max(len(shape) - 1, 1)):
            blocks = np.repeat(blocks, 8, axis + 1).take(range(shape[axis]), axis + 1)
        return np.concatenate([noise, blocks])

    def _random_weights(self, shape: Shape, axis: int) -> Integers:
        """Weights of triangular distribution; the largest of each output channel is 127, as a quantiser makes it."""
        weights = (self._random.integers(-127, 128, shape) + self._random.integers(-127, 128, shape)) // 2
        by_channel = np.moveaxis(weights, axis, 0).reshape(shape[axis], -1)
        largest = np.abs(by_channel).argmax(axis=1)[:, None]
        signs = np.where(np.take_along_axis(by_channel, largest, 1) < 0, -1, 1)
        np.put_along_axis(by_channel, largest, 127 * signs, 1)
        moved = by_channel.reshape([shape[axis], *np.delete(shape, axis)])
        return np.ascontiguousarray(np.moveaxis(moved, 0, axis))

    def _weighted(
        self,
        name: str,
        source: int,
        weights: Integers,
        sums: Integers,
        peak: float = _ACTIVATION_PEAK,
        shape: int | None = None,
        **options: Any,
    ) -> int:
        """A layer with weights: choose bias and weight scales from its sums, `[…, channels]`, then its output scale.

        `shape`: the tensor with its output's, of a transposed one.
        """
        bias = self._centring_bias(sums)
        sums = sums + bias
        heights = np.abs(sums).reshape(-1, sums.shape[-1]).max(axis=0) + 1.0
        axis = describe(name).weights_axis or 0
        if name == "FULLY_CONNECTED":  # one scale for all
            targets, heights = np.array([peak]), heights.max(keepdims=True)
        else:
            targets = peak * (0.5 + 0.5 * self._random.random(len(heights)))
        input_scale = self.quantisation(source).scale
        scales = np.float32(targets / heights / input_scale)
        bias_scales = np.float32(input_scale) * scales
        place = f"{name.lower()}_{len(self.operators)}"
        weight_tensor = self.constant(f"{place}/weights", weights, "int8", symmetric(scales, axis))
        bias_tensor = self.constant(f"{place}/bias", bias, "int32", symmetric(bias_scales))
        inputs = (source, weight_tensor) if shape is None else (shape, weight_tensor, source)
        return self._calibrated(name, (*inputs, bias_tensor), sums * np.float64(bias_scales), **options)

    def _centring_bias(self, sums: Integers) -> Integers:
        """The bias that moves each channel's mean to 0, give or take an eighth of its range: no channel is dead."""
        by_channel = sums.reshape(-1, sums.shape[-1])
        spread = by_channel.max(axis=0) - by_channel.min(axis=0)
        shift = spread * self._random.integers(-128, 129, len(spread)) // 1024
        bias: Integers = shift - by_channel.sum(axis=0) // len(by_channel)
        return bias

    def _calibrated(self, name: str, inputs: Sequence[int], real: Reals, **options: Any) -> int:
        """An operator whose output scale covers the real values that it gives; 0 is always representable."""
        lowest, highest = _CLAMPS[options["activation"]]
        low, high = max(min(float(real.min()), 0.0), lowest), min(max(float(real.max()), 0.0), highest)
        scale = float(np.float32(max(high - low, _LEAST_RANGE) / 255))
        zero_point = int(np.clip(np.rint(-128 - low / scale), -128, 127))
        integers = np.clip(np.rint(np.maximum(real, low) / scale).astype(np.int64) + zero_point, -128, 127)
        return self._operator(name, inputs, integers - zero_point, per_tensor(scale, zero_point), **options)

    def _operator(
        self,
        name: str,
        inputs: Sequence[int],
        values: Integers,
        quantisation: Quantisation | None = None,
        shape: Shape | None = None,
        **options: Any,
    ) -> int:
        output = f"{name.lower()}_{len(self.operators)}"
        made = self.layer(name, inputs, output, quantisation, shape, **options)
        self._values[made] = values
        return made

    def _real(self, tensor: int) -> Reals:
        real: Reals = self._values[tensor] * np.float64(self.quantisation(tensor).scale)
        return real
