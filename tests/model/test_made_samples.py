"""Made-up samples: of kinds that differ, within what a tensor can hold, the same from seed and number alone."""

from __future__ import annotations

import numpy as np
import pytest

from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.made_samples import KINDS, made_sample


def graph_of(*inputs: Tensor) -> Graph:
    """A graph of inputs alone."""
    return Graph(inputs, (), tuple(range(len(inputs))), ())


def test_each_kind_is_what_its_name_says() -> None:
    """Over the whole range of the type; sparse ones are zero points, mostly; smooth ones move by small steps."""
    graph = graph_of(Tensor(0, "in", (1, 40, 40, 2), "int8", Quantisation((0.1,), (-20,))))
    made = {kind: made_sample(graph, 1, number)[0].astype(int) for number, kind in enumerate(KINDS)}
    ends = {kind: (made[kind].min(), made[kind].max()) for kind in ("uniform", "extremes", "high", "low")}
    assert ends == {**dict.fromkeys(("uniform", "extremes"), (-128, 127)), "high": (127, 127), "low": (-128, -128)}
    assert set(made["extremes"].ravel()) == {-128, 127}
    assert 0.9 < (made["sparse"] == -20).mean() < 1
    assert 30 < made["gaussian"].std() < 43 < 70 < made["uniform"].std()
    assert np.abs(np.diff(made["smooth"], axis=1)).max() <= 33 < np.ptp(made["smooth"])


def test_a_sample_follows_from_its_seed_and_number() -> None:
    """Whatever others are asked for; and the inputs of one sample are of different kinds."""
    graph = graph_of(*(Tensor(index, "in", (4, 4), "int16") for index in range(2)))
    for number in range(10):
        one, same, other = (made_sample(graph, seed, number) for seed in (1, 1, 2))
        assert [array.tobytes() for array in one] == [array.tobytes() for array in same]
        is_constant = number % len(KINDS) == list(KINDS).index("high")
        assert is_constant or [array.tobytes() for array in one] != [array.tobytes() for array in other]
        assert one[0].tobytes() != one[1].tobytes()


@pytest.mark.parametrize(
    ("dtype", "limits"), [("uint8", (0, 255)), ("int32", (0, 1)), ("int64", (0, 1)), ("bool", (0, 1))]
)
def test_wide_integers_are_small_numbers(dtype: str, limits: tuple[int, int]) -> None:
    """For they count things, or say which."""
    graph = graph_of(Tensor(0, "in", (1000,), dtype))
    arrays = [made_sample(graph, 1, number)[0] for number in range(7)]
    assert (min(array.min() for array in arrays), max(array.max() for array in arrays)) == limits
    assert all(array.dtype == dtype for array in arrays)


def test_reals_go_as_far_as_is_known_or_farther_each_time() -> None:
    """Behind an input that is quantised at once there are limits; else the first samples are in [-1, 1]."""
    plain = graph_of(Tensor(0, "in", (100,), "float32"))
    assert [np.abs(made_sample(plain, 1, number)[0]).max().round() for number in (2, 9, 16)] == [1, 8, 64]
    quantised = Tensor(1, "q", (100,), "int8", Quantisation((0.5,), (-128,)))
    graph = Graph((*plain.tensors, quantised), (Operator(0, "QUANTIZE", 1, (0,), (1,)),), (0,), (1,))
    assert set(made_sample(graph, 1, 2)[0].tolist()) == {0.0, 127.5}
    assert (made_sample(graph, 1, 4)[0] == 0).mean() > 0.8


def test_scalars_and_empty_tensors_have_samples() -> None:
    """Of every kind."""
    graph = graph_of(Tensor(0, "one", (), "int8"), Tensor(1, "none", (0, 3), "float32"))
    assert all([array.shape for array in made_sample(graph, 1, n)] == [(), (0, 3)] for n in range(len(KINDS)))
