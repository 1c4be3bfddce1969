"""Operators on single values: the constants that TFLM prepares, and what its reference kernels make of int8.

Constants are called as in the structs of tinynn's kernels, whose C in src/ref says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinyflow.model.arithmetic.exponential import exp, two_over_one_plus
from tinyflow.model.fixed_point import (
    INT32_MAX,
    LARGEST_SHIFT,
    SIGMOID_INTEGER_BITS,
    Integers,
    OutOfRange,
    activation_range,
    divide_by_power_of_two,
    inverse_square_root,
    rescale,
    rescaling_factor,
    sigmoid_scaling,
)
from tinyflow.model.graph import Graph, Operator, Quantisation
from tinyflow.model.operators.forms import quantisations, scheme_of

Constants = Mapping[str, Any]

# what only rescales and clamps
RESCALING = ("RELU", "RELU6", "QUANTIZE")
# inputs of LOGISTIC and TANH in int16 are Q3.12
_INT16_FRACTION_BITS = 12
# steps of float32 around 2^-12 and 2^-11 in which |log2(scale) - power| < 0.001, as TFLM takes it in float32
_NEAR_POWERS = ((-11620, 5813), (-11624, 5815))
# of relu6(x + 3) in HARD_SWISH
_RELUISH_SCALE = 3 / 32768
# by which RSQRT keeps a reciprocal an integer
_RSQRT_PLACES = 20


def constants_of(graph: Graph, operator: Operator, form: str = "int8") -> dict[str, Any]:
    """The constants of an operator of RESULTS. ValueError where TFLite has no integer kernel."""
    source, output = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
    if operator.name == "QUANTIZE":
        given, made = (scheme_of(tensor, tensor.dtype) for tensor in (source, output))
        limits = np.iinfo(output.dtype)
        return {**_of_rescaling(operator, given, made), "lowest": int(limits.min), "highest": int(limits.max)}
    given, made = quantisations(graph, operator, form)
    if operator.name in RESCALING:
        return _of_rescaling(operator, given, made, form)
    return (_CONSTANTS if form == "int8" else _INT16_CONSTANTS)[operator.name](operator, given, made)


def _of_rescaling(operator: Operator, given: Quantisation, made: Quantisation, dtype: str = "int8") -> dict[str, int]:
    """RELU and QUANTIZE rescale; RELU6 of TFLM clamps the input's own integers."""
    if operator.name == "RELU6":
        made = given
    multiplier, shift = rescaling_factor(given.scale / made.scale)
    activation = "NONE" if operator.name == "QUANTIZE" else operator.name
    lowest, highest = activation_range(activation, made, dtype)
    return {
        "input_zero_point": given.zero_point,
        "output_zero_point": made.zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "lowest": lowest,
        "highest": highest,
    }


def _of_sigmoid(operator: Operator, given: Quantisation, made: Quantisation) -> dict[str, int]:  # noqa: ARG001
    """LOGISTIC, TANH, as logistic_common.cc and tanh.cc of TFLM prepare them."""
    multiplier, left_shift, radius = sigmoid_scaling(given.scale)
    return {
        "input_zero_point": given.zero_point,
        "input_range_radius": radius,
        "multiplier": multiplier,
        "left_shift": left_shift,
    }


def _of_sigmoid_int16(operator: Operator, given: Quantisation, made: Quantisation) -> dict[str, int]:  # noqa: ARG001
    """Which multiplier brings values to the scale of the table, 1 / (3 * 4096): the same files.

    Scales that are close to 2^-12 count as equal, for TANH also those that are to 2^-11.
    """
    for power in (0, 1) if operator.name == "TANH" else (0,):
        exact = np.float32(2.0 ** (power - _INT16_FRACTION_BITS)).view(np.int32)
        least, most = _NEAR_POWERS[power]
        if least <= np.float32(given.scale).view(np.int32) - exact <= most:
            return {"multiplier": 3 << power, "right_shift": 0}
    multiplier, shift = given.scale * 3 * 2**_INT16_FRACTION_BITS, 0
    if multiplier > 2**15 - 1:
        raise OutOfRange(f"an input scale of {given.scale:g} is not supported")
    while multiplier <= (2**15 - 1) / 2 and shift <= LARGEST_SHIFT:
        multiplier, shift = multiplier * 2, shift + 1
    return {"multiplier": int(multiplier), "right_shift": shift}


