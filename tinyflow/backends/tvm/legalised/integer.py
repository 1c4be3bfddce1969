"""Rules of int8 and int16 operators in TFLite's own integer arithmetic: sums by TVM, rescaled bit for bit as by TFLM.

A rule raises ValueError for scales that this arithmetic has no numbers for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyflow.backends.tvm.kernels.specs import Requantisation
from tinyflow.backends.tvm.legalised import real, tables
from tinyflow.backends.tvm.legalised.scope import Expr, Rule, Scope
from tinyflow.model.arithmetic import binary, mean, unary
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.fixed_point import (
    Rescaling,
    activation_range,
    convolution_factors,
    dense_factor,
    limits_of,
    rescaling_factor,
)
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import WEIGHTED
from tinyflow.model.operators.forms import form_of, quantisation_of, quantisations, scheme_of
from tinyflow.model.weighted import Weighted, weighted

COMPARISONS = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
Check = Callable[[Graph, Operator], Any]
# how far TFLM shifts what it compares to the left before it is scaled
_COMPARISON_SHIFT = 8
_BILINEAR_BITS = 10  # of each of both weights (resize_bilinear.h)


def _rescaled(scope: Scope, values: Expr, rescaling: Rescaling, to: Requantisation) -> Expr:
    """int32 sums as the output has them; a factor of its own for each last index where the rescaling has several."""
    from tvm.script import tirx as T

    from tinyflow.backends.tvm.kernels.arithmetic import requantise

    multipliers, shifts = (array.astype(np.int32) for array in (rescaling.multipliers, rescaling.shifts))
    if len(set(zip(multipliers.tolist(), shifts.tolist(), strict=True))) == 1:
        factor = T.int32(int(multipliers[0])), T.int32(int(shifts[0]))
        return scope.elementwise(lambda value: requantise(value, *factor, to, scope.output.dtype), values)
    return scope.compute(
        scope.output.shape,
        lambda sums, m, s: lambda *i: requantise(sums(*i), m(i[-1]), s(i[-1]), to, scope.output.dtype),
        *(scope.reshaped(values), scope.constant(multipliers), scope.constant(shifts)),
    )


def _one(multiplier: int, shift: int) -> Rescaling:
    return Rescaling(np.array([multiplier], np.int64), np.array([shift], np.int64))


# Functions of one value, and of two


def _looked_up(scope: Scope) -> Expr:
    """By a table of all results."""
    constants = unary.constants_of(scope.graph, scope.operator)
    table = unary.RESULTS[scope.operator.name](constants, unary.VALUES).astype(scope.output.dtype)
    return scope.looked_up(table, scope.given(0))


def _paired(scope: Scope) -> Expr:
    """ADD, SUB, MUL and SQUARED_DIFFERENCE, dimensions of 1 repeated."""
    from tvm.script import tirx as T

    from tinyflow.backends.tvm.kernels.arithmetic import multiply_by_quantised_multiplier as rescale

    name, dtype = scope.operator.name, scope.output.dtype
    numbers = _pair_constants(scope.graph, scope.operator)

    def term(side: str, value: Expr) -> Expr:
        shifted = T.shift_left(value, T.int32(numbers["left_shift"]))
        multiplier, shift = numbers[f"{side}_multiplier"], numbers[f"{side}_multiplier_shift"]
        return rescale(shifted, T.int32(multiplier), T.int32(shift), "double")

    def total(left: Expr, right: Expr) -> Expr:
        if name == "MUL":
            return left * right
        terms = term("left", left), term("right", right)
        if name == "ADD":
            return terms[0] + terms[1]
        difference = terms[0] - terms[1]
        return difference if name == "SUB" else difference * difference

    centred = (scope.broadcast(scope.centred(position)) for position in (0, 1))
    rescaling = _one(numbers["output_multiplier"], numbers["output_multiplier_shift"])
    lowest, highest = limits_of(dtype)
    to = Requantisation(numbers["output_zero_point"], numbers.get("lowest", lowest), numbers.get("highest", highest))
    return _rescaled(scope, scope.elementwise(total, *centred), rescaling, to)


def _pair_constants(graph: Graph, operator: Operator) -> dict[str, int]:
    if operator.name == "SQUARED_DIFFERENCE":
        return binary.rarer_constants_of(graph, operator)
    return binary.constants_of(graph, operator, form_of(graph, operator))


def _sloped(scope: Scope) -> Expr:
    """PRELU, and LEAKY_RELU of int16: what is below 0 has a factor of its own, or that and one of each element."""
    from tvm import tirx
    from tvm.script import tirx as T

    from tinyflow.backends.tvm.kernels.arithmetic import clamp
    from tinyflow.backends.tvm.kernels.arithmetic import multiply_by_quantised_multiplier as rescale

    dtype, numbers = scope.output.dtype, _slope_constants(scope.graph, scope.operator)
    operands = [scope.centred(0)]
    if scope.operator.name == "PRELU":
        operands.append(scope.broadcast(scope.centred(1)))

    def element(value: Expr, *slopes: Expr) -> Expr:
        def scaled(name: str, product: Expr) -> Expr:
            factor = T.int32(numbers[f"{name}_multiplier"]), T.int32(numbers[f"{name}_shift"])
            return rescale(product, *factor, "double")

        below = scaled("alpha", value * slopes[0] if slopes else value)
        made = tirx.Select(value >= 0, scaled("identity", value), below)
        return clamp(made + T.int32(numbers["output_zero_point"]), *limits_of(dtype), dtype)

    return scope.elementwise(element, *operands)


def _slope_constants(graph: Graph, operator: Operator) -> dict[str, int]:
    if operator.name == "PRELU":
        return binary.rarer_constants_of(graph, operator)
    return unary.constants_of(graph, operator, form_of(graph, operator))


def _rectified(scope: Scope) -> Expr:
    """RELU of int16, which rescales."""
    numbers = unary.constants_of(scope.graph, scope.operator, scope.output.dtype)
    to = Requantisation(numbers["output_zero_point"], numbers["lowest"], numbers["highest"])
    return _rescaled(scope, scope.centred(0), _one(numbers["multiplier"], numbers["shift"]), to)


def _extreme(scope: Scope) -> Expr:
    """MAXIMUM, MINIMUM: quantisations are equal."""
    return getattr(scope.op, scope.operator.name.lower())(*(scope.broadcast(scope.given(i)) for i in (0, 1)))


def _compared(scope: Scope) -> Expr:
    """Both on a scale of 1, as ComparisonPrepareCommon of TFLM's comparisons.cc has them."""
    from tvm.script import tirx as T

    from tinyflow.backends.tvm.kernels.arithmetic import multiply_by_quantised_multiplier as rescale

    def scaled(position: int, multiplier: int, shift: int) -> Expr:
        def value(centred: Expr) -> Expr:
            shifted = T.shift_left(centred, T.int32(_COMPARISON_SHIFT))
            return rescale(shifted, T.int32(multiplier), T.int32(shift), "double")

        return scope.elementwise(value, scope.broadcast(scope.centred(position)))

    factors = enumerate(comparison_factors(scope.graph, scope.operator))
    scaled_inputs = (scaled(position, *factor) for position, factor in factors)
    return getattr(scope.op, scope.operator.name.lower())(*scaled_inputs)


