"""Operators on one int8 value as tables of all 256 results: what the kernels in src/ref compute, at build time.

Each function takes the fields of the operator's C struct.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from tinyflow.model.arithmetic.exponential import exp, exponentials_of, two_over_one_plus
from tinyflow.model.fixed_point import INT32_MAX, Integers, divide_by_power_of_two, rescale

Fields = Mapping[str, int]

VALUES: Integers = np.arange(-128, 128, dtype=np.int64)


def _sigmoid_input(fields: Fields) -> tuple[Integers, Integers]:
    """Centred values, and as Q4.27; the latter holds below the radius only."""
    centred = VALUES - fields["input_zero_point"]
    radius = fields["input_range_radius"]
    inside = np.clip(centred, -radius, radius)
    return centred, np.clip(rescale(inside, fields["multiplier"], fields["left_shift"]), -INT32_MAX, INT32_MAX)


def _saturated(fields: Fields, centred: Integers, inside: Integers) -> Integers:
    radius = fields["input_range_radius"]
    return np.where(centred <= -radius, -128, np.where(centred >= radius, 127, inside))


def logistic(fields: Fields) -> Integers:
    """See src/ref/logistic.c."""
    centred, x = _sigmoid_input(fields)
    positive = np.minimum(2 * two_over_one_plus(exp(-np.abs(x), 4)), INT32_MAX)
    share = np.where(x == 0, 1 << 30, np.where(x > 0, positive, INT32_MAX - positive))
    return _saturated(fields, centred, np.minimum(divide_by_power_of_two(share, 23), 255) - 128)


def tanh(fields: Fields) -> Integers:
    """See src/ref/tanh.c."""
    centred, x = _sigmoid_input(fields)
    quotient = 4 * (two_over_one_plus(exp(-np.abs(x), 5)) - (1 << 29))
    magnitude = np.where(x == 0, 0, np.clip(quotient, -INT32_MAX - 1, INT32_MAX))
    return _saturated(fields, centred, np.clip(divide_by_power_of_two(np.sign(x) * magnitude, 24), -128, 127))


def requantise(fields: Fields) -> Integers:
    """See src/ref/requantise.c."""
    scaled = rescale(VALUES - fields["input_zero_point"], fields["multiplier"], fields["shift"])
    clamped: Integers = np.clip(scaled + fields["output_zero_point"], fields["lowest"], fields["highest"])
    return clamped


def leaky_relu(fields: Fields) -> Integers:
    """See src/ref/leaky_relu.c."""
    centred = VALUES - fields["input_zero_point"]
    above = rescale(centred, fields["identity_multiplier"], fields["identity_shift"])
    below = rescale(centred, fields["alpha_multiplier"], fields["alpha_shift"])
    clamped: Integers = np.clip(np.where(centred >= 0, above, below) + fields["output_zero_point"], -128, 127)
    return clamped


def _divided16(values: Integers, exponent: int) -> Integers:
    """RoundingDivideByPOT on int16; what gemmlowp gives above 15 places, too."""
    mask = (1 << exponent) - 1 if exponent < 16 else -1
    rest = (values & mask) > (mask >> 1) + (values < 0)
    divided: Integers = (values >> exponent) + rest
    return divided


def hard_swish(fields: Fields) -> Integers:
    """See src/ref/hard_swish.c."""

    def high16(x: Integers, y: int) -> Integers:
        high: Integers = np.clip((x * y + (1 << 14)) >> 15, -(2**15), 2**15 - 1)
        return high

    wide = (VALUES - fields["input_zero_point"]) * 128
    shift = fields["reluish_shift"]
    gate = np.clip(wide << max(shift - 1, 0), -(2**15), 2**15 - 1)
    gate = high16(gate, fields["reluish_multiplier"])
    gate = np.clip(gate << 1, -(2**15), 2**15 - 1) if shift > 0 else _divided16(gate, -shift)
    product = ((gate + (1 << 15)) >> 1) * high16(wide, fields["output_multiplier"])
    towards_zero = np.sign(product) * (np.abs(product) >> 15)
    result = _divided16(np.clip(towards_zero, -(2**15), 2**15 - 1), -fields["output_shift"])
    return np.clip(result + fields["output_zero_point"], -128, 127)


def exponentials(fields: Fields) -> npt.NDArray[np.int64]:
    """What src/c/softmax_table.c reads: exp of the differences 0 … -255 to a row's largest, Q0.31."""
    differences = -np.arange(256, dtype=np.int64)
    return exponentials_of(differences, fields["multiplier"], fields["left_shift"], fields["least_difference"])


def _term(fields: Fields, side: str, values: Integers) -> Integers:
    shifted = (values - fields[f"{side}_zero_point"]) << fields["left_shift"]
    return rescale(shifted, fields[f"{side}_multiplier"], fields[f"{side}_multiplier_shift"])


def _output(fields: Fields, values: Integers) -> Integers:
    scaled = rescale(values, fields["output_multiplier"], fields["output_multiplier_shift"])
    return np.clip(scaled + fields["output_zero_point"], fields["lowest"], fields["highest"])


def add(fields: Fields, left: Integers, right: Integers) -> Integers:
    """See src/ref/add.c."""
    return _output(fields, _term(fields, "left", left) + _term(fields, "right", right))


def sub(fields: Fields, left: Integers, right: Integers) -> Integers:
    """See src/ref/add.c."""
    return _output(fields, _term(fields, "left", left) - _term(fields, "right", right))


def mul(fields: Fields, left: Integers, right: Integers) -> Integers:
    """See src/ref/mul.c."""
    return _output(fields, (left - fields["left_zero_point"]) * (right - fields["right_zero_point"]))


def minimum(fields: Fields, left: Integers, right: Integers) -> Integers:  # noqa: ARG001
    """See src/ref/minmax.c."""
    return np.minimum(left, right)


def maximum(fields: Fields, left: Integers, right: Integers) -> Integers:  # noqa: ARG001
    """See src/ref/minmax.c."""
    return np.maximum(left, right)


# operators of two inputs, where one of them is a number
BINARY_TABLES: Mapping[str, Callable[[Fields, Integers, Integers], Integers]] = {
    "add": add,
    "sub": sub,
    "mul": mul,
    "minimum": minimum,
    "maximum": maximum,
}
TABLES: Mapping[str, Callable[[Fields], npt.NDArray[np.int64]]] = {
    "logistic": logistic,
    "tanh": tanh,
    "requantise": requantise,
    "leaky_relu": leaky_relu,
    "hard_swish": hard_swish,
}