def _of_leaky_relu(operator: Operator, given: Quantisation, made: Quantisation) -> dict[str, int]:
    """The factors are quotients of doubles: leaky_relu_common.cc of TFLM."""
    alpha = float(np.float32(operator.options["alpha"]))
    if not alpha >= 0:
        raise OutOfRange(f"a slope of {alpha} is not supported", "use one that is not negative")
    identity = rescaling_factor(given.scale / made.scale)
    below = rescaling_factor(given.scale * alpha / made.scale)
    return {
        "input_zero_point": given.zero_point,
        "output_zero_point": made.zero_point,
        "identity_multiplier": identity[0],
        "identity_shift": identity[1],
        "alpha_multiplier": below[0],
        "alpha_shift": below[1],
    }


def _of_hard_swish(operator: Operator, given: Quantisation, made: Quantisation) -> dict[str, int]:  # noqa: ARG001
    """Multipliers of 16 bits; the quotients of the scales are doubles, as the released TFLM computes them."""
    fine = given.scale / 128
    scaled = rescaling_factor(fine / made.scale)
    reluish = rescaling_factor(fine / _RELUISH_SCALE)
    if scaled[1] > 0:
        raise OutOfRange("the output's scale is too small for its input's", "quantise with TFLite's converter")
    return {
        "input_zero_point": given.zero_point,
        "output_zero_point": made.zero_point,
        "output_multiplier": _of_16_bits(scaled[0]),
        "output_shift": scaled[1],
        "reluish_multiplier": _of_16_bits(reluish[0]),
        "reluish_shift": reluish[1],
    }


def _of_abs(operator: Operator, given: Quantisation, made: Quantisation) -> dict[str, int]:  # noqa: ARG001
    """The factor is a quotient in float32: elementwise.cc of TFLM."""
    with np.errstate(all="ignore"):
        multiplier, shift = rescaling_factor(float(np.float32(given.scale) / np.float32(made.scale)))
    return {**_of_zero_points(given, made), "multiplier": multiplier, "shift": shift, "lowest": -128, "highest": 127}


def _of_rsqrt(operator: Operator, given: Quantisation, made: Quantisation) -> dict[str, int]:  # noqa: ARG001
    """The same file."""
    with np.errstate(all="ignore"):
        scale = 1 / float(np.sqrt(np.float32(given.scale)) * np.float32(made.scale))
    multiplier, shift = rescaling_factor(scale)
    if shift < _RSQRT_PLACES - 31:
        raise OutOfRange(f"an output scale of {made.scale:g} is too large for roots of these inputs")
    return {**_of_zero_points(given, made), "multiplier": multiplier, "shift": shift, "lowest": -128, "highest": 127}


def _of_elu(operator: Operator, given: Quantisation, made: Quantisation) -> dict[str, Any]:  # noqa: ARG001
    return {**_of_zero_points(given, made), "input_scale": given.scale, "output_scale": made.scale}


def _of_zero_points(given: Quantisation, made: Quantisation) -> dict[str, int]:
    return {"input_zero_point": given.zero_point, "output_zero_point": made.zero_point}


def _of_16_bits(multiplier: int) -> int:
    """DownScaleInt32ToInt16Multiplier of TFLite's common.h."""
    return 2**15 - 1 if multiplier >= 2**31 - 1 - 2**15 else (multiplier + 2**15) >> 16