def comparison_factors(graph: Graph, operator: Operator) -> list[tuple[int, int]]:
    """Multiplier and shift of each input. ValueError for scales that TFLM ends the program for."""
    scales = [quantisation_of(graph.tensors[index]).scale for index in operator.inputs]
    factors = [rescaling_factor(scale) for scale in scales]
    if max(shift for _, shift in factors) > 0:
        raise ValueError(f"a scale of {max(scales):g} is too large to compare")
    return factors


# Sums


def _mean(scope: Scope) -> Expr:
    """MEAN and SUM, whose factor has no count in it."""
    numbers = _mean_constants(scope.graph, scope.operator)
    axes, sums = list(mean.axes_of(scope.graph, scope.operator)), scope.centred(0)
    sums = scope.op.sum(sums, axes) if axes else sums
    to = Requantisation(numbers["output_zero_point"], *limits_of(scope.output.dtype))
    return _rescaled(scope, scope.reshaped(sums), _one(numbers["multiplier"], numbers["shift"]), to)


def _mean_constants(graph: Graph, operator: Operator) -> dict[str, int]:
    return mean.constants_of(graph, operator, form_of(graph, operator))


def _reduced(name: str) -> Rule:
    """REDUCE_MAX, REDUCE_MIN: quantisations are equal."""
    return lambda scope: scope.reshaped(getattr(scope.op, name)(scope.given(0), real.axes(scope)))


def _weighted(scope: Scope) -> Expr:
    """Operators with weights: groups, dilations, batches and weights with a zero point included."""
    layer = _layer(scope.graph, scope.operator)
    sums = _dense_sums(scope, layer) if scope.operator.name == "FULLY_CONNECTED" else _window_sums(scope, layer)
    if np.any(layer.bias):
        sums = scope.op.add(sums, scope.constant(layer.bias.astype(np.int32)))
    to = Requantisation(layer.output_zero_point, layer.lowest, layer.highest)
    return scope.reshaped(_rescaled(scope, scope.reshaped(sums), layer.rescaling, to))


