"""Operators that add up many elements: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, the pools and MEAN."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinyc.steps import Operand, Step
from tinyflow.backends.tinyc.strides import RANK, padded_to_rank
from tinyflow.backends.tinynn import packing
from tinyflow.backends.tinynn.calls import Call
from tinyflow.model.fixed_point import activation_range, rescaling_factor
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.weighted import Weighted, Window, integers, weighted, whole, window

Int8s = npt.NDArray[np.int8]


def _step(operator: Operator, call: Call) -> list[Step]:
    return [Step(operator.index, call, (Operand(operator.inputs[0]),), Operand(operator.outputs[0]))]


def _read(graph: Graph, operator: Operator) -> tuple[Weighted, Int8s]:
    """The operator and its weights as the file has them, int8."""
    layer = weighted(graph, operator)
    if any(layer.weight_zero_points):
        raise Unsupported("the weights are not symmetric", "")
    return layer, layer.weights.astype(np.int8)


def _conv2d(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    layer, weights = _read(graph, operator)
    return _step(operator, packing.conv2d(variant, _convolution_fields(layer), weights, *_channels(layer)))


def _depthwise(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    layer, weights = _read(graph, operator)
    fields = _convolution_fields(layer) | {"depth_multiplier": weights.shape[3]}
    taps = weights.reshape(*layer.window.size, -1)
    return _step(operator, packing.depthwise(variant, fields, taps, *_channels(layer)))


def _fully_connected(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    layer, weights = _read(graph, operator)
    rows = weights.reshape(layer.outputs, -1)
    if operator.options["weights_format"] != "DEFAULT":
        raise Unsupported("shuffled weights are not supported", "convert for microcontrollers")
    fields = {
        "batches": layer.source.elements // rows.shape[1],
        "inputs": rows.shape[1],
        "outputs": layer.outputs,
        **_output_fields(layer),
    }
    call = packing.fully_connected(variant, fields, layer.input_zero_point, rows, *_channels(layer))
    return _step(operator, call)


def _channels(layer: Weighted) -> tuple[Any, Any, Any]:
    """Bias, multipliers and shifts, int32."""
    parts = (layer.bias, layer.rescaling.multipliers, layer.rescaling.shifts)
    bias, multipliers, shifts = (part.astype(np.int32) for part in parts)
    return bias, multipliers, shifts


def _output_fields(layer: Weighted) -> dict[str, int]:
    return {"output_zero_point": layer.output_zero_point, "lowest": layer.lowest, "highest": layer.highest}


def _convolution_fields(layer: Weighted) -> dict[str, int]:
    batches, input_height, input_width, input_channels = layer.source.shape
    _, output_height, output_width, output_channels = layer.output.shape
    slides = layer.window
    return {
        "batches": batches,
        "input_height": input_height,
        "input_width": input_width,
        "input_channels": input_channels,
        "output_height": output_height,
        "output_width": output_width,
        "output_channels": output_channels,
        **_window_fields(slides),
        "dilation_y": slides.dilation[0],
        "dilation_x": slides.dilation[1],
        "input_zero_point": layer.input_zero_point,
        **_output_fields(layer),
    }


def _window_fields(slides: Window) -> dict[str, int]:
    return {
        "kernel_height": slides.size[0],
        "kernel_width": slides.size[1],
        "stride_y": slides.stride[0],
        "stride_x": slides.stride[1],
        "pad_top": slides.before[0],
        "pad_left": slides.before[1],
    }


def _pool(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    if whole(source) != whole(output):
        raise Unsupported("input and output are quantised differently", "convert with TFLite's converter")
    batches, input_height, input_width, channels = source.shape
    size = operator.options["filter"]
    assert isinstance(size, tuple), "readers give pairs"
    made = whole(output)
    lowest, highest = activation_range(str(operator.options["activation"]), made.scale, made.zero_point)
    fields = {
        "batches": batches,
        "input_height": input_height,
        "input_width": input_width,
        "channels": channels,
        "output_height": output.shape[1],
        "output_width": output.shape[2],
        **_window_fields(window(graph, operator, (size[0], size[1]))),
        "lowest": lowest,
        "highest": highest,
    }
    kernel = "max_pool" if operator.name == "MAX_POOL_2D" else "average_pool"
    return _step(operator, packing.plain(variant, kernel, fields))


def _mean(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """QuantizedMeanOrSum of TFLite's reduce.h: the multiplier is divided by the count, its bits kept."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    given, made = whole(source), whole(output)
    axes = set((integers(graph.tensors[operator.inputs[1]]).reshape(-1) % len(source.shape)).tolist())
    count = math.prod(source.shape[axis] for axis in axes)
    multiplier, shift = rescaling_factor(given.scale / made.scale)
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    fields = {
        "shape": padded_to_rank(source.shape),
        "reduced": (0,) * (RANK - len(source.shape)) + tuple(int(axis in axes) for axis in range(len(source.shape))),
        "input_zero_point": given.zero_point,
        "output_zero_point": made.zero_point,
        "multiplier": (multiplier << extra) // count,
        "shift": shift - extra,
    }
    return _step(operator, packing.plain(variant, "mean", fields))


LOWERINGS: Mapping[str, Any] = {
    "CONV_2D": (5, _conv2d),
    "DEPTHWISE_CONV_2D": (6, _depthwise),
    "FULLY_CONNECTED": (7, _fully_connected),
    "AVERAGE_POOL_2D": (2, _pool),
    "MAX_POOL_2D": (2, _pool),
    "MEAN": (2, _mean),
}