def _sigmoid_input(constants: Constants, values: Integers) -> tuple[Integers, Integers]:
    """Centred values, and as Q4.27; the latter holds below the radius only."""
    centred = values - constants["input_zero_point"]
    radius = constants["input_range_radius"]
    inside = np.clip(centred, -radius, radius)
    return centred, np.clip(rescale(inside, constants["multiplier"], constants["left_shift"]), -INT32_MAX, INT32_MAX)


def _saturated(constants: Constants, centred: Integers, inside: Integers) -> Integers:
    radius = constants["input_range_radius"]
    return np.where(centred <= -radius, -128, np.where(centred >= radius, 127, inside))


def logistic(constants: Constants, values: Integers) -> Integers:
    """See src/ref/logistic.c."""
    centred, x = _sigmoid_input(constants, values)
    positive = np.minimum(2 * two_over_one_plus(exp(-np.abs(x), SIGMOID_INTEGER_BITS)), INT32_MAX)
    share = np.where(x == 0, 1 << 30, np.where(x > 0, positive, INT32_MAX - positive))
    return _saturated(constants, centred, np.minimum(divide_by_power_of_two(share, 23), 255) - 128)


def tanh(constants: Constants, values: Integers) -> Integers:
    """See src/ref/tanh.c."""
    centred, x = _sigmoid_input(constants, values)
    quotient = 4 * (two_over_one_plus(exp(-np.abs(x), 5)) - (1 << 29))
    magnitude = np.where(x == 0, 0, np.clip(quotient, -INT32_MAX - 1, INT32_MAX))
    return _saturated(constants, centred, np.clip(divide_by_power_of_two(np.sign(x) * magnitude, 24), -128, 127))


def requantise(constants: Constants, values: Integers) -> Integers:
    """See src/ref/requantise.c."""
    scaled = rescale(values - constants["input_zero_point"], constants["multiplier"], constants["shift"])
    clamped: Integers = np.clip(scaled + constants["output_zero_point"], constants["lowest"], constants["highest"])
    return clamped


def requantise_uint8(constants: Constants, values: Integers) -> Integers:
    """The same of bytes that stand for 0 … 255."""
    return requantise(constants, values & 0xFF)


def rescaled_uint8(given: Quantisation, made: Quantisation, values: Integers) -> Integers:
    """Bytes as CONCATENATION of uint8 rescales them, in float32: TFLite's reference/concatenation.h."""
    scale = np.float32(given.scale) * (np.float32(1) / np.float32(made.scale))
    real = (values & 0xFF).astype(np.float32) * scale + np.float32(-given.zero_point) * scale
    rounded = np.trunc(real.astype(np.float64) + np.copysign(0.5, real)).astype(np.int64)
    clamped: Integers = np.clip(rounded + made.zero_point, 0, 255)
    return clamped


def leaky_relu(constants: Constants, values: Integers) -> Integers:
    """See src/ref/leaky_relu.c."""
    centred = values - constants["input_zero_point"]
    above = rescale(centred, constants["identity_multiplier"], constants["identity_shift"])
    below = rescale(centred, constants["alpha_multiplier"], constants["alpha_shift"])
    clamped: Integers = np.clip(np.where(centred >= 0, above, below) + constants["output_zero_point"], -128, 127)
    return clamped


def _divided16(values: Integers, exponent: int) -> Integers:
    """RoundingDivideByPOT on int16; what gemmlowp gives above 15 places, too."""
    mask = (1 << exponent) - 1 if exponent < 16 else -1
    rest = (values & mask) > (mask >> 1) + (values < 0)
    divided: Integers = (values >> exponent) + rest
    return divided


