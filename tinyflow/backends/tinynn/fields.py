"""The fields of the C structs of operators with a window, and of an LSTM, from a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinyflow.backends.arrays import Constant
from tinyflow.model import recurrent
from tinyflow.model.fixed_point import activation_range
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators.forms import quantisation_of
from tinyflow.model.weighted import Weighted, Window, constant_values, window


def output_fields(layer: Weighted) -> dict[str, int]:
    """What is added to the output, and its clamps."""
    return {"output_zero_point": layer.output_zero_point, "lowest": layer.lowest, "highest": layer.highest}


def convolution_fields(layer: Weighted) -> dict[str, int]:
    """Of struct tinynn_conv2d or tinynn_depthwise, all but pointers and `output_pitch`."""
    sizes = (*layer.source.shape, *layer.output.shape[1:])
    return {
        **_named("batches input_height input_width input_channels output_height output_width output_channels", sizes),
        **window_fields(layer.window),
        **_named("dilation_y dilation_x", layer.window.dilation),
        "input_zero_point": layer.input_zero_point,
        **output_fields(layer),
        **({"depth_multiplier": layer.weights.shape[3]} if layer.is_depthwise else {}),
    }


def _named(names: str, values: Sequence[int]) -> dict[str, int]:
    return dict(zip(names.split(), values, strict=True))


def window_fields(slides: Window) -> dict[str, int]:
    """Of every struct of an operator with a window."""
    names = "kernel_height kernel_width stride_y stride_x pad_top pad_left"
    return _named(names, (*slides.size, *slides.stride, *slides.before))


def real_convolution_fields(graph: Graph, operator: Operator) -> dict[str, int]:
    """Of struct tinynn_conv2d_float32 or tinynn_depthwise_float32, all but pointers and clamps."""
    source, weights = (graph.tensors[index].shape for index in operator.inputs[:2])
    slides = window(graph, operator)
    if operator.name == "DEPTHWISE_CONV_2D":
        apart = {"depth_multiplier": weights[3] // source[3]}
    else:
        apart = {"groups": source[3] // weights[3]}
    sizes = (*source, *graph.tensors[operator.outputs[0]].shape[1:])
    return {
        **_named("batches input_height input_width input_channels output_height output_width output_channels", sizes),
        **apart,
        **window_fields(slides),
        **_named("dilation_y dilation_x", slides.dilation),
    }


def plane_fields(source: Tensor, output: Tensor) -> dict[str, int]:
    """Sizes of an operator that leaves channels apart."""
    names = "batches input_height input_width channels output_height output_width"
    return _named(names, (*source.shape, *output.shape[1:3]))


def pool_fields(graph: Graph, operator: Operator, form: str = "int8") -> dict[str, int]:
    """Of struct tinynn_pool."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    slides = window(graph, operator)
    lowest, highest = activation_range(operator.options["activation"], quantisation_of(output, form), form)
    return {**plane_fields(source, output), **window_fields(slides), "lowest": lowest, "highest": highest}


def constant(graph: Graph, index: int) -> Constant:
    """A tensor's values, in whole words."""
    values = constant_values(graph.tensors[index])
    return Constant(values, alignment=max(4, values.itemsize))


def lstm_fields(graph: Graph, operator: Operator, form: str) -> dict[str, Any]:
    """Of struct tinynn_lstm, as the variant ref reads it, or struct tinynn_lstm_float32.

    Raises ValueError where TFLM has no such kernel.
    """
    is_real = form == "float32"
    numbers = recurrent.lstm_sizes(graph, operator) if is_real else recurrent.lstm(graph, operator, form)
    arrays = {
        name: tuple(constant(graph, operator.inputs[position]) for position in positions)
        for name, positions in (
            ("input_weights", recurrent.INPUT_WEIGHTS),
            ("state_weights", recurrent.STATE_WEIGHTS),
            ("bias", recurrent.BIASES),
        )
    }
    if is_real:
        return {**arrays, **numbers, "clip": float(operator.options["cell_clip"])}
    return {**arrays, **numbers, "input_pitch": numbers["inputs"], "state_pitch": numbers["cells"]}
