"""MEAN: QuantizedMeanOrSum of TFLite's reduce.h."""

from __future__ import annotations

import math

import numpy as np

from tinyflow.model.fixed_point import Integers, rescale, rescaling_factor
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.forms import quantisations
from tinyflow.model.weighted import integers


def axes_of(graph: Graph, operator: Operator) -> tuple[int, ...]:
    """The axes that are averaged over, each once."""
    rank = len(graph.tensors[operator.inputs[0]].shape)
    return tuple(sorted(set((integers(graph.tensors[operator.inputs[1]]).reshape(-1) % rank).tolist())))


def constants_of(graph: Graph, operator: Operator, form: str = "int8") -> dict[str, int]:
    """As in the struct of tinynn's kernel. MEAN's multiplier is divided by the count, its bits kept."""
    source = graph.tensors[operator.inputs[0]]
    given, made = quantisations(graph, operator, form)
    count = 1 if operator.name == "SUM" else math.prod(source.shape[axis] for axis in axes_of(graph, operator))
    multiplier, shift = rescaling_factor(given.scale / made.scale)
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return {
        "input_zero_point": given.zero_point,
        "output_zero_point": made.zero_point,
        "multiplier": (multiplier << extra) // count,
        "shift": shift - extra,
    }


def mean(graph: Graph, operator: Operator, source: Integers) -> Integers:
    """The averages, axes gone."""
    constants = constants_of(graph, operator)
    total = (source - constants["input_zero_point"]).sum(axis=axes_of(graph, operator))
    scaled = rescale(total, constants["multiplier"], constants["shift"])
    clamped: Integers = np.clip(scaled + constants["output_zero_point"], -128, 127)
    return clamped