def hard_swish(constants: Constants, values: Integers) -> Integers:
    """See src/ref/hard_swish.c."""

    def high16(x: Integers, y: int) -> Integers:
        high: Integers = np.clip((x * y + (1 << 14)) >> 15, -(2**15), 2**15 - 1)
        return high

    wide = (values - constants["input_zero_point"]) * 128
    shift = constants["reluish_shift"]
    gate = np.clip(wide << max(shift - 1, 0), -(2**15), 2**15 - 1)
    gate = high16(gate, constants["reluish_multiplier"])
    gate = np.clip(gate << 1, -(2**15), 2**15 - 1) if shift > 0 else _divided16(gate, -shift)
    product = ((gate + (1 << 15)) >> 1) * high16(wide, constants["output_multiplier"])
    towards_zero = np.sign(product) * (np.abs(product) >> 15)
    result = _divided16(np.clip(towards_zero, -(2**15), 2**15 - 1), -constants["output_shift"])
    clamped: Integers = np.clip(result + constants["output_zero_point"], -128, 127)
    return clamped


def absolute(constants: Constants, values: Integers) -> Integers:
    """See src/ref/functions.c."""
    scaled = rescale(np.abs(values - constants["input_zero_point"]), constants["multiplier"], constants["shift"])
    clamped: Integers = np.clip(scaled + constants["output_zero_point"], -128, 127)
    return clamped


def rsqrt(constants: Constants, values: Integers) -> Integers:
    """See src/ref/functions.c."""
    roots = {value: inverse_square_root(value) for value in range(256)}

    def of(value: int) -> int:
        if value <= 0:
            return 127
        multiplier, shift = roots[value]
        one = np.array(1, np.int64)
        inverse = rescale(one, multiplier, shift + _RSQRT_PLACES)
        return int(rescale(inverse, constants["multiplier"], constants["shift"] - _RSQRT_PLACES))

    centred = (values - constants["input_zero_point"]).reshape(-1).tolist()
    scaled = np.array([of(value) for value in centred], np.int64).reshape(values.shape)
    is_positive = values > constants["input_zero_point"]
    clamped: Integers = np.clip(np.where(is_positive, scaled + constants["output_zero_point"], 127), -128, 127)
    return clamped


def elu(constants: Constants, values: Integers) -> Integers:
    """In float32, as elu.cc of TFLM makes its table."""
    single = np.float32
    centred = values - constants["input_zero_point"]
    real = single(constants["input_scale"]) * centred.astype(single)
    below = np.exp(real.astype(np.float64)).astype(single) - single(1)
    with np.errstate(all="ignore"):  # a scale may be so small that its inverse is none
        steps = np.nan_to_num(np.where(real < 0, below, real) * (single(1) / single(constants["output_scale"])))
    rounded = np.sign(steps) * np.floor(np.abs(steps) + single(0.5))
    made: Integers = np.clip(rounded + constants["output_zero_point"], -128, 127).astype(np.int64)
    return made


_INT16_CONSTANTS: Mapping[str, Callable[[Operator, Quantisation, Quantisation], dict[str, int]]] = {
    **dict.fromkeys(("LOGISTIC", "TANH"), _of_sigmoid_int16),
    "LEAKY_RELU": _of_leaky_relu,
}
_CONSTANTS: Mapping[str, Callable[[Operator, Quantisation, Quantisation], dict[str, Any]]] = {
    **dict.fromkeys(("LOGISTIC", "TANH"), _of_sigmoid),
    "LEAKY_RELU": _of_leaky_relu,
    "HARD_SWISH": _of_hard_swish,
    "ABS": _of_abs,
    "RSQRT": _of_rsqrt,
    "ELU": _of_elu,
}
# -128 … 127
VALUES: Integers = np.arange(-128, 128, dtype=np.int64)
# operator → (its constants, values) → its results
RESULTS: Mapping[str, Callable[[Constants, Integers], Integers]] = {
    **dict.fromkeys(RESCALING, requantise),
    "LOGISTIC": logistic,
    "TANH": tanh,
    "LEAKY_RELU": leaky_relu,
    "HARD_SWISH": hard_swish,
    "ABS": absolute,
    "RSQRT": rsqrt,
    "ELU": elu,
}