def _layer(graph: Graph, operator: Operator) -> Weighted:
    return weighted(graph, operator, may_be_grouped=True)


def _weighted_int16(scope: Scope) -> Expr:
    """The same of int16 activations, whose sums have as many bits as biases."""
    layer = _layer_int16(scope.graph, scope.operator)
    is_dense = scope.operator.name == "FULLY_CONNECTED"
    sums = scope.reshaped((_dense_sums if is_dense else _window_sums)(scope, layer, layer.bias_dtype))
    if np.any(layer.bias):
        sums = scope.op.add(sums, scope.constant(layer.bias.astype(layer.bias_dtype)))
    scaled = _scaled_int64(scope, sums, layer.rescaling) if layer.bias_dtype == "int64" else _scaled(scope, sums, layer)
    return scope.op.astype(scope.op.clip(scaled, layer.lowest, layer.highest), "int16")


def _scaled_int64(scope: Scope, sums: Expr, rescaling: Rescaling) -> Expr:
    """MultiplyByQuantizedMultiplier of TFLite's common.h for int64: multipliers of 16 bits, rounded once."""
    from tvm.script import tirx as T

    reduced = np.minimum((rescaling.multipliers + (1 << 15)) >> 16, 0x7FFF)
    places = 15 - rescaling.shifts

    def scaled(total: Expr, multipliers: Expr, shifts: Expr) -> Callable[..., Expr]:
        def element(*i: Expr) -> Expr:
            shift = T.Cast("int64", shifts(i[-1]))
            product = total(*i) * T.Cast("int64", multipliers(i[-1])) + T.shift_left(T.int64(1), shift - T.int64(1))
            return T.shift_right(product, shift)

        return element

    constants = (scope.constant(array.astype(np.int32)) for array in (reduced, places))
    return scope.compute(scope.output.shape, scaled, sums, *constants)


def _scaled(scope: Scope, sums: Expr, layer: Weighted) -> Expr:
    from tinyflow.backends.tvm.kernels.arithmetic import multiply_by_quantised_multiplier

    constants = (layer.rescaling.multipliers, layer.rescaling.shifts)
    return scope.compute(
        scope.output.shape,
        lambda total, m, s: lambda *i: multiply_by_quantised_multiplier(total(*i), m(i[-1]), s(i[-1]), "double"),
        *(sums, *(scope.constant(array.astype(np.int32)) for array in constants)),
    )


def _layer_int16(graph: Graph, operator: Operator) -> Weighted:
    return weighted(graph, operator, "int16", may_be_grouped=True)


def _narrowest(values: NDArray[np.int64]) -> NDArray[Any]:
    """Without their zero point, weights may not be int8."""
    return values.astype(np.int8 if values.min() >= -128 and values.max() <= 127 else np.int16)


def _dense_sums(scope: Scope, layer: Weighted, dtype: str = "int32") -> Expr:
    weights = _narrowest(layer.weights.reshape(layer.outputs, -1))
    data = scope.op.reshape(scope.centred(0), real.rows(scope, 0, weights.shape[1]))
    kernel = scope.op.permute_dims(scope.op.astype(scope.constant(weights), "int32"), [1, 0])
    return scope.op.matmul(data, kernel, out_dtype=dtype)


def _window_sums(scope: Scope, layer: Weighted, dtype: str = "int32") -> Expr:
    weights = layer.weights
    if layer.is_depthwise:
        weights = weights.transpose(2, 3, 0, 1).reshape(layer.outputs, *layer.window.size, 1)
    groups = scope.shape(0)[3] // weights.shape[3]
    kernel = scope.op.astype(scope.constant(_narrowest(weights)), "int32")
    return real.convolved(scope, scope.centred(0), kernel, layer.window, groups, dtype)


def dynamic(scope: Scope) -> Expr:
    """FULLY_CONNECTED whose weights are an activation, with a scale for all of them."""
    given, scheme, made = _schemes(scope.graph, scope.operator)
    units, columns = scope.shape(1)
    data = scope.op.reshape(scope.centred(0), real.rows(scope, 0, columns))
    sums = scope.op.matmul(data, scope.op.permute_dims(scope.centred(1), [1, 0]), out_dtype="int32")
    if scope.has(2):
        sums = scope.op.add(sums, scope.op.reshape(scope.given(2), [units]))
    to = Requantisation(made.zero_point, *activation_range(scope.options["activation"], made))
    factor = rescaling_factor(dense_factor(given.scale, scheme.scale, made.scale))
    return _rescaled(scope, scope.reshaped(sums), _one(*factor), to)


