"""Operators on pairs of values: the constants that TFLM prepares, and what its reference kernels make of int8.

Constants are called as in the structs of tinynn's kernels, whose C in src/ref says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinyflow.model.fixed_point import (
    ADD_LEFT_SHIFT,
    INT16_ADD_LEFT_SHIFT,
    Integers,
    OutOfRange,
    activation_range,
    add_factors,
    rescale,
    rescaling_factor,
)
from tinyflow.model.graph import Graph, Operator, Quantisation
from tinyflow.model.operators.forms import quantisation_of, quantisations

Constants = Mapping[str, int]

# places that quotients of int8 leave at least: of their reciprocals and of the dividends
_MOST_OF_A_QUOTIENT = 22
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


COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
# by how much comparisons, and SQUARED_DIFFERENCE, scale both inputs up
_COMPARED_LEFT_SHIFT, _SQUARED_LEFT_SHIFT = 8, 7


def rarer_constants_of(graph: Graph, operator: Operator) -> dict[str, int]:
    """Of int8 comparisons, SQUARED_DIFFERENCE, DIV and PRELU. ValueError where TFLite has no integer kernel."""
    left, right, *outputs = (
        quantisation_of(graph.tensors[index])
        for index in (*operator.inputs, *(() if operator.name in COMPARISONS else operator.outputs))
    )
    if operator.name in COMPARISONS:
        factors = [rescaling_factor(scheme.scale) for scheme in (left, right)]
        if max(shift for _, shift in factors) > 0:  # TFLM ends the program
            raise OutOfRange(f"scales of {left.scale:g} and {right.scale:g} are too large to be compared by TFLM")
        return {"left_shift": _COMPARED_LEFT_SHIFT, **_sides(left, right, factors)}
    (made,) = outputs
    if operator.name == "SQUARED_DIFFERENCE":
        twice_largest = 2 * max(left.scale, right.scale)
        square = twice_largest * twice_largest / float(np.float32(2 ** (2 * _SQUARED_LEFT_SHIFT) * made.scale))
        sides = [rescaling_factor(scheme.scale / twice_largest) for scheme in (left, right)]
        return {
            "left_shift": _SQUARED_LEFT_SHIFT,
            **_sides(left, right, sides),
            **_made(made, rescaling_factor(square)),
        }
    if operator.name == "DIV":
        # in double, as TFLM of October 2026 has it; one of August had float32
        multiplier, shift = rescaling_factor(left.scale / (right.scale * made.scale))
        if shift > _MOST_OF_A_QUOTIENT:
            raise OutOfRange(f"an output scale of {made.scale:g} is too small for quotients of these inputs")
        lowest, highest = activation_range(operator.options["activation"], made)
        zero_points = {"left_zero_point": left.zero_point, "right_zero_point": right.zero_point}
        return {**zero_points, **_made(made, (multiplier, shift)), "lowest": lowest, "highest": highest}
    identity, alpha = (rescaling_factor(scale / made.scale) for scale in (left.scale, left.scale * right.scale))
    return {
        "input_zero_point": left.zero_point,
        "alpha_zero_point": right.zero_point,
        "output_zero_point": made.zero_point,
        "identity_multiplier": identity[0],
        "identity_shift": identity[1],
        "alpha_multiplier": alpha[0],
        "alpha_shift": alpha[1],
    }


def _sides(left: Quantisation, right: Quantisation, factors: Sequence[tuple[int, int]]) -> dict[str, int]:
    (m0, s0), (m1, s1) = factors
    return {
        "left_zero_point": left.zero_point,
        "left_multiplier": m0,
        "left_multiplier_shift": s0,
        "right_zero_point": right.zero_point,
        "right_multiplier": m1,
        "right_multiplier_shift": s1,
    }


def _made(made: Quantisation, factor: tuple[int, int]) -> dict[str, int]:
    multiplier, shift = factor
    return {
        "output_zero_point": made.zero_point,
        "output_multiplier": multiplier,
        "output_multiplier_shift": shift,
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
