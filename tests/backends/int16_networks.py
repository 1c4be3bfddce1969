"""Networks of int16 activations by code: one operator each, and one of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tinynn_int16 as int16

from tinyflow.model.builder import GraphBuilder, per_tensor, symmetric
from tinyflow.model.graph import Graph
from tinyflow.model.operators import describe, output_shape

Make = Callable[[np.random.Generator], int16.Case]

CASES: Mapping[str, Make] = {
    "CONV_2D": lambda draw: int16.conv2d(draw, (1, 9, 8, 5), 7, (3, 3)),
    "CONV_2D of a bias of int32": lambda draw: int16.conv2d(draw, (1, 9, 8, 5), 7, (3, 2), (2, 1), bias="int32"),
    "CONV_2D without a bias": lambda draw: int16.conv2d(draw, (2, 7, 6, 4), 4, (1, 1), bias="", activation="NONE"),
    "CONV_2D of one scale": lambda draw: int16.conv2d(
        draw, (1, 9, 9, 3), 6, (3, 3), dilation=(2, 2), is_per_channel=False
    ),
    "DEPTHWISE_CONV_2D": lambda draw: int16.depthwise(draw, (1, 9, 8, 5), (3, 3)),
    "DEPTHWISE_CONV_2D by 2": lambda draw: int16.depthwise(draw, (1, 9, 8, 3), (3, 2), (2, 2), depth_multiplier=2),
    "FULLY_CONNECTED": lambda draw: int16.fully_connected(draw, 2, 40, 9),
    "FULLY_CONNECTED of wide sums": lambda draw: int16.fully_connected(draw, 1, 5000, 3, is_per_channel=False),
    "FULLY_CONNECTED of a bias of int32": lambda draw: int16.fully_connected(draw, 1, 33, 9, "RELU", bias="int32"),
    "TRANSPOSE_CONV": lambda draw: int16.transpose_conv(draw, (1, 5, 4, 6), 3, (3, 3), (2, 2)),
    "TRANSPOSE_CONV in steps of 1 by 3": lambda draw: int16.transpose_conv(
        draw, (2, 4, 5, 3), 5, (2, 4), (1, 3), "VALID", "RELU", bias=""
    ),
    "TRANSPOSE_CONV of one step": lambda draw: int16.transpose_conv(
        draw, (1, 5, 4, 6), 3, (3, 2), (1, 1), is_per_channel=False
    ),
    "BATCH_MATMUL": lambda draw: int16.batch_matmul(draw, (2, 3, 4, 7), (1, 3, 7, 5)),
    "BATCH_MATMUL turned": lambda draw: int16.batch_matmul(draw, (3, 9, 4), (3, 5, 9), adj_x=True, adj_y=True),
    "AVERAGE_POOL_2D": lambda draw: int16.pool(draw, (1, 8, 7, 5), (3, 3), (2, 2), "SAME"),
    "MAX_POOL_2D": lambda draw: int16.pool(draw, (1, 8, 7, 5), (2, 3), (2, 1), "SAME", "MAX_POOL_2D", "RELU6"),
    "MEAN": lambda draw: int16.reduction(draw, "MEAN", (1, 5, 6, 7), (1, 2)),
    "SUM": lambda draw: int16.reduction(draw, "SUM", (1, 5, 6, 7), (3,)),
    **{name: lambda draw, name=name: int16.binary(draw, name, (1, 5, 60), (1, 5, 60), "RELU") for name in int16.BINARY},
    **{
        f"{name} broadcast": lambda draw, name=name: int16.binary(draw, name, (1, 5, 4, 6), (1, 1, 4, 1))
        for name in int16.BINARY
    },
    **{name: lambda draw, name=name: int16.unary(draw, name, (1, 4, 90)) for name in int16.UNARY},
    "LOGISTIC of a power of two": lambda draw: int16.unary(draw, "LOGISTIC", (1, 300), 2.0**-12),
    "TANH of a power of two": lambda draw: int16.unary(draw, "TANH", (1, 300), 2.0**-11),
    **{
        f"QUANTIZE {given} to {made}": lambda draw, types=(given, made): int16.conversion(draw, *types, 300)
        for given, made in int16.CONVERSIONS
    },
    "QUANTIZE": lambda draw: int16.affine(draw, "QUANTIZE", 300),
    "DEQUANTIZE": lambda draw: int16.affine(draw, "DEQUANTIZE", 300),
}


def graph_of(case: str) -> Graph:
    """The network of a case."""
    return CASES[case](np.random.default_rng(4)).graph


def network() -> Graph:
    """Convolutions, a sum, a pool, a dense layer and SOFTMAX, one behind the other."""
    draw, net = np.random.default_rng(9), GraphBuilder()
    net.inputs.append(net.tensor("input", (1, 12, 10, 3), per_tensor(2**-15), "int16"))

    def layer(
        name: str, inputs: list[int], scale: float, shape: tuple[int, ...] | None = None, **options: object
    ) -> int:
        described = describe(name)
        complete = {**described.default_options, **options}
        shape = shape or output_shape(name, [net.tensors[index] for index in inputs], complete)
        made = net.tensor(f"{name} {len(net.tensors)}", shape, per_tensor(scale), "int16")
        return net.operator(name, inputs, made, **complete)

    def weighted(name: str, source: int, weights: tuple[int, ...], scale: float, **options: object) -> int:
        axis = 3 if name == "DEPTHWISE_CONV_2D" else 0
        scales = draw.uniform(0.004, 0.01, weights[axis])
        values = net.constant(
            f"w{len(net.tensors)}", draw.integers(-127, 128, weights), "int8", symmetric(scales, axis)
        )
        bias_scales = symmetric(scales * net.quantisation(source).scale)
        bias = net.constant(f"b{len(net.tensors)}", draw.integers(-20000, 20000, weights[axis]), "int64", bias_scales)
        return layer(name, [source, values, bias], scale, **options)

    x = weighted("CONV_2D", net.inputs[0], (8, 3, 3, 3), 2**-14, activation="RELU", stride=(2, 2))
    y = weighted("DEPTHWISE_CONV_2D", x, (1, 3, 3, 8), 2**-13, activation="RELU")
    y = weighted("CONV_2D", y, (8, 1, 1, 8), 2**-13)
    x = layer("ADD", [x, y], 2**-13, activation="RELU", pot_scale_int16=False)
    x = layer("AVERAGE_POOL_2D", [x], 2**-13, filter=(6, 5), stride=(6, 5), padding="VALID")
    x = weighted("FULLY_CONNECTED", x, (5, 8), 2**-14)
    x = layer("SOFTMAX", [x], 2**-15)
    return net.graph([x], "int16")
