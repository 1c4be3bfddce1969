"""How much agrees where outputs aren't equal."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.stages.agreement import agreement

BYTE = {"dtype": "int8"}


def _of(tensor: dict[str, Any], form: str, expected: list[list[float]], got: list[list[float]]) -> dict[str, Any]:
    samples = [[[struct.pack(f"<{len(values)}{form}", *values)] for values in side] for side in (expected, got)]
    return agreement([tensor], *samples)


def test_rounding_is_told_from_nonsense() -> None:
    """Both differ in every second value by one at most, or by much; what else they do is in the other numbers."""
    expected = [[100, 20, 10, -90, 0, 1], [-5, 100, 3, -90, 0, 1]]
    rounded = [[value + index % 2 for index, value in enumerate(values)] for values in expected]
    mixed = [[1, 0, -90, 10, 20, 100], [100, 3, -90, 0, 1, -5]]
    near, far = (_of(BYTE, "b", expected, got) for got in (rounded, mixed))
    assert (near["equal_share"], near["mean_abs_error"]) == (0.5, 0.5)
    assert near["cosine"] > 0.999 and (near["top1_agreement"], near["top5_agreement"]) == (1, 1)
    assert far["cosine"] < 0 and (far["top1_agreement"], far["top5_agreement"]) == (0, 1)


def test_zero_points_are_taken_off() -> None:
    """An output that is all but zero, and zero, are not alike because both are far from 0 as integers."""
    one = _of({"dtype": "int8", "zero_point": -128}, "b", [[-128, -127]], [[-127, -128]])
    assert one["cosine"] == 0


def test_the_output_that_agrees_least_stands_for_all() -> None:
    """Two outputs, one equal, one not: a mean over both would hide it."""
    found = agreement([BYTE, BYTE], [[b"\1\2", b"\1\2"]], [[b"\1\2", b"\2\1"]])
    assert (found["equal_share"], found["top1_agreement"], found["mean_abs_error"]) == (0, 0, 1)


def test_what_has_no_meaning_is_left_out() -> None:
    """No mean where a value isn't finite, no cosine of nothing, no best of one value or of a picture."""
    assert set(_of({"dtype": "float32"}, "f", [[1.0, math.nan]], [[1.0, math.nan]])) == {
        "equal_share",
        "top1_agreement",
    }
    assert set(_of(BYTE, "b", [[0]], [[1]])) == {"equal_share", "mean_abs_error"}
    picture = {"dtype": "int8", "shape": [1, 2, 2, 1]}
    assert set(_of(picture, "b", [[1, 2, 3, 4]], [[1, 2, 3, 5]])) == {"equal_share", "mean_abs_error", "cosine"}


@pytest.mark.parametrize(("dtype", "form", "bits"), [("int8", "b", 8), ("int64", "q", 64)])
def test_equal_is_whole_agreement(dtype: str, form: str, bits: int) -> None:
    """What is equal agrees in everything; one value that is another one is seen, however large the values are."""
    values = st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)

    @given(st.lists(st.lists(values, min_size=6, max_size=6), min_size=1, max_size=3))
    def holds(expected: list[list[int]]) -> None:
        same = _of({"dtype": dtype}, form, expected, expected)
        assert same.pop("mean_abs_error") == 0 and same.pop("cosine", 1.0) == pytest.approx(1.0)
        assert set(same.values()) == {1.0}
        first = expected[0][0]
        other = [[first - 1 if first > 0 else first + 1, *expected[0][1:]], *expected[1:]]
        assert _of({"dtype": dtype}, form, expected, other)["equal_share"] < 1

    holds()
