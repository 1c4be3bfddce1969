"""Rules of operators in real numbers: float32 as it is, integers dequantised before and quantised behind.

Formulas are those of TFLite's reference kernels (tensorflow/lite/kernels/internal/reference).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from tinyflow.backends.tvm.legalised.scope import ACTIVATIONS, Expr, Rule, Scope
from tinyflow.model.graph import Shape
from tinyflow.model.operators.shapes import axis_of, same_padding
from tinyflow.model.weighted import Window, window

# of L2_NORMALIZATION: the least sum of squares (l2normalization.h)
_LEAST_SQUARES = 1e-6


def _unary(name: str) -> Rule:
    """Relax has it under this name."""
    return lambda scope: getattr(scope.op, name)(scope.real(0))


def _binary(name: str) -> Rule:
    return lambda scope: scope.activated(getattr(scope.op, name)(scope.real(0), scope.real(1)))


def _activation(name: str) -> Rule:
    return lambda scope: ACTIVATIONS[name](scope, scope.real(0))


def _number(value: float) -> Any:
    return np.float32(value)


def _leaky_relu(scope: Scope) -> Expr:
    x = scope.real(0)
    below = scope.op.multiply(x, scope.constant(_number(scope.options["alpha"])))
    return scope.op.where(scope.op.less(x, scope.constant(_number(0))), below, x)


def _prelu(scope: Scope) -> Expr:
    x = scope.real(0)
    return scope.op.where(scope.op.less(x, scope.constant(_number(0))), scope.op.multiply(x, scope.real(1)), x)


def _hard_swish(scope: Scope) -> Expr:
    x = scope.real(0)
    gate = ACTIVATIONS["RELU6"](scope, scope.op.add(x, scope.constant(_number(3))))
    return scope.op.divide(scope.op.multiply(x, gate), scope.constant(_number(6)))


def _elu(scope: Scope) -> Expr:
    x = scope.real(0)
    return scope.op.where(scope.op.less(x, scope.constant(_number(0))), scope.called("expm1f", x), x)


def _softmax(scope: Scope) -> Expr:
    x = scope.real(0)
    beta = scope.options["beta"]
    return scope.op.nn.softmax(x if beta == 1 else scope.op.multiply(x, scope.constant(_number(beta))), -1)


def _l2_normalisation(scope: Scope) -> Expr:
    x = scope.real(0)
    squares = scope.op.sum(scope.op.multiply(x, x), [-1], keepdims=True)
    return scope.op.divide(x, scope.op.sqrt(scope.op.maximum(squares, scope.constant(_number(_LEAST_SQUARES)))))


def axes(scope: Scope) -> list[int]:
    """Of a reduction, each once."""
    rank = len(scope.shape(0))
    return sorted({axis_of(axis, rank) for axis in scope.numbers(1)})


def _reduction(name: str) -> Rule:
    def reduced(scope: Scope) -> Expr:
        along = axes(scope)
        return scope.reshaped(getattr(scope.op, name)(scope.real(0), along) if along else scope.real(0))

    return reduced


def argument(name: str) -> Rule:
    """ARG_MAX, ARG_MIN: the first of several. (TVM's argmax is -1 where all elements are the least of their type.)"""

    def found(scope: Scope) -> Expr:
        from tvm import tirx

        (axis,) = axes(scope)
        size = scope.shape(0)[axis]
        extreme = getattr(scope.op, name)(scope.given(0), [axis], keepdims=True)

        def place(source: Expr, best: Expr) -> Callable[..., Expr]:
            def element(*i: Expr) -> Expr:
                is_best = source(*i) == best(*i[:axis], 0, *i[axis + 1 :])
                return tirx.Select(is_best, i[axis].astype("int32"), tirx.const(size, "int32"))

            return element

        places = scope.op.min(scope.compute(scope.shape(0), place, scope.given(0), extreme), [axis])
        return scope.op.astype(scope.reshaped(places), scope.output.dtype)

    return found


# Windows


def padding_of(slides: Window) -> list[int]:
    """As Relax has it: above, left, below, right."""
    return [*slides.before, *slides.after]


def convolved(scope: Scope, data: Expr, weights: Expr, slides: Window, groups: int, dtype: str) -> Expr:
    """[N, H, W, I] under [O, kh, kw, I / groups]."""
    return scope.op.nn.conv2d(
        data,
        weights,
        strides=list(slides.stride),
        padding=padding_of(slides),
        dilation=list(slides.dilation),
        groups=groups,
        data_layout="NHWC",
        kernel_layout="OHWI",
        out_layout="NHWC",
        out_dtype=dtype,
    )


def _with_bias(scope: Scope, values: Expr, position: int) -> Expr:
    return scope.op.add(values, scope.real(position)) if scope.has(position) else values


def _conv(scope: Scope) -> Expr:
    groups = scope.shape(0)[3] // scope.shape(1)[3]
    slides = window(scope.graph, scope.operator)
    made = convolved(scope, scope.real(0), scope.real(1), slides, groups, "float32")
    return scope.activated(_with_bias(scope, made, 2))


def _depthwise(scope: Scope) -> Expr:
    slides, channels = window(scope.graph, scope.operator), scope.shape(0)[3]
    weights = scope.op.permute_dims(scope.real(1), [3, 1, 2, 0])
    made = convolved(scope, scope.real(0), weights, slides, channels, "float32")
    return scope.activated(_with_bias(scope, made, 2))


def transposed(scope: Scope, data: Expr, weights: Expr, dtype: str) -> Expr:
    """TRANSPOSE_CONV of [N, H, W, I] by [O, kh, kw, I]: an output meets the inputs that a convolution would give it."""
    from tvm import te, tirx

    stride, made, source = scope.options["stride"], scope.output.shape, scope.shape(2)
    _, *size, _ = scope.shape(1)
    is_same = scope.options["padding"] == "SAME"
    before = [pair[0] for pair in same_padding(made, (size[0], size[1]), stride, (1, 1))] if is_same else [0, 0]
    ky, kx = (te.reduce_axis((0, extent), name) for extent, name in zip(size, ("ky", "kx"), strict=True))
    channel = te.reduce_axis((0, source[3]), "channel")

    def sums(values: Expr, kernel: Expr) -> Callable[..., Expr]:
        def element(n: Expr, y: Expr, x: Expr, c: Expr) -> Expr:
            rows, columns = y + before[0] - ky, x + before[1] - kx
            row, column = tirx.floordiv(rows, stride[0]), tirx.floordiv(columns, stride[1])
            meets = tirx.all(
                *(tirx.floormod(rows, stride[0]) == 0, row >= 0, row < source[1]),
                *(tirx.floormod(columns, stride[1]) == 0, column >= 0, column < source[2]),
            )
            product = values(n, row, column, channel).astype(dtype) * kernel(c, ky, kx, channel).astype(dtype)
            return te.sum(tirx.if_then_else(meets, product, tirx.const(0, dtype)), axis=[ky, kx, channel])

        return element

    return scope.compute(made, sums, data, weights)


def _transpose_conv(scope: Scope) -> Expr:
    made = transposed(scope, scope.real(2), scope.real(1), "float32")
    return scope.activated(_with_bias(scope, made, 3))


def pooled(scope: Scope, values: Expr, kind: str) -> Expr:
    """`max` or `avg`; what is in the padding doesn't count."""
    slides = window(scope.graph, scope.operator)
    facts: dict[str, Any] = {"pool_size": list(slides.size), "strides": list(slides.stride), "layout": "NHWC"}
    return getattr(scope.op.nn, f"{kind}_pool2d")(values, padding=padding_of(slides), **facts)


def _pool(kind: str) -> Rule:
    return lambda scope: scope.activated(pooled(scope, scope.real(0), kind))


def _l2_pool(scope: Scope) -> Expr:
    x = scope.real(0)
    return scope.activated(scope.op.sqrt(pooled(scope, scope.op.multiply(x, x), "avg")))


# Products of matrices


def rows(scope: Scope, position: int, columns: int) -> Shape:
    """[rows, columns] of an operand."""
    return scope.tensor(position).elements // columns, columns


def _fully_connected(scope: Scope) -> Expr:
    units, columns = scope.shape(1)
    data = scope.op.reshape(scope.real(0), rows(scope, 0, columns))
    made = scope.op.matmul(data, scope.op.permute_dims(scope.real(1), [1, 0]))
    if scope.has(2):
        made = scope.op.add(made, scope.op.reshape(scope.real(2), [units]))
    return scope.reshaped(scope.activated(made))


def turned(scope: Scope, values: Expr, position: int, option: str) -> Expr:
    """An operand of BATCH_MATMUL, its matrices transposed where the option says so."""
    rank = len(scope.shape(position))
    order = [*range(rank - 2), rank - 1, rank - 2]
    return scope.op.permute_dims(values, order) if scope.options[option] else values


def _batch_matmul(scope: Scope) -> Expr:
    left, right = turned(scope, scope.real(0), 0, "adj_x"), turned(scope, scope.real(1), 1, "adj_y")
    return scope.op.matmul(left, right)


# Resizing


def _bilinear(scope: Scope) -> Expr:
    """ResizeBilinear of resize_bilinear.h: weights are known, since sizes are."""
    values = scope.real(0)
    for axis in (1, 2):
        lower, upper, share = _between_rows(scope, axis)
        shape = [1, 1, 1, 1]
        shape[axis] = len(share)
        share = share.reshape(shape)
        parts = [
            scope.op.multiply(scope.picked(values, indices, axis), scope.constant(weights))
            for indices, weights in ((lower, np.float32(1) - share), (upper, share))
        ]
        values = scope.op.add(*parts)
    return values


def resize_scale(scope: Scope, axis: int) -> tuple[int, int, bool]:
    """Sizes that a step of the output is a quotient of, and whether places are those of elements' centres."""
    size, wanted = scope.shape(0)[axis], scope.output.shape[axis]
    is_aligned = scope.options["align_corners"] and wanted > 1
    return (size - 1, wanted - 1, False) if is_aligned else (size, wanted, scope.options["half_pixel_centers"])


def _between_rows(scope: Scope, axis: int) -> tuple[Any, Any, Any]:
    """For each output index the two of the input that it lies between, and how far it is from the first."""
    size, wanted = scope.shape(0)[axis], scope.output.shape[axis]
    numerator, denominator, _ = resize_scale(scope, axis)
    scale, half = np.float32(numerator) / np.float32(denominator), np.float32(0.5)
    indices = np.arange(wanted, dtype=np.float32)
    places = (indices + half) * scale - half if scope.options["half_pixel_centers"] else indices * scale
    lower = np.maximum(np.floor(places), 0).astype(np.int32)
    upper = np.minimum(np.ceil(places), size - 1).astype(np.int32)
    return lower, upper, (places - lower.astype(np.float32)).astype(np.float32)


REAL: Mapping[str, Rule] = {
    **{name.upper(): _unary(name) for name in ("ceil", "cos", "exp", "floor", "log", "round", "rsqrt", "sin")},
    **{name.upper(): _unary(name) for name in ("sqrt", "square", "tanh")},
    **{"LOGISTIC": _unary("sigmoid"), "NEG": _unary("negative")},
    **{name: _activation(name) for name in ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1")},
    **{"ADD": _binary("add"), "SUB": _binary("subtract"), "MUL": _binary("multiply"), "DIV": _binary("divide")},
    **{name: _binary(name.lower()) for name in ("MAXIMUM", "MINIMUM")},
    **{"POW": _binary("power"), "FLOOR_DIV": _binary("floor_divide"), "FLOOR_MOD": _binary("floor_mod")},
    **{"MEAN": _reduction("mean"), "SUM": _reduction("sum"), "REDUCE_PROD": _reduction("prod")},
    **{"REDUCE_MAX": _reduction("max"), "REDUCE_MIN": _reduction("min")},
    **{"AVERAGE_POOL_2D": _pool("avg"), "MAX_POOL_2D": _pool("max"), "L2_POOL_2D": _l2_pool},
    "ABS": lambda scope: scope.op.maximum(scope.real(0), scope.op.negative(scope.real(0))),
    "ADD_N": lambda scope: reduce(scope.op.add, map(scope.real, range(len(scope.read)))),
    "BATCH_MATMUL": _batch_matmul,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DEQUANTIZE": lambda scope: scope.real(0),
    "ELU": _elu,
    "FULLY_CONNECTED": _fully_connected,
    "HARD_SWISH": _hard_swish,
    "L2_NORMALIZATION": _l2_normalisation,
    "LEAKY_RELU": _leaky_relu,
    "LOG_SOFTMAX": lambda scope: scope.op.nn.log_softmax(scope.real(0), -1),
    "PRELU": _prelu,
    "QUANTIZE": lambda scope: scope.real(0),
    "RESIZE_BILINEAR": _bilinear,
    "SOFTMAX": _softmax,
    "SQUARED_DIFFERENCE": lambda scope: scope.op.square(scope.op.subtract(scope.real(0), scope.real(1))),
    "TRANSPOSE_CONV": _transpose_conv,
}


def built(rule: Rule) -> Rule:
    """The whole layer of a rule: in the output's shape, quantised where that is."""
    return lambda scope: scope.quantised(rule(scope))
