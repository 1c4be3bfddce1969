"""What Conv, Gemm and MatMul become: operators with weights, in the order of NHWC."""

from __future__ import annotations

import numpy as np

from tinyflow.model.builder import symmetric
from tinyflow.model.graph import OptionValue, Quantisation
from tinyflow.model.onnx.imported import FloatValue, ImportedGraph, Weights
from tinyflow.model.onnx.source import Array, Node


def conv(net: ImportedGraph, real: FloatValue, name: str, quantisation: Quantisation) -> int:
    """Conv, depthwise where each channel has a group of its own."""
    node, source, weights = real.node, net.activation(real.node), net.weights(real.node, 1)
    if weights.values.ndim != 4 or len(net.shape(source)) != 4:
        raise node.refuse("only convolutions in two dimensions can be imported")
    outputs, _, height, width = weights.values.shape
    channels, group = net.shape(source)[3], int(node.attributes.get("group", 1))
    if group not in (1, channels):
        raise node.refuse(f"{group} groups of {channels} channels", "only 1 group, or one for each channel")
    is_depthwise = group == channels and group > 1
    order, axis = ((1, 2, 3, 0), 3) if is_depthwise else ((0, 2, 3, 1), 0)
    bias = _bias(net, node, source, weights, outputs)
    scales = symmetric(weights.scales, axis)
    kernel = net.constant(f"{node.name}/weights", weights.values.transpose(order), "int8", scales)
    stride, dilation = (node.pair(key) for key in ("strides", "dilations"))
    source, padding = net.padded(node, source, (height, width), stride, dilation)
    options: dict[str, OptionValue] = {"depth_multiplier": outputs // channels} if is_depthwise else {}
    options |= {"padding": padding, "stride": stride, "dilation": dilation, "activation": real.activation}
    kind = "DEPTHWISE_CONV_2D" if is_depthwise else "CONV_2D"
    return net.result(node, kind, (source, kernel, bias), name, quantisation, **options)


def gemm(net: ImportedGraph, real: FloatValue, name: str, quantisation: Quantisation) -> int:
    """Gemm, or MatMul by a constant."""
    node, source, weights = real.node, net.activation(real.node), net.weights(real.node, 1)
    if node.kind == "Gemm" and (node.attributes.get("alpha", 1.0) != 1.0 or node.attributes.get("beta", 1.0) != 1.0):
        raise node.refuse("alpha and beta must be 1")
    if node.attributes.get("transA", 0) or weights.values.ndim != 2 or len(net.shape(source)) != 2:
        raise node.refuse("only rows times a matrix can be imported")
    is_rows = bool(node.attributes.get("transB", 0))
    values = weights.values if is_rows else weights.values.T
    if len(weights.scales) > 1 and weights.axis % 2 != (0 if is_rows else 1):
        raise node.refuse("its weights have scales along the inputs", "quantise along the outputs")
    bias = _bias(net, node, source, weights, values.shape[0])
    values = _in_our_order(net, values, source)
    matrix = net.constant(f"{node.name}/weights", values, "int8", symmetric(weights.scales))
    inputs = (source, matrix, bias)
    return net.result(node, "FULLY_CONNECTED", inputs, name, quantisation, activation=real.activation)


def _bias(net: ImportedGraph, node: Node, tensor: int, weights: Weights, outputs: int) -> int:
    """The int32 bias at input scale times weight scale; zeros where there is none."""
    scheme = symmetric(np.float32(net.quantisation(tensor).scale) * np.array(weights.scales, np.float32))
    values = np.zeros(outputs, np.int32)
    if len(node.inputs) > 2 and node.inputs[2]:
        bias = net.weights(node, 2)
        if bias.values.dtype != np.int32:
            raise node.refuse("its bias is not an int32", "quantise biases to int32 at input scale times weight scale")
        close = np.allclose(np.broadcast_to(bias.scales, len(scheme.scales)), scheme.scales, rtol=1e-5, atol=0)
        if not close:
            raise node.refuse("its bias has another scale than input scale times weight scale")
        values = bias.values.reshape(-1)
    return net.constant(f"{node.name}/bias", values, "int32", scheme)


def _in_our_order(net: ImportedGraph, values: Array, source: int) -> Array:
    """Columns of a matrix in the order of NHWC, where what it multiplies was flattened from NCHW."""
    if source not in net.flattened:
        return values
    channels, height, width = net.flattened[source]
    columns = values.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
    ordered: Array = columns.reshape(values.shape)
    return ordered
