"""Operators of float32 tensors, with weights of float32 or int8."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from tinyflow.backends.tinyi.entry import Entry, in_place, no_scratch
from tinyflow.backends.tinyi.memory_request import MemoryRequest, Unsupported, exactly
from tinyflow.backends.tinynn.calls import WORD_BYTES
from tinyflow.backends.tinynn.fields import real_convolution_fields
from tinyflow.backends.tinynn.kernels import kernels_of
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.operators.shapes import slid

_MOST_HYBRID_PRODUCTS = 1 << 16


def _hybrid(graph: Graph, operator: Operator) -> MemoryRequest | None:
    """Of a layer with weights of int8; None for any other."""
    weights, source = graph.tensors[operator.inputs[1]], graph.tensors[operator.inputs[0]]
    if weights.dtype != "int8":
        return None
    scheme, is_depthwise = weights.quantisation, operator.name == "DEPTHWISE_CONV_2D"
    if not weights.is_constant or scheme is None or any(scheme.zero_points):
        raise Unsupported(f"{weights.name} is not constant and symmetric", "convert with TFLite's converter")
    channels = weights.shape[-1 if is_depthwise else 0]
    products = weights.elements // channels
    if products > _MOST_HYBRID_PRODUCTS:
        raise Unsupported(f"a sum of {products} products is not supported", "")
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        _real_constant(graph.tensors[operator.inputs[2]])
    batch = weights.shape[1] if operator.name == "FULLY_CONNECTED" else math.prod(source.shape[1:])
    scales = 0 if len(scheme.scales) == channels else WORD_BYTES * channels
    size = scales + batch + (weights.elements if is_depthwise else 0)
    return MemoryRequest(size, size, is_general=True)


def _real_convolution(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    hybrid = _hybrid(graph, operator)
    if hybrid is not None:
        return hybrid
    fields = real_convolution_fields(graph, operator)
    _real_constants(graph, operator)
    kernels = kernels_of("depthwise_float32" if "depth_multiplier" in fields else "conv2d_float32", "c")
    return exactly(next(one for one in kernels if one.why_not_fields(fields) is None).scratch_bytes(fields))


def _real_constants(graph: Graph, operator: Operator) -> None:
    for position in (position for position in describe(operator.name).weights if position < len(operator.inputs)):
        if operator.inputs[position] >= 0:
            _real_constant(graph.tensors[operator.inputs[position]])


def _real_constant(tensor: Tensor) -> None:
    if tensor.dtype != "float32" or not tensor.is_constant:
        raise Unsupported(f"{tensor.name} is {tensor.dtype}, not a constant of float32", hint="")


def _real_dense(graph: Graph, operator: Operator, variant: str) -> MemoryRequest | None:  # noqa: ARG001
    hybrid = _hybrid(graph, operator)
    if hybrid is not None:
        return hybrid
    if graph.tensors[operator.inputs[1]].is_constant or len(operator.inputs) > 2:
        _real_constants(graph, operator)
    return None


def _real_transpose_conv(graph: Graph, operator: Operator, variant: str) -> None:  # noqa: ARG001
    _real_constants(graph, operator)
    source, output = graph.tensors[operator.inputs[2]].shape, graph.tensors[operator.outputs[0]].shape
    if slid(output, graph.tensors[operator.inputs[1]].shape[1:3], operator.options) != source[1:3]:
        raise Unsupported(f"an output of {output} does not become {source} by the convolution")


def _real_binary(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    shapes = {graph.tensors[index].elements for index in (*operator.inputs, *operator.outputs)}
    return MemoryRequest(in_place=(0, 1) if len(shapes) == 1 else ())


def _of(function: str, names: str, ask: Callable[[Graph, Operator, str], MemoryRequest | None]) -> dict[str, Entry]:
    """Operators of one function, with their own kernels beside it."""
    kernels = {name: name.lower().removesuffix("_2d") for name in names.split()}
    return {name: Entry(function, ask, symbol=f"tinynn_{kernel}_float32_ref") for name, kernel in kernels.items()}


ENTRIES: Mapping[str, Entry] = {
    "CONV_2D": Entry("tinyi_conv2d_float32", _real_convolution, general="tinyi_conv2d_hybrid"),
    "DEPTHWISE_CONV_2D": Entry("tinyi_depthwise_float32", _real_convolution, general="tinyi_depthwise_hybrid"),
    "FULLY_CONNECTED": Entry("tinyi_fully_connected_float32", _real_dense, general="tinyi_fully_connected_hybrid"),
    "BATCH_MATMUL": Entry("tinyi_batch_matmul_float32"),
    "TRANSPOSE_CONV": Entry("tinyi_transpose_conv_float32", _real_transpose_conv),
    "RESIZE_BILINEAR": Entry("tinyi_resize_bilinear_float32"),
    "RELU": Entry("tinyi_relu_float32", in_place),
    "RELU6": Entry("tinyi_relu6_float32", in_place),
    "LEAKY_RELU": Entry("tinyi_leaky_relu_float32", in_place),
    **_of("tinyi_pool_float32", "AVERAGE_POOL_2D MAX_POOL_2D L2_POOL_2D", no_scratch),
    **_of(
        "tinyi_binary_float32",
        "ADD SUB MUL DIV MINIMUM MAXIMUM SQUARED_DIFFERENCE FLOOR_DIV FLOOR_MOD POW PRELU",
        _real_binary,
    ),
    **_of(
        "tinyi_unary_float32",
        "ELU HARD_SWISH LOGISTIC TANH ABS NEG SQUARE SQRT RSQRT EXP LOG SIN COS FLOOR CEIL ROUND",
        in_place,
    ),
    **_of("tinyi_rows_float32", "LOG_SOFTMAX", in_place),
    **_of("tinyi_softmax_float32", "SOFTMAX", in_place),
    **_of("tinyi_l2_normalization_float32", "L2_NORMALIZATION", in_place),
    **_of("tinyi_reduce", "MEAN SUM REDUCE_MAX REDUCE_MIN", no_scratch),
}