def check_dynamic(graph: Graph, operator: Operator) -> None:
    """Raise ValueError where `dynamic` has no rule."""
    given, scheme, made = _schemes(graph, operator)
    rescaling_factor(dense_factor(given.scale, scheme.scale, made.scale))
    activation_range(operator.options["activation"], made)
    if operator.inputs[2:] and operator.inputs[2] >= 0 and graph.tensors[operator.inputs[2]].dtype != "int32":
        raise ValueError("the bias is not int32")


def _schemes(graph: Graph, operator: Operator) -> list[Any]:
    tensors = [graph.tensors[index] for index in (*operator.inputs[:2], operator.outputs[0])]
    return [quantisation_of(tensor) for tensor in tensors]


def _transpose_conv(scope: Scope) -> Expr:
    sums = real.transposed(scope, scope.centred(2), scope.given(1), "int32")
    if scope.has(3):
        sums = scope.op.add(sums, scope.given(3))
    made = quantisation_of(scope.output)
    to = Requantisation(made.zero_point, *activation_range(scope.options.get("activation", "NONE"), made))
    return _rescaled(scope, sums, _transposed_rescaling(scope.graph, scope.operator), to)


def _transposed_rescaling(graph: Graph, operator: Operator) -> Rescaling:
    weights, source = (graph.tensors[index] for index in operator.inputs[1:3])
    scheme, output = weights.quantisation, graph.tensors[operator.outputs[0]]
    if weights.dtype != "int8" or not weights.is_constant or scheme is None or any(scheme.zero_points):
        raise ValueError(f"{weights.name} is not constant int8 without a zero point")
    scales = scheme.scales if scheme.is_per_channel else scheme.scales * output.shape[-1]
    factors = convolution_factors(quantisation_of(source).scale, scales, quantisation_of(output).scale)
    return Rescaling.of(factors)


def _batch_matmul(scope: Scope) -> Expr:
    made = quantisation_of(scope.output)
    factors = real.turned(scope, scope.centred(0), 0, "adj_x"), real.turned(scope, scope.centred(1), 1, "adj_y")
    sums = scope.op.matmul(*factors, out_dtype="int32")
    factor = _product_factor(scope.graph, scope.operator)
    return _rescaled(scope, sums, _one(*factor), Requantisation(made.zero_point))


def _product_factor(graph: Graph, operator: Operator) -> tuple[int, int]:
    left, right, made = _schemes(graph, operator)
    return rescaling_factor(left.scale * right.scale / made.scale)


# Pools, which keep the quantisation


def _pool(kind: str) -> Rule:
    def pooled(scope: Scope) -> Expr:
        lowest, highest = _pool_range(scope.graph, scope.operator)
        values = scope.given(0)
        if kind == "avg":
            # float32 has all sums; a quotient of so few elements is never rounded to a half that it isn't
            means = real.pooled(scope, scope.op.astype(values, "float32"), kind)
            made = scope.op.astype(scope.called("roundf", means), scope.output.dtype)
        else:
            made = real.pooled(scope, values, kind)
        return scope.op.clip(made, lowest, highest)

    return pooled


def _pool_range(graph: Graph, operator: Operator) -> tuple[int, int]:
    source, form = graph.tensors[operator.inputs[0]], form_of(graph, operator)
    height, width = (min(pair) for pair in zip(operator.options["filter"], source.shape[1:3], strict=True))
    if height * width << ELEMENT_TYPES[form].bits > 1 << 24:
        raise ValueError(f"float32 doesn't have all sums of {height} x {width} {form}")
    return activation_range(operator.options["activation"], quantisations(graph, operator, form)[-1], form)


# Other types of integers, and floats as integers


def requantised(scope: Scope) -> Expr:
    """QUANTIZE of integers: Requantize of TFLite's requantize.h."""
    from tvm.script import tirx as T

    from tinyflow.backends.tvm.kernels.arithmetic import multiply_by_quantised_multiplier

    multiplier, shift = requantising_factor(scope.graph, scope.operator)
    zero_point, limits = _scheme_of(scope.output).zero_point, np.iinfo(scope.output.dtype)

    def moved(value: Expr) -> Expr:
        scaled = multiply_by_quantised_multiplier(value, T.int32(multiplier), T.int32(shift), "double")
        return T.max(T.min(scaled + T.int32(zero_point), T.int32(limits.max)), T.int32(limits.min))

    return scope.op.astype(scope.elementwise(moved, scope.centred(0)), scope.output.dtype)


