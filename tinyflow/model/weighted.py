"""Operators with weights (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED) of int8 or int4, by int8 or int16 activations.

All numbers that a kernel, a planner or a proof needs, read from the graph once: weights without zero point, bias,
rescaling, padding and clamps. Arrays are int64, so that nothing overflows unnoticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.fixed_point import Integers, Rescaling, activation_range, convolution_factors, dense_factor
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.operators.forms import quantisations
from tinyflow.model.operators.shapes import same_padding


@dataclass(frozen=True)
class Window:
    """How a kernel slides: each pair is (height, width); `before` and `after` are padding elements."""

    size: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)

    @property
    def reach(self) -> tuple[int, int]:
        """Elements from the first to the last, both included."""
        return (self.size[0] - 1) * self.dilation[0] + 1, (self.size[1] - 1) * self.dilation[1] + 1


@dataclass(frozen=True)
class Weighted:
    """One operator. `weights` are [out, kh, kw, in], for a depthwise one [kh, kw, in, multiplier]; bias is [out].

    output = clamp(output_zero_point + rescale(bias + sum of weights * (input - input_zero_point)))
    """

    source: Tensor
    output: Tensor
    weights: Integers
    bias: Integers
    rescaling: Rescaling
    input_zero_point: int
    output_zero_point: int
    lowest: int
    highest: int
    window: Window
    is_depthwise: bool
    weight_zero_points: tuple[int, ...]
    bias_dtype: str
    """Sums of int16 layers have 32 bits if it is int32, else 64. Without a bias it is int32 in int8, int64 in int16."""

    @property
    def outputs(self) -> int:
        """Output channels."""
        return len(self.bias)


def constant_values(tensor: Tensor) -> npt.NDArray[Any]:
    """The values of a constant tensor, in its own type; of int4, whose bytes have the first of two below, in int8.

    ValueError for any other.
    """
    code = ELEMENT_TYPES[tensor.dtype].code
    if tensor.data is not None and tensor.dtype == "int4":
        pairs = np.frombuffer(tensor.data, np.int8)
        return np.stack([pairs << 4 >> 4, pairs >> 4], -1).reshape(-1)[: tensor.elements].reshape(tensor.shape)
    if tensor.data is None or not code:
        raise ValueError(f"{tensor.name} is not a constant tensor of numbers")
    return np.frombuffer(tensor.data, f"<{code}").reshape(tensor.shape)


def constant_bytes(values: npt.ArrayLike, dtype: str) -> bytes:
    """The data of a constant tensor that has these values."""
    if dtype != "int4":
        return np.asarray(values).astype(f"<{ELEMENT_TYPES[dtype].code}").tobytes()
    flat = np.asarray(values).astype(np.uint8).reshape(-1)
    pairs = np.pad(flat, (0, flat.size % 2)).reshape(-1, 2) & 15
    return (pairs[:, 0] | pairs[:, 1] << 4).tobytes()


def integers(tensor: Tensor) -> Integers:
    """The values of a constant integer tensor. ValueError for any other."""
    if tensor.data is None or not tensor.is_integer:
        raise ValueError(f"{tensor.name} is not a constant integer tensor")
    return constant_values(tensor).astype(np.int64)


def window(graph: Graph, operator: Operator) -> Window:
    """How the window of a convolution or pool slides over its first input; `around` is what a PAD did before."""
    shape = graph.tensors[operator.inputs[0]].shape
    height, width = operator.options.get("filter") or graph.tensors[operator.inputs[1]].shape[1:3]
    size = height, width
    stride, dilation = operator.options["stride"], operator.options.get("dilation", (1, 1))
    is_same = operator.options["padding"] == "SAME"
    valid = operator.options.get("around", ((0, 0), (0, 0)))
    rows, columns = same_padding(shape, size, stride, dilation) if is_same else valid
    return Window(size, stride, dilation, *zip(rows, columns, strict=True))


def transposed_window(graph: Graph, operator: Operator) -> Window:
    """How the window of a TRANSPOSE_CONV slides over its output: as that of the convolution whose transpose it is."""
    shape = graph.tensors[operator.outputs[0]].shape
    height, width = graph.tensors[operator.inputs[1]].shape[1:3]
    size, stride = (height, width), operator.options["stride"]
    is_same = operator.options["padding"] == "SAME"
    rows, columns = same_padding(shape, size, stride) if is_same else ((0, 0), (0, 0))
    return Window(size, stride, (1, 1), *zip(rows, columns, strict=True))


def was_uint8(graph: Graph, operator: Operator) -> bool:
    """Whether it is the int8 form of a convolution of uint8, as tidying makes it: version 1, which no converter writes.

    Its weights may have a zero point, its factors are as those of a dense layer; interpreters compute something else.
    """
    is_convolution = operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D")
    return is_convolution and operator.version == 1 and graph.tensors[operator.inputs[0]].dtype == "int8"


def weighted(graph: Graph, operator: Operator, form: str = "int8", *, may_be_grouped: bool = False) -> Weighted:
    """One operator of WEIGHTED, or TRANSPOSE_CONV. ValueError where its activations are not of the form, its weights
    not constants of int8 or int4, and for a CONV_2D in groups, whose weights have a part of the input's channels,
    unless it `may_be_grouped`.
    """
    described = describe(operator.name)
    source, weights = (graph.tensors[operator.inputs[at]] for at in (described.main_input, described.weights[0]))
    output = graph.tensors[operator.outputs[0]]
    if weights.dtype not in ("int8", "int4") or weights.quantisation is None:
        raise ValueError(f"{weights.name} is {weights.dtype}, not int8 or int4 with scales")
    (given, made), scheme = quantisations(graph, operator, form), weights.quantisation
    if operator.name != "FULLY_CONNECTED" and operator.version > 1 and any(scheme.zero_points):
        raise ValueError(f"{weights.name} is not symmetric")  # which convolutions of TFLite don't look at
    lowest, highest = activation_range(operator.options["activation"], made, form)
    values = integers(weights)
    if any(scheme.zero_points):
        values = values - _along(scheme, weights)
    laid_out, slides = _layout(graph, operator, values)
    if operator.name == "CONV_2D" and not may_be_grouped and laid_out.shape[3] != source.shape[3]:
        raise ValueError("the convolution is grouped")
    outputs = output.shape[-1]
    bias, bias_dtype = _bias(graph, operator, outputs, form)
    return Weighted(
        source=source,
        output=output,
        weights=laid_out,
        bias=bias,
        rescaling=_rescaling(operator, given.scale, scheme, made.scale, outputs),
        input_zero_point=given.zero_point,
        output_zero_point=made.zero_point,
        lowest=lowest,
        highest=highest,
        window=slides,
        is_depthwise=operator.name == "DEPTHWISE_CONV_2D",
        weight_zero_points=scheme.zero_points,
        bias_dtype=bias_dtype,
    )


def symmetric(graph: Graph, operator: Operator, form: str = "int8") -> Weighted:
    """The same, as kernels take it: ValueError also for weights of FULLY_CONNECTED with a zero point."""
    layer = weighted(graph, operator, form)
    if any(layer.weight_zero_points):
        raise ValueError("the weights are not symmetric")
    return layer


def _along(scheme: Quantisation, tensor: Tensor) -> Integers:
    """Zero points, shaped so that they can be subtracted from the tensor."""
    shape = [1] * len(tensor.shape)
    if scheme.is_per_channel:
        shape[scheme.axis] = -1
    return np.array(scheme.zero_points, np.int64).reshape(shape)


def _layout(graph: Graph, operator: Operator, values: Integers) -> tuple[Integers, Window]:
    shape = graph.tensors[operator.inputs[0]].shape
    if operator.name == "FULLY_CONNECTED":
        return values[:, None, None, :], Window()
    if operator.name == "TRANSPOSE_CONV":
        return values, transposed_window(graph, operator)
    slides = window(graph, operator)
    if operator.name == "DEPTHWISE_CONV_2D":
        return values[0].reshape(*values.shape[1:3], shape[3], -1), slides
    return values, slides


def _bias(graph: Graph, operator: Operator, outputs: int, form: str) -> tuple[Integers, str]:
    # of int16; TFLM takes any other bias for int64
    wide = {"DEPTHWISE_CONV_2D": ("int64",), "TRANSPOSE_CONV": ("int64", "int16")}
    allowed = ("int32",) if form == "int8" else wide.get(operator.name, ("int64", "int32"))
    _, position = describe(operator.name).weights
    if len(operator.inputs) <= position or operator.inputs[position] < 0:
        return np.zeros(outputs, np.int64), allowed[0]
    bias = graph.tensors[operator.inputs[position]]
    if bias.dtype not in allowed:
        raise ValueError(f"{bias.name} is {bias.dtype}, not {' or '.join(allowed)}")
    return integers(bias).reshape(-1), bias.dtype


def _rescaling(
    operator: Operator, input_scale: float, weights: Quantisation, output_scale: float, outputs: int
) -> Rescaling:
    """One factor for each output channel. Convolutions of version 1 were uint8 (transforms/tidy/unsigned)."""
    is_product_rounded = operator.name == "FULLY_CONNECTED" or operator.version == 1
    if is_product_rounded and not weights.is_per_channel:
        return Rescaling.of([dense_factor(input_scale, weights.scale, output_scale)] * outputs)
    scales = weights.scales if weights.is_per_channel else weights.scales * outputs
    return Rescaling.of(convolution_factors(input_scale, scales, output_scale))
