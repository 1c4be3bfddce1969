"""Graphs of one operator, by kind and element type, for backends that take many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Graph, Quantisation, Shape
from tinyflow.model.operators import describe, output_shape

# of each type: what real numbers inputs stand for is about -6 to 6
_INPUT = {
    "int8": Quantisation((0.05,), (3,)),
    "uint8": Quantisation((0.05,), (131,)),
    "int16": Quantisation((6 / 32768,), (0,)),
}
_OTHER = {"int8": Quantisation((0.031,), (-7,)), "int16": Quantisation((4 / 32768,), (0,))}
_OUTPUT = {"int8": Quantisation((0.07,), (-5,)), "int16": Quantisation((9 / 32768,), (0,))}
_UNIT = {"int16": Quantisation((1 / 32768,), (0,))}


@dataclass(frozen=True)
class Kind:
    """An operator with what it reads.

    Operands are shapes of activations, or constants: arrays of int32 as they are, of floats in the type of the inputs.
    """

    name: str
    operands: Sequence[Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    outputs: Sequence[Shape] = ()
    output_dtype: str = ""
    weights: int | None = None  # which operand has a scale for each channel
    axis: int = 0
    output: Quantisation | None = None


def graph(kind: Kind, form: str) -> Graph:
    """The operator on inputs of an element type."""
    net, described, read = GraphBuilder(), describe(kind.name), []
    for position, operand in enumerate(kind.operands):
        if operand is None:
            read.append(-1)
        elif isinstance(operand, tuple):
            scheme = _INPUT if not net.inputs or described.keeps_quantisation else _OTHER
            net.inputs.append(net.tensor(f"input{position}", operand, scheme.get(form), form))
            read.append(net.inputs[-1])
        else:
            read.append(_constant(net, kind, form, position, np.asarray(operand)))
    options = {**described.default_options, **kind.options}
    shape = output_shape(kind.name, [net.tensors[index] for index in read if index >= 0], options)
    dtype = kind.output_dtype or form
    scheme = kind.output or _output(kind.name, form)
    shapes = kind.outputs or [shape if shape is not None else ()]
    written = [
        net.tensor(f"output{i}", one, scheme if "int" in dtype and dtype != "int32" else None, dtype)
        for i, one in enumerate(shapes)
    ]
    net.operator(kind.name, read, written[0], **kind.options)
    made = net.graph(written, kind.name)
    (operator,) = made.operators
    return Graph(
        made.tensors, (type(operator)(**{**vars(operator), "outputs": tuple(written)}),), made.inputs, made.outputs
    )


def _output(name: str, form: str) -> Quantisation | None:
    described = describe(name)
    if described.output is not None:
        return described.output if form == "int8" else _UNIT.get(form)
    return (_INPUT if described.keeps_quantisation else _OUTPUT).get(form)


def _constant(net: GraphBuilder, kind: Kind, form: str, position: int, values: np.ndarray[Any, Any]) -> int:
    """Weights and biases quantised as the converter does, other floats as the inputs are, whole numbers as they are."""
    name = f"constant{position}"
    if values.dtype.kind in "ib" or form == "float32":
        return net.constant(name, values, {"i": "int32", "b": "bool", "f": "float32"}[values.dtype.kind])
    described = describe(kind.name)
    given = _INPUT[form]
    if position == kind.weights:
        others = tuple(axis for axis in range(values.ndim) if axis != kind.axis)
        scales = np.abs(values).max(axis=others) / 127
        shape = [-1 if axis == kind.axis else 1 for axis in range(values.ndim)]
        whole = np.rint(values / scales.reshape(shape))
        scheme = Quantisation(tuple(np.float32(scales).tolist()), (0,) * len(scales), kind.axis)
        return net.constant(name, whole, "int8", scheme)
    if position in described.weights:
        weights = net.tensors[next(i for i, t in enumerate(net.tensors) if t.name == f"constant{kind.weights}")]
        assert weights.quantisation is not None
        scales = np.array(weights.quantisation.scales) * given.scale
        wide = "int64" if form == "int16" else "int32"
        return net.constant(name, np.rint(values / scales), wide, Quantisation(tuple(scales), (0,) * len(scales)))
    scheme = given if described.keeps_quantisation else _OTHER[form]
    whole = np.rint(values / scheme.scale) + scheme.zero_point
    limits = np.iinfo(form)
    return net.constant(name, whole.clip(limits.min, limits.max), form, scheme)


def _numbers(*shape: int, seed: int = 0) -> ArrayLike:
    return np.random.default_rng(seed).normal(size=shape)


PICTURE = (1, 5, 6, 3)
KINDS: Mapping[str, Kind] = {
    **{
        name.lower(): Kind(name, [PICTURE])
        for name in ("LOGISTIC", "TANH", "RELU", "RELU6", "HARD_SWISH", "SOFTMAX", "L2_NORMALIZATION")
    },
    "log_softmax": Kind("LOG_SOFTMAX", [PICTURE], output=Quantisation((16 / 256,), (127,))),
    **{name.lower(): Kind(name, [PICTURE]) for name in ("ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "LOG", "NEG")},
    **{name.lower(): Kind(name, [PICTURE]) for name in ("ROUND", "RSQRT", "SIN", "SQRT", "SQUARE")},
    "leaky_relu": Kind("LEAKY_RELU", [PICTURE], {"alpha": 0.3}),
    "prelu": Kind("PRELU", [PICTURE, _numbers(1, 1, 3)]),
    "softmax_beta": Kind("SOFTMAX", [(3, 7)], {"beta": 0.5}),
    "softmax_widened": Kind("SOFTMAX", [(3, 7)], output=Quantisation((2**-16,), (-(2**15),)), output_dtype="int16"),
    **{name.lower(): Kind(name, [PICTURE, PICTURE]) for name in ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM")},
    "div": Kind("DIV", [PICTURE, np.linspace(0.5, 3, 3)]),
    "squared_difference": Kind("SQUARED_DIFFERENCE", [PICTURE, PICTURE]),
    "add_n": Kind("ADD_N", [PICTURE, PICTURE, PICTURE]),
    "add_broadcast": Kind("ADD", [PICTURE, (1, 1, 6, 1)], {"activation": "RELU"}),
    "mul_constant": Kind("MUL", [PICTURE, _numbers(3)]),
    "sub_scalar": Kind("SUB", [PICTURE, _numbers()]),
    **{
        name.lower(): Kind(name, [PICTURE, PICTURE], output_dtype="bool")
        for name in ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
    },
    **{
        f"{name.lower()}_{'kept' if keep else 'gone'}": Kind(name, [PICTURE, [1, 2]], {"keep_dims": keep})
        for name in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
        for keep in (True, False)
    },
    "mean_last": Kind("MEAN", [PICTURE, [-1]]),
    "argmax": Kind("ARG_MAX", [PICTURE, [-1]], {"output_type": "INT32"}, output_dtype="int32"),
    "argmin": Kind("ARG_MIN", [PICTURE, [1]], {"output_type": "INT32"}, output_dtype="int32"),
    "conv": Kind("CONV_2D", [PICTURE, _numbers(4, 3, 3, 3), _numbers(4)], weights=1),
    "conv_valid": Kind("CONV_2D", [PICTURE, _numbers(4, 2, 3, 3), _numbers(4)], {"padding": "VALID"}, weights=1),
    "conv_dilated": Kind("CONV_2D", [PICTURE, _numbers(4, 3, 3, 3), _numbers(4)], {"dilation": (2, 2)}, weights=1),
    "conv_batch": Kind("CONV_2D", [(2, 5, 6, 3), _numbers(4, 3, 3, 3), _numbers(4)], {"stride": (2, 2)}, weights=1),
    "conv_grouped": Kind("CONV_2D", [(1, 5, 6, 4), _numbers(6, 3, 3, 2), _numbers(6)], weights=1),
    "conv_without_bias": Kind("CONV_2D", [PICTURE, _numbers(4, 1, 1, 3)], {"activation": "RELU6"}, weights=1),
    "depthwise": Kind("DEPTHWISE_CONV_2D", [PICTURE, _numbers(1, 3, 3, 3), _numbers(3)], weights=1, axis=3),
    "depthwise_multiplied": Kind(
        "DEPTHWISE_CONV_2D",
        [PICTURE, _numbers(1, 3, 3, 6), _numbers(6)],
        {"depth_multiplier": 2, "dilation": (2, 1)},
        weights=1,
        axis=3,
    ),
    "dense": Kind("FULLY_CONNECTED", [(1, 7), _numbers(5, 7), _numbers(5)], weights=1),
    "dense_rows": Kind(
        "FULLY_CONNECTED", [(2, 3, 7), _numbers(5, 7), None], {"keep_num_dims": True}, [(2, 3, 5)], weights=1
    ),
    "dense_flat": Kind("FULLY_CONNECTED", [PICTURE, _numbers(5, 90), _numbers(5)], {"activation": "RELU"}, weights=1),
    "dense_dynamic": Kind("FULLY_CONNECTED", [(2, 7), (5, 7), None]),
    "batch_matmul": Kind("BATCH_MATMUL", [(2, 3, 4), (2, 4, 5)]),
    "batch_matmul_turned": Kind("BATCH_MATMUL", [(2, 4, 3), (2, 5, 4)], {"adj_x": True, "adj_y": True}),
    "transpose_conv": Kind(
        "TRANSPOSE_CONV", [[1, 10, 12, 4], _numbers(4, 3, 3, 3), PICTURE, _numbers(4)], {"stride": (2, 2)}, weights=1
    ),
    "transpose_conv_valid": Kind(
        "TRANSPOSE_CONV",
        [[1, 11, 13, 2], _numbers(2, 3, 3, 3), PICTURE],
        {"stride": (2, 2), "padding": "VALID"},
        weights=1,
    ),
    "average_pool": Kind("AVERAGE_POOL_2D", [(2, 5, 6, 3)], {"filter": (3, 3), "stride": (2, 2)}),
    "max_pool": Kind("MAX_POOL_2D", [(2, 5, 6, 3)], {"filter": (3, 2), "stride": (2, 1), "activation": "RELU"}),
    "l2_pool": Kind("L2_POOL_2D", [PICTURE], {"filter": (2, 2), "stride": (2, 2)}),
    "bilinear": Kind("RESIZE_BILINEAR", [PICTURE, [7, 11]]),
    "bilinear_centres": Kind("RESIZE_BILINEAR", [PICTURE, [10, 3]], {"half_pixel_centers": True}),
    "bilinear_corners": Kind("RESIZE_BILINEAR", [PICTURE, [10, 9]], {"align_corners": True}),
    "nearest": Kind("RESIZE_NEAREST_NEIGHBOR", [PICTURE, [7, 11]], {"half_pixel_centers": True}),
    "transpose": Kind("TRANSPOSE", [PICTURE, [0, 3, 1, 2]]),
    "pad": Kind("PAD", [PICTURE, [[0, 0], [1, 2], [0, 1], [0, 0]]]),
    "padv2": Kind("PADV2", [PICTURE, [[0, 0], [1, 2], [0, 1], [0, 0]], _numbers()]),
    "mirror_pad": Kind("MIRROR_PAD", [PICTURE, [[0, 0], [1, 2], [2, 1], [0, 0]]], {"mode": "SYMMETRIC"}),
    "slice": Kind("SLICE", [PICTURE, [0, 1, 2, 0], [1, 3, -1, 2]]),
    "strided_slice": Kind(
        "STRIDED_SLICE", [PICTURE, [0, -1, 0, 1], [1, 0, 6, 2], [1, -2, 2, 1]], {"shrink_axis_mask": 8}
    ),
    "concatenation": Kind("CONCATENATION", [PICTURE, (1, 5, 6, 2)], {"axis": -1}),
    "split": Kind("SPLIT", [2, PICTURE], {"num_splits": 3}, [(1, 5, 2, 3)] * 3),
    "split_v": Kind("SPLIT_V", [PICTURE, [2, 3], 1], {"num_splits": 2}, [(1, 2, 6, 3), (1, 3, 6, 3)]),
    "pack": Kind("PACK", [(2, 3), (2, 3)], {"values_count": 2, "axis": 1}),
    "unpack": Kind("UNPACK", [(2, 3)], {"num": 3, "axis": 1}, [(2,)] * 3),
    "gather": Kind("GATHER", [PICTURE, [3, 0, 0]], {"axis": 2}),
    "gather_nd": Kind("GATHER_ND", [(4, 5, 2), [[3, 0], [0, 4]]]),
    "broadcast_to": Kind("BROADCAST_TO", [(1, 3), [4, 3]]),
    "reverse": Kind("REVERSE_V2", [PICTURE, [1]]),
    "space_to_batch": Kind("SPACE_TO_BATCH_ND", [(1, 4, 6, 3), [2, 2], [[0, 0], [0, 0]]]),
    "space_to_batch_padded": Kind("SPACE_TO_BATCH_ND", [(1, 5, 6, 3), [2, 2], [[0, 1], [1, 1]]]),
    "batch_to_space": Kind("BATCH_TO_SPACE_ND", [(4, 3, 4, 3), [2, 2], [[0, 1], [1, 1]]]),
    "depth_to_space": Kind("DEPTH_TO_SPACE", [(1, 3, 2, 8)], {"block_size": 2}),
    "space_to_depth": Kind("SPACE_TO_DEPTH", [(1, 4, 6, 3)], {"block_size": 2}),
    "fill": Kind("FILL", [[2, 3], ()]),
    "embedding_lookup": Kind("EMBEDDING_LOOKUP", [[2, 0], (4, 3)]),
    "select": Kind("SELECT_V2", [np.array([[True], [False]]), (2, 3), (1, 3)]),
    "squeeze": Kind("SQUEEZE", [(1, 3)], outputs=[(3,)]),
    "expand_dims": Kind("EXPAND_DIMS", [(2, 3), 1]),
    **{name.lower(): Kind(name, [PICTURE, np.linspace(0.5, 3, 3)]) for name in ("FLOOR_DIV", "FLOOR_MOD")},
    "logical_and": Kind("LOGICAL_AND", [(2, 3), (2, 3)]),
    "logical_or": Kind("LOGICAL_OR", [(2, 3), (1, 3)]),
    "logical_not": Kind("LOGICAL_NOT", [(2, 3)]),
    "zeros_like": Kind("ZEROS_LIKE", [PICTURE]),
    "quantize": Kind("QUANTIZE", [PICTURE], output_dtype="int8", output=Quantisation((0.07,), (-5,))),
    "widen": Kind("QUANTIZE", [PICTURE], output_dtype="int16", output=Quantisation((0.05,), (0,))),
    "dequantize": Kind("DEQUANTIZE", [PICTURE], output_dtype="float32"),
    "cast": Kind("CAST", [PICTURE], {"in_data_type": "FLOAT32", "out_data_type": "INT32"}, output_dtype="int32"),
    "reshape": Kind("RESHAPE", [PICTURE, [6, 15]], outputs=[(6, 15)]),
}