def requantising_factor(graph: Graph, operator: Operator) -> tuple[int, int]:
    """Multiplier and shift between the scales of two types of integers. ValueError for real numbers."""
    tensors = [graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0])]
    if not all(tensor.is_integer for tensor in tensors):
        raise ValueError("it reads or writes real numbers")
    given, made = map(_scheme_of, tensors)
    return rescaling_factor(given.scale / made.scale)


def _scheme_of(tensor: Any) -> Any:
    return scheme_of(tensor, tensor.dtype)


# Resizing


def _bilinear(scope: Scope) -> Expr:
    """ResizeBilinearInteger of resize_bilinear.h: weights of 10 bits, rounded once, halves away from zero."""
    from tvm.script import tirx as T

    (top, bottom, down), (left, right, across) = (_places(scope, axis) for axis in (1, 2))
    whole = 1 << _BILINEAR_BITS

    def sums(*operands: Expr) -> Callable[..., Expr]:
        source, (t, b, d, l, r, a) = operands[0], operands[1:]  # noqa: E741

        def element(n: Expr, y: Expr, x: Expr, c: Expr) -> Expr:
            total = T.int32(0)
            for row, weight in ((t, T.int32(whole) - d(y)), (b, d(y))):
                for column, share in ((l, T.int32(whole) - a(x)), (r, a(x))):
                    value = T.Cast("int32", source(n, row(y), column(x), c))
                    total = total + value * weight * share
            half = T.if_then_else(
                total > 0, T.int32(1 << 2 * _BILINEAR_BITS - 1), T.int32(-(1 << 2 * _BILINEAR_BITS - 1))
            )
            return T.Cast("int8", T.truncdiv(total + half, T.int32(1 << 2 * _BILINEAR_BITS)))

        return element

    arrays = [scope.constant(array.astype(np.int32)) for array in (top, bottom, down, left, right, across)]
    return scope.compute(scope.output.shape, sums, scope.given(0), *arrays)


def _places(scope: Scope, axis: int) -> tuple[NDArray[np.int64], ...]:
    """For each output index the two of the input that it lies between, and how far it is from the first, in 2**-10."""
    size, wanted = scope.shape(0)[axis], scope.output.shape[axis]
    numerator, denominator, _ = real.resize_scale(scope, axis)
    whole = 1 << _BILINEAR_BITS
    scale = (whole * numerator + denominator // 2) // denominator
    places = np.arange(wanted, dtype=np.int64) * scale
    if scope.options["half_pixel_centers"]:
        places += scale // 2 - whole // 2
    lower = np.maximum(places // whole, 0)
    upper = np.minimum((places + whole - 1) // whole, size - 1)
    return lower, upper, places - whole * lower


# how it is built, and what raises ValueError where it can't be
INTEGER: Mapping[str, tuple[Rule, Check]] = {
    **dict.fromkeys(unary.RESULTS, (_looked_up, unary.constants_of)),
    **dict.fromkeys(("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE"), (_paired, _pair_constants)),
    **dict.fromkeys(COMPARISONS, (_compared, comparison_factors)),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), (_extreme, quantisations)),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), (_weighted, _layer)),
    "AVERAGE_POOL_2D": (_pool("avg"), _pool_range),
    "BATCH_MATMUL": (_batch_matmul, _product_factor),
    "FULLY_CONNECTED": (_weighted, _layer),
    "MAX_POOL_2D": (_pool("max"), _pool_range),
    **dict.fromkeys(("MEAN", "SUM"), (_mean, _mean_constants)),
    "PRELU": (_sloped, _slope_constants),
    "REDUCE_MAX": (_reduced("max"), quantisations),
    "REDUCE_MIN": (_reduced("min"), quantisations),
    "RESIZE_BILINEAR": (_bilinear, quantisations),
    "TRANSPOSE_CONV": (_transpose_conv, _transposed_rescaling),
}
# of int16
WIDE: Mapping[str, tuple[Rule, Check]] = {
    **dict.fromkeys(WEIGHTED, (_weighted_int16, _layer_int16)),
    **dict.fromkeys(("ADD", "SUB", "MUL"), (_paired, _pair_constants)),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), (_extreme, _pair_constants)),
    **dict.fromkeys(("MEAN", "SUM"), (_mean, _mean_constants)),
    **dict.fromkeys(("LOGISTIC", "TANH"), (tables.sigmoid, tables.sigmoid_constants)),
    "LEAKY_RELU": (_sloped, _slope_constants),
    "RELU": (_rectified, _slope_constants),
    "AVERAGE_POOL_2D": (_pool("avg"), _pool_range),
    "MAX_POOL_2D": (_pool("max"), _pool_range),
    "SOFTMAX": (tables.softmax, tables.softmax_scaling),
}
