"""float32: operators that compute with real values, one after the other as TFLM's reference kernels do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyflow.backends.arrays import Constant
from tinyflow.backends.programs.steps import Lowered, Lowering, Operand, Step
from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinyc.lower_hybrid import hybrid
from tinyflow.backends.tinyc.strides import RANK, broadcast_strides, merged, padded_to_rank
from tinyflow.backends.tinynn.calls import Call, Field
from tinyflow.backends.tinynn.choice import plain
from tinyflow.backends.tinynn.fields import plane_fields, real_convolution_fields, window_fields
from tinyflow.model.arithmetic.mean import axes_of
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators.forms import activations
from tinyflow.model.weighted import constant_values, transposed_window, window

_MOST = float(np.finfo(np.float32).max)
_CLAMPS = {"NONE": (-_MOST, _MOST), "RELU": (0.0, _MOST), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}


def clamp(activation: str) -> dict[str, float]:
    """What a fused activation lets through. Raises Unsupported for one that TFLM has not for float32."""
    if activation not in _CLAMPS:
        raise Unsupported(f"activation {activation} is not supported", f"there are {', '.join(_CLAMPS)}")
    return dict(zip(("lowest", "highest"), _CLAMPS[activation], strict=True))


def _reals(tensor: Tensor) -> Constant:
    if tensor.dtype != "float32":
        raise Unsupported(f"{tensor.name} is {tensor.dtype}, not float32")
    return Constant(constant_values(tensor).reshape(-1))


def _weights(graph: Graph, operator: Operator, weights: int = 1, bias: int = 2) -> dict[str, Field]:
    return {"weights": _reals(graph.tensors[operator.inputs[weights]]), **_bias(graph, operator, bias)}


def _bias(graph: Graph, operator: Operator, position: int = 2) -> dict[str, Field]:
    index = operator.inputs[position] if position < len(operator.inputs) else -1
    return {"bias": _reals(graph.tensors[index])} if index >= 0 else {}


def _weighted(graph: Graph, operator: Operator, variant: str, kernel: str, fields: Mapping[str, Field]) -> Call:
    """A convolution or dense layer with weights of float32, or of int8."""
    if graph.tensors[operator.inputs[1]].dtype == "int8":
        return hybrid(graph, operator, variant, {**_bias(graph, operator), **fields})
    return plain(variant, kernel, {**_weights(graph, operator), **fields})


def _picture(source: Tensor, output: Tensor) -> dict[str, Field]:
    names = "batches input_height input_width input_channels output_height output_width output_channels"
    return dict(zip(names.split(), (*source.shape, *output.shape[1:]), strict=True))


def _convolution(graph: Graph, operator: Operator, variant: str) -> Call:
    sizes = real_convolution_fields(graph, operator)
    kernel = "depthwise_float32" if "depth_multiplier" in sizes else "conv2d_float32"
    return _weighted(graph, operator, variant, kernel, {**sizes, **clamp(operator.options["activation"])})


def _fully_connected(graph: Graph, operator: Operator, variant: str) -> Lowered:
    """A convolution of 1x1 whose pixels are the rows; with weights that are an activation a product of matrices."""
    source, weights, output = (graph.tensors[index] for index in (*operator.inputs[:2], operator.outputs[0]))
    outputs, depth = weights.shape
    rows = source.elements // depth
    limits = clamp(operator.options["activation"])
    if not weights.is_constant:
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            raise Unsupported(f"{weights.name} is no constant, and there is a bias", "leave one of the two out")
        shape = {"rows": rows, "depth": depth, "columns": outputs, "left_row": depth, "left_depth": 1}
        return _product(operator, variant, {**shape, "right_depth": 1, "right_column": depth, **limits})
    ones = "kernel_height kernel_width stride_y stride_x dilation_y dilation_x groups input_height input_width"
    fields = {
        **dict.fromkeys(f"{ones} output_height output_width".split(), 1),
        "batches": rows,
        "input_channels": depth,
        "output_channels": outputs,
        "pad_top": 0,
        "pad_left": 0,
        **limits,
    }
    call = _weighted(graph, operator, variant, "conv2d_float32", fields)
    return [Step(operator.index, call, (Operand(source.index),), Operand(output.index))]


def _product(operator: Operator, variant: str, fields: Mapping[str, Field]) -> list[Step]:
    batches = {"batches": (1,) * 3, "left_batches": (0,) * 3, "right_batches": (0,) * 3}
    call = plain(variant, "matmul_float32", {**batches, **fields})
    left, right = operator.inputs[:2]
    return [Step(operator.index, call, (Operand(left), Operand(right)), Operand(operator.outputs[0]))]


def _batch_matmul(graph: Graph, operator: Operator, variant: str) -> Lowered:
    left, right, output = activations(graph, operator)
    rows, columns = output.shape[-2:]
    depth = left.shape[-2] if operator.options["adj_x"] else left.shape[-1]
    return _product(
        operator,
        variant,
        {
            "batches": padded_to_rank(output.shape)[:-2],
            "left_batches": broadcast_strides(left.shape)[:-2],
            "right_batches": broadcast_strides(right.shape)[:-2],
            "rows": rows,
            "depth": depth,
            "columns": columns,
            **_steps("left_row", "left_depth", rows, depth, is_turned=operator.options["adj_x"]),
            **_steps("right_depth", "right_column", depth, columns, is_turned=operator.options["adj_y"]),
            **clamp("NONE"),
        },
    )


def _steps(outer: str, inner: str, rows: int, columns: int, *, is_turned: bool) -> dict[str, Field]:
    """Elements from one row to the next, and from one column to the next, of a matrix that may lie turned."""
    return {outer: 1, inner: rows} if is_turned else {outer: columns, inner: 1}


def _transpose_conv(graph: Graph, operator: Operator, variant: str) -> Lowered:
    source, output = graph.tensors[operator.inputs[2]], graph.tensors[operator.outputs[0]]
    slides = transposed_window(graph, operator)
    fields = {**_weights(graph, operator, bias=3), **_picture(source, output), **window_fields(slides)}
    fields |= clamp(operator.options.get("activation", "NONE"))
    call = plain(variant, "transpose_conv_float32", fields)
    return [Step(operator.index, call, (Operand(source.index),), Operand(output.index))]


def _pool(graph: Graph, operator: Operator, variant: str) -> Call:
    source, output = activations(graph, operator)
    fields = {
        **plane_fields(source, output),
        **window_fields(window(graph, operator)),
        **clamp(operator.options["activation"]),
    }
    return plain(variant, f"{operator.name.lower().removesuffix('_2d')}_float32", fields)


def _binary(graph: Graph, operator: Operator, variant: str) -> Call:
    left, right, output = activations(graph, operator)
    axes = merged(padded_to_rank(output.shape), *(broadcast_strides(tensor.shape) for tensor in (left, right)))
    fields = dict(zip(("shape", "left_strides", "right_strides"), axes, strict=True))
    return plain(
        variant, f"{operator.name.lower()}_float32", {**fields, **clamp(operator.options.get("activation", "NONE"))}
    )


def _function(graph: Graph, operator: Operator, variant: str) -> Call:
    """A function of single values."""
    _, output = activations(graph, operator)
    fields: dict[str, Any] = {"elements": output.elements, "alpha": float(operator.options.get("alpha", 0.0))}
    return plain(variant, f"{operator.name.lower()}_float32", fields)


def _clamp(graph: Graph, operator: Operator, variant: str) -> Call:
    _, output = activations(graph, operator)
    return plain(variant, "clamp_float32", {"elements": output.elements, **clamp(operator.name)})


def _rows(graph: Graph, operator: Operator, variant: str) -> Call:
    source, _ = activations(graph, operator)
    columns = source.shape[-1]
    fields = {"rows": source.elements // columns, "columns": columns, "beta": float(operator.options.get("beta", 1.0))}
    if operator.options.get("activation", "NONE") != "NONE":
        raise Unsupported(f"activation {operator.options['activation']} is not supported", "there is NONE")
    return plain(variant, f"{operator.name.lower()}_float32", fields)


def _reduce(graph: Graph, operator: Operator, variant: str) -> Call:
    source, axes = graph.tensors[operator.inputs[0]], axes_of(graph, operator)
    reduced = tuple(int(axis in axes) for axis in range(len(source.shape)))
    fields = {"shape": padded_to_rank(source.shape), "reduced": (0,) * (RANK - len(reduced)) + reduced}
    return plain(variant, f"{operator.name.lower()}_float32", fields)


def resize_bilinear(graph: Graph, operator: Operator, variant: str) -> Call:
    """Of float32, and of uint8 by the same numbers."""
    source, output = activations(graph, operator)

    def scale(axis: int) -> float:
        given, made = source.shape[axis], output.shape[axis]
        is_aligned = operator.options["align_corners"] and made > 1
        return float(np.float32(given - is_aligned) / np.float32(made - is_aligned))

    fields = {
        **plane_fields(source, output),
        "scale_y": scale(1),
        "scale_x": scale(2),
        "has_half_pixels": int(operator.options["half_pixel_centers"]),
    }
    return plain(variant, f"resize_bilinear_{source.dtype}", fields)


FUNCTIONS = tuple(
    "LEAKY_RELU ELU HARD_SWISH LOGISTIC TANH ABS NEG SQUARE SQRT RSQRT EXP LOG SIN COS FLOOR CEIL ROUND".split()  # noqa: SIM905
)
BINARY = tuple("ADD SUB MUL DIV MINIMUM MAXIMUM SQUARED_DIFFERENCE FLOOR_DIV FLOOR_MOD POW PRELU".split())  # noqa: SIM905

LOWERINGS: Mapping[str, Lowering] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _fully_connected,
    "TRANSPOSE_CONV": _transpose_conv,
    "BATCH_MATMUL": _batch_matmul,
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), _pool),
    **dict.fromkeys(BINARY, _binary),
    **dict.fromkeys(FUNCTIONS, _function),
    **dict.fromkeys(("RELU", "RELU6"), _clamp),
    **dict.fromkeys(("SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION"), _rows),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), _reduce),
    "RESIZE_BILINEAR": resize_bilinear,
}
