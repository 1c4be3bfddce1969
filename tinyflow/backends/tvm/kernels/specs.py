"""What a kernel computes, as values: shapes, strides, padding, quantisation. No weights, no style, no TVM.

Two layers with equal specs share one kernel: whatever differs per channel (weights, bias, multipliers) is an argument.
Activations are int8; batch is 1. Each feature map says in which order its bytes lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Union

Rounding = Literal["double", "single"]
Layout = Literal["NHWC", "NCHW"]


@dataclass(frozen=True)
class Border:
    """Rows and columns around a feature map: the padding of an operator, which holds the zero point."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0

    def __bool__(self) -> bool:
        return any((self.top, self.left, self.bottom, self.right))


@dataclass(frozen=True)
class FeatureMap:
    """The extent of an activation, and the order of its axes in memory, the last one innermost."""

    height: int
    width: int
    channels: int
    layout: Layout = "NHWC"

    @property
    def elements(self) -> int:
        """Values, and bytes."""
        return self.height * self.width * self.channels

    @property
    def shape(self) -> tuple[int, int, int]:
        """[height, width, channels] or [channels, height, width]: the extents as they lie in memory."""
        return self.place(self.height, self.width, self.channels)

    def place(self, row: Any, column: Any, channel: Any) -> tuple[Any, Any, Any]:
        """Indices in the order of `shape`."""
        return (channel, row, column) if self.layout == "NCHW" else (row, column, channel)

    def axes(self, first: Any, second: Any, third: Any) -> tuple[Any, Any, Any]:
        """Row, column and channel of indices that are in the order of `shape`."""
        return (second, third, first) if self.layout == "NCHW" else (first, second, third)


@dataclass(frozen=True)
class Requantisation:
    """From int32 accumulators to int8: what is common to all channels.

    q = clamp(zero_point + accumulator * multiplier[c] / 2**31 * 2**shift[c]), rounded once or twice.
    """

    zero_point: int  # of the output
    lowest: int = -128  # the fused activation's clamp, in output steps
    highest: int = 127
    rounding: Rounding = "double"
    # the short form of `requantise` with accumulators shifted up by this much; None is the long form. Chosen by weights
    up: int | None = None


@dataclass(frozen=True)
class WindowSpec:
    """What moves a window over its input."""

    input: FeatureMap
    output: FeatureMap
    kernel: tuple[int, int]  # rows, columns
    stride: tuple[int, int]
    padding: Border


@dataclass(frozen=True)
class ConvolutionSpec(WindowSpec):
    """What weighs the places under the window; the padding holds the input's zero point."""

    input_zero_point: int
    requantisation: Requantisation


@dataclass(frozen=True)
class ConvSpec(ConvolutionSpec):
    """CONV_2D. Weights as in TFLite: [output channel, row, column, input channel] int8, whatever the layout."""

    kind: ClassVar[str] = "conv2d"
    # whether no sum of products can reach 2**22, whatever the input; known by the weights
    is_narrow: bool = False

    @property
    def reduction(self) -> int:
        """Products per output."""
        return self.kernel[0] * self.kernel[1] * self.input.channels


@dataclass(frozen=True)
class DepthwiseSpec(ConvolutionSpec):
    """DEPTHWISE_CONV_2D. Weights as in TFLite: [1, row, column, output channel] int8.

    Output channel c reads input channel c // (output channels / input channels).
    """

    kind: ClassVar[str] = "depthwise_conv2d"

    @property
    def reduction(self) -> int:
        """Products per output."""
        return self.kernel[0] * self.kernel[1]


@dataclass(frozen=True)
class DenseSpec:
    """FULLY_CONNECTED of one row; over several rows it is a ConvSpec. Weights as in TFLite: [output, input] int8."""

    kind: ClassVar[str] = "dense"
    inputs: int
    outputs: int
    input_zero_point: int
    requantisation: Requantisation

    @property
    def reduction(self) -> int:
        """Products per output."""
        return self.inputs


@dataclass(frozen=True)
class Rescale:
    """One real factor as TFLite's fixed point: x * multiplier / 2**31 * 2**shift."""

    multiplier: int
    shift: int


@dataclass(frozen=True)
class AddSpec:
    """ADD of two equal shapes: both are shifted left by 20, rescaled to one scale, added, rescaled."""

    kind: ClassVar[str] = "add"
    left: FeatureMap
    right: FeatureMap
    output: FeatureMap
    left_zero_point: int
    right_zero_point: int
    output_zero_point: int
    left_scale: Rescale
    right_scale: Rescale
    output_scale: Rescale
    lowest: int = -128
    highest: int = 127


@dataclass(frozen=True)
class PoolSpec(WindowSpec):
    """AVERAGE_POOL_2D and MAX_POOL_2D: input and output have the same scale and zero point.

    Cells in the padding don't take part: they are not counted.
    """

    kind: ClassVar[str] = "pool2d"
    operator: Literal["average", "max"]
    lowest: int = -128
    highest: int = 127


@dataclass(frozen=True)
class SoftmaxSpec:
    """SOFTMAX over the last axis, int8 to int8 or int16, whose output range is 0 to 1 from the type's least value on.

    `scale` takes differences of inputs to 5 integer and 26 fraction bits (its shift is ≥ 0); differences below
    `least_difference` count as 0. See TFLite's PreprocessSoftmaxScaling and CalculateInputRadius.
    """

    kind: ClassVar[str] = "softmax"
    rows: int
    columns: int
    scale: Rescale
    least_difference: int
    made: Literal["int8", "int16"] = "int8"


WeightedSpec = Union[ConvSpec, DepthwiseSpec, DenseSpec]
Spec = Union[ConvSpec, DepthwiseSpec, DenseSpec, AddSpec, PoolSpec, SoftmaxSpec]


def work(spec: Spec) -> int:
    """Products and sums, or values."""
    made = spec.outputs if isinstance(spec, DenseSpec) else getattr(spec, "output", None)
    elements = made if isinstance(made, int) else made.elements if made is not None else 0
    return elements * int(getattr(spec, "reduction", 1))
