"""A graph that can't be computed in order is refused, with the operator and tensor; one that can is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tinyflow.core.errors import ModelError
from tinyflow.model import graph_check
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.graph_check import check_sound, shortened

GRAPH = Graph(
    tensors=(
        Tensor(0, "in", (1, 4), "int8"),
        Tensor(1, "weights", (8, 4), "int8", Quantisation((0.5,) * 8, (0,) * 8), bytes(32)),
        Tensor(2, "hidden", (1, 8), "int8"),
        Tensor(3, "sum", (1, 8), "int8"),
    ),
    operators=(Operator(0, "FULLY_CONNECTED", 4, (0, 1, -1), (2,)), Operator(1, "ADD", 2, (2, 2), (3,))),
    inputs=(0,),
    outputs=(3,),
)
FIRST, SECOND = GRAPH.operators


def test_a_sound_graph_passes() -> None:
    """Also with a second output, with one that is an input, and with an absent bias."""
    check_sound(GRAPH)
    check_sound(replace(GRAPH, outputs=(3, 2)))
    check_sound(replace(GRAPH, outputs=(3, 0)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"outputs": (1,)}, r"no operator writes the graph's output tensor 1 \(weights\)"),
        ({"outputs": ()}, "no operators, no inputs or no outputs"),
        ({"inputs": ()}, "no operators, no inputs or no outputs"),
        ({"operators": ()}, "no operators, no inputs or no outputs"),
        ({"inputs": (0, 0)}, "a constant or named twice"),
        ({"inputs": (0, 1)}, "a constant or named twice"),
        ({"operators": (SECOND, FIRST)}, r"operator 1 \(ADD\) reads tensor 2 \(hidden\) before it is written"),
        ({"operators": (FIRST, replace(SECOND, outputs=(2,)))}, r"operator 1 \(ADD\) overwrites tensor 2 \(hidden\)"),
        ({"operators": (replace(FIRST, outputs=(1,)), SECOND)}, r"\(FULLY_CONNECTED\) overwrites tensor 1 \(weights\)"),
        ({"operators": (replace(FIRST, outputs=(0,)), SECOND)}, r"\(FULLY_CONNECTED\) overwrites tensor 0 \(in\)"),
        ({"operators": (FIRST, replace(SECOND, outputs=()))}, r"operator 1 \(ADD\) has no output|no operator writes"),
        ({"operators": (replace(FIRST, inputs=(0, -1)), SECOND)}, r"operator 0 \(FULLY_CONNECTED\) lacks an input"),
        ({"operators": (replace(FIRST, inputs=()), SECOND)}, r"operator 0 \(FULLY_CONNECTED\) lacks an input"),
    ],
)
def test_what_can_t_be_computed_is_refused(change: dict[str, object], told: str) -> None:
    """One fault at a time, at its place."""
    with pytest.raises(ModelError, match=told):
        check_sound(replace(GRAPH, **change))


def test_shapes_and_sizes_are_held() -> None:
    """An output of another shape, and activations that no microcontroller has room for."""
    tensors = (*GRAPH.tensors[:3], replace(GRAPH.tensors[3], shape=(1, 9)))
    with pytest.raises(ModelError, match=r"operator 1 \(ADD\) computes"):
        check_sound(replace(GRAPH, tensors=tensors))
    big = graph_check._MAX_LIVE_BYTES // 2
    tensors = tuple(replace(tensor, shape=(1, big)) if tensor.index > 1 else tensor for tensor in GRAPH.tensors)
    whole = replace(GRAPH, tensors=(*tensors[:2], *tensors[2:]), operators=(replace(SECOND, index=0),), inputs=(2,))
    check_sound(whole)  # so much, and not a byte more
    more = tuple(replace(tensor, shape=(1, big + 1)) if tensor.index > 1 else tensor for tensor in GRAPH.tensors)
    with pytest.raises(ModelError, match=f"its activations need {2 * big + 2} bytes at once"):
        check_sound(replace(whole, tensors=more))


def test_long_names_end_as_they_do() -> None:
    """Sixty characters are shown whole."""
    assert shortened("x" * 60) == "x" * 60
    assert shortened("begin/" + "x" * 60) == "…" + "x" * 60
