"""The numbers in the C structs of operators with a window, from a graph."""

from __future__ import annotations

from tinyflow.model.fixed_point import activation_range
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.int8 import quantisation_of
from tinyflow.model.weighted import Weighted, Window, window


def output_fields(layer: Weighted) -> dict[str, int]:
    """What is added to the output, and its clamps."""
    return {"output_zero_point": layer.output_zero_point, "lowest": layer.lowest, "highest": layer.highest}


def convolution_fields(layer: Weighted) -> dict[str, int]:
    """Of struct tinynn_conv2d or tinynn_depthwise, all but pointers and `output_pitch`."""
    batches, input_height, input_width, input_channels = layer.source.shape
    _, output_height, output_width, output_channels = layer.output.shape
    fields = {
        "batches": batches,
        "input_height": input_height,
        "input_width": input_width,
        "input_channels": input_channels,
        "output_height": output_height,
        "output_width": output_width,
        "output_channels": output_channels,
        **_window_fields(layer.window),
        "dilation_y": layer.window.dilation[0],
        "dilation_x": layer.window.dilation[1],
        "input_zero_point": layer.input_zero_point,
        **output_fields(layer),
    }
    return fields | ({"depth_multiplier": layer.weights.shape[3]} if layer.is_depthwise else {})


def _window_fields(slides: Window) -> dict[str, int]:
    return {
        "kernel_height": slides.size[0],
        "kernel_width": slides.size[1],
        "stride_y": slides.stride[0],
        "stride_x": slides.stride[1],
        "pad_top": slides.before[0],
        "pad_left": slides.before[1],
    }


def pool_fields(graph: Graph, operator: Operator) -> dict[str, int]:
    """Of struct tinynn_pool."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    made = quantisation_of(output)
    lowest, highest = activation_range(operator.options["activation"], made)
    batches, input_height, input_width, channels = source.shape
    return {
        "batches": batches,
        "input_height": input_height,
        "input_width": input_width,
        "channels": channels,
        "output_height": output.shape[1],
        "output_width": output.shape[2],
        **_window_fields(window(graph, operator, operator.options["filter"])),
        "lowest": lowest,
        "highest": highest,
    }
