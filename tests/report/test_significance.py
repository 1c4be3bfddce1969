"""The Mann-Whitney test, against values that are known."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.report.significance import is_significant, p_value


def _by_counting(old: list[float], new: list[float]) -> float:
    """The definition: of all ways to choose the first set, how many are at least so unequal."""

    def u(first: tuple[float, ...], second: list[float]) -> float:
        wins = sum(a > b for a in first for b in second)
        return min(wins, len(first) * len(second) - wins)

    together = [*old, *new]
    found = u(tuple(old), new)
    orders = [
        u(chosen, [value for value in together if value not in chosen]) for chosen in combinations(together, len(old))
    ]
    return sum(value <= found for value in orders) / len(orders)


@given(st.lists(st.integers(0, 10_000), min_size=5, max_size=9, unique=True), st.integers(1, 4))
def test_small_sets_are_exact(values: list[float], size: int) -> None:
    """As counted by trying all orders."""
    assert p_value(values[:size], values[size:]) == pytest.approx(_by_counting(values[:size], values[size:]))
    assert p_value(values[:size], values[size:]) == p_value(values[size:], values[:size])


def test_twenty_in_a_row_of_a_hundred_are_not_chance() -> None:
    """The level is 1 in 20, and is asked for by whoever wants another."""
    clean, nearly, mixed = ([5, 6, 7, 8], [3.5, 6, 7, 8], [2.5, 6, 7, 8])
    chances = [p_value([1, 2, 3, 4], new) for new in (clean, nearly, mixed)]
    assert chances == pytest.approx([2 / 70, 4 / 70, 8 / 70])
    assert [is_significant([1, 2, 3, 4], new) for new in (clean, nearly, mixed)] == [True, False, False]
    assert is_significant([1, 2, 3, 4], nearly, level=0.06) and not is_significant([1, 2, 3, 4], clean, level=0.02)
    assert not is_significant([1, 2, 3, 4], clean, level=2 / 70)  # less often than the level, not as often


def test_too_few_tell_nothing() -> None:
    """Three of a kind are never enough, however far apart and however many others there are."""
    assert not is_significant([1, 2, 3], [7, 8, 9])
    assert not is_significant([1, 2, 3], list(range(10, 40)), level=0.5)
    assert not is_significant(list(range(10, 40)), [1, 2, 3], level=0.5)


def test_equal_times_and_large_sets_go_by_the_normal_distribution() -> None:
    """With its corrections for ties and for continuity, in numbers worked out by hand."""
    # 4 and 4 with one tie of two: variance 16/12 * (9 - 6/56), U = 0.5, z = (|0.5 - 8| - 0.5) / sqrt(variance)
    z = 7 / math.sqrt(16 / 12 * (9 - 6 / 56))
    assert p_value([1, 2, 3, 4], [4, 5, 6, 7]) == pytest.approx(math.erfc(z / math.sqrt(2)))
    assert p_value([5, 5, 5, 5], [5, 5, 5, 5]) == 1
    assert p_value([1, 5, 5, 9], [1, 5, 5, 9]) == 1
    # no ties, 31 of a side: U = 31 * 31 / 2 - 1 by interleaving
    first, second = list(range(0, 62, 2)), list(range(1, 63, 2))
    u = sum(a > b for a in first for b in second)
    z = (abs(u - 31 * 31 / 2) - 0.5) / math.sqrt(31 * 31 / 12 * 63)
    assert p_value(first, second) == pytest.approx(math.erfc(z / math.sqrt(2)), rel=1e-12)
    assert p_value(first[:30], second[:30]) != pytest.approx(p_value(first, second), rel=1e-3)
    exact, near = p_value(first[:30], second[:30]), p_value([*first[:29], 58.5], [*second[:29], 58.5])
    assert exact == pytest.approx(near, abs=0.02) and exact != near
