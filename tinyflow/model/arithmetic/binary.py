"""Operators on pairs of values: the constants that TFLM prepares, and what its reference kernels make of int8.

Constants are called as in the structs of tinynn's kernels, whose C in src/ref says the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinyflow.model.fixed_point import (
    ADD_LEFT_SHIFT,
    INT16_ADD_LEFT_SHIFT,
    Integers,
    activation_range,
    add_factors,
    rescale,
    rescaling_factor,
)
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.forms import quantisations

Constants = Mapping[str, int]

NAMES = ("ADD", "SUB", "MUL", "MINIMUM", "MAXIMUM")


def constants_of(graph: Graph, operator: Operator, form: str = "int8") -> dict[str, int]:
    """Of ADD, SUB and MUL; MINIMUM and MAXIMUM have none. ValueError where TFLite has no integer kernel."""
    left, right, made = quantisations(graph, operator, form)
    if operator.name in ("MINIMUM", "MAXIMUM"):
        return {}
    lowest, highest = activation_range(operator.options["activation"], made, form)
    clamp = {"lowest": lowest, "highest": highest}
    if operator.name == "MUL":
        multiplier, shift = rescaling_factor(left.scale * right.scale / made.scale)
        return {
            "left_zero_point": left.zero_point,
            "right_zero_point": right.zero_point,
            "output_zero_point": made.zero_point,
            "output_multiplier": multiplier,
            "output_multiplier_shift": shift,
            **clamp,
        }
    left_shift = ADD_LEFT_SHIFT if form == "int8" else INT16_ADD_LEFT_SHIFT
    factors = add_factors(left.scale, right.scale, made.scale, left_shift)
    (m0, s0), (m1, s1), (m2, s2) = (rescaling_factor(real) for real in factors)
    return {
        "left_shift": left_shift,
        "left_zero_point": left.zero_point,
        "left_multiplier": m0,
        "left_multiplier_shift": s0,
        "right_zero_point": right.zero_point,
        "right_multiplier": m1,
        "right_multiplier_shift": s1,
        "output_zero_point": made.zero_point,
        "output_multiplier": m2,
        "output_multiplier_shift": s2,
        **clamp,
    }


def result(name: str, constants: Constants, left: Integers, right: Integers) -> Integers:
    """What an operator gives for each pair."""
    if name == "MINIMUM":
        return np.minimum(left, right)
    if name == "MAXIMUM":
        return np.maximum(left, right)
    return rescaled(constants, total(name, constants, left, right))


def total(name: str, constants: Constants, left: Integers, right: Integers) -> Integers:
    """The sum or product, before it is rescaled."""
    if name == "MUL":
        return (left - constants["left_zero_point"]) * (right - constants["right_zero_point"])
    sign = -1 if name == "SUB" else 1
    return _term(constants, "left", left) + sign * _term(constants, "right", right)


def _term(constants: Constants, side: str, values: Integers) -> Integers:
    shifted = (values - constants[f"{side}_zero_point"]) << constants["left_shift"]
    return rescale(shifted, constants[f"{side}_multiplier"], constants[f"{side}_multiplier_shift"])


def rescaled(constants: Constants, values: Integers) -> Integers:
    """Outputs of sums or products."""
    scaled = rescale(values, constants["output_multiplier"], constants["output_multiplier_shift"])
    clamped: Integers = np.clip(scaled + constants["output_zero_point"], constants["lowest"], constants["highest"])
    return clamped
