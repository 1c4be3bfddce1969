"""What `exact` has not shown is said: outputs that don't follow the input, references that don't agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinyflow.model.evidence import evidence, is_weak, most_different
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor

SPREAD = [[-100, 7], [90, 3], [0, -128]]


def graph_of(*outputs: tuple[str, str]) -> Graph:
    """Outputs as (type, operator that makes it from an int8 tensor of scale 0.5)."""
    tensors = [Tensor(0, "in", (2,), "int8", Quantisation((0.5,), (0,)))]
    operators = []
    for dtype, operator in outputs:
        tensors.append(Tensor(len(tensors), "out", (2,), dtype))
        operators.append(Operator(len(operators), operator, 1, (0,), (len(tensors) - 1,)))
    return Graph(tuple(tensors), tuple(operators), (0,), tuple(range(1, len(tensors))), "net")


def samples(dtype: str, *outputs: list[list[float]]) -> list[tuple[Any, ...]]:
    """For every sample an array of each output."""
    return [tuple(np.array(values, dtype) for values in sample) for sample in zip(*outputs, strict=True)]


@pytest.mark.parametrize(
    ("outputs", "distinct", "warning"),
    [
        ([SPREAD], 3, ""),
        ([[[5, 6]] * 3], 1, "the output is the same for all 3 samples"),
        ([SPREAD[:1]], 1, "one sample only"),
        ([SPREAD, [[5, 6]] * 3], 3, "output 1 is the same for all 3 samples"),
        ([[[1, 1]] * 3, [[5, 6]] * 3], 1, "all outputs are the same"),
        ([[[1, 1]] * 3, SPREAD, [[5, 6]] * 3], 3, "outputs 0, 2 are the same"),
        ([[[118, -118], [121, -121], [122, -122]]], 3, "nearly the same for all 3 samples, at most 4 of 255 steps"),
    ],
)
def test_outputs_that_hardly_follow_the_input_are_told(
    outputs: list[list[list[float]]], distinct: int, warning: str
) -> None:
    """Equal ones, nearly equal ones, some of several, or only one sample; not those that move."""
    found = evidence(graph_of(*[("int8", "RELU")] * len(outputs)), samples("int8", *outputs), None)
    assert found["distinct_outputs"] == distinct
    assert warning in "".join(found["warnings"])
    assert len(found["warnings"]) == bool(warning)
    assert found["litert_max_abs_error"] is None


@pytest.mark.parametrize(
    ("dtype", "operator", "ours", "theirs", "error", "warning"),
    [
        ("int8", "RELU6", SPREAD, [[-100, 7], [90, 3], [125, -128]], 125, "differ by up to 125 of 255 steps"),
        ("int8", "RELU6", SPREAD, [[-100, 7], [90, 3], [3, -128]], 3, "differ by up to 3 of 255 steps"),
        ("int8", "RELU6", SPREAD, [[-100, 7], [92, 3], [0, -128]], 2, ""),
        ("uint8", "RELU6", [[0, 9], [255, 0]], [[255, 9], [0, 0]], 255, "differ by up to 255 of 255 steps"),
        ("int16", "RELU6", [[0, 9], [9999, 0]], [[2, 9], [9999, 0]], 2, ""),
        ("int32", "ARG_MAX", [[0, 1], [3, 0]], [[0, 1], [4, 0]], 1, "differ by up to 1:"),
        ("float32", "DEQUANTIZE", [[0, 1], [50, 0]], [[0, 1], [60, 0]], 10, "differ by up to 20 of 255 steps"),
        ("float32", "DEQUANTIZE", [[0, 1], [50, 0]], [[0, 1], [51, 0]], 1, ""),
        ("float32", "DEQUANTIZE", [[0, 1], [1.5, 0]], [[0, 1], [1.5, 0]], 0, "nearly the same"),
        ("float32", "TANH", [[0, 1], [50, 0]], [[0, 1], [50.25, 0]], 0.25, ""),
        ("float32", "TANH", [[0, 0.1], [0.1, 0]], [[0, 0.1], [0.2, 0]], 0.1, "differ by up to 0.1"),
        ("float32", "TANH", [[0, np.nan], [1, 0]], [[0, np.nan], [1, 0]], 0, ""),
        ("float32", "TANH", [[0, np.nan], [1, 0]], [[0, 1], [1, 0]], None, "differ by up to inf"),
        ("float32", "TANH", [[0, np.inf], [1, 0]], [[0, np.inf], [1, 0.5]], 0.5, "differ by up to 0.5"),
        ("float32", "TANH", [[0, 9], [1, 0]], [[0], [1]], None, "differ by up to inf"),
        ("float32", "TANH", [[], []], [[], []], 0, "the same"),
    ],
)
def test_references_that_compute_different_functions_are_told(
    dtype: str, operator: str, ours: Any, theirs: Any, error: float | None, warning: str
) -> None:
    """The figure is always there, in steps or real units; a warning where it is more than two steps of an output."""
    found = evidence(graph_of((dtype, operator)), samples(dtype, ours), samples(dtype, theirs))
    assert found["litert_max_abs_error"] == (None if error is None else pytest.approx(error))
    assert warning in "".join(found["warnings"])
    assert len(found["warnings"]) == bool(warning)


@pytest.mark.parametrize(
    ("outputs", "weak"),
    [([[-100, 7], [90, 3], [0, -128]], False), ([[-100, 7], [90, 3], [90, 3]], True), ([[0, 0], [3, 0], [5, 5]], True)],
)
def test_equal_answers_and_hardly_moved_ones_are_weak(outputs: list[list[float]], weak: bool) -> None:
    """Then other samples are worth a try."""
    assert is_weak(graph_of(("int8", "RELU")), samples("int8", outputs)) == weak


def test_those_that_tell_most_apart_are_chosen() -> None:
    """The ones that are kept are, equal or not; the others are as far as can be from all taken, and in order."""
    outputs = samples("int8", [[0, 0], [0, 0], [1, 0], [0, 127], [0, 126], [-90, 0], [0, 0]])
    assert most_different(outputs, 0, 3) == [0, 3, 5]
    assert most_different(outputs, 2, 4) == [0, 1, 3, 5]
    assert most_different(outputs, 0, 7) == list(range(7))
    assert most_different(samples("float32", [[np.nan], [1], [np.inf]]), 0, 2) == [0, 2]
