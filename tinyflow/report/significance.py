"""Whether two sets of repeated times differ by more than chance: the Mann-Whitney U test, exact for small sets.

H. B. Mann, D. R. Whitney, "On a test of whether one of two random variables is stochastically larger than the other",
Annals of Mathematical Statistics 18 (1947), pp. 50-60. It compares ranks, so one slow outlier counts as one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

_EXACT_MOST = 30  # samples of one side; above, or with equal times, the normal distribution is close enough
_FEWEST = 4  # with 3 and 3 not even a clean separation is rarer than 1 in 20


def is_significant(old: Sequence[float], new: Sequence[float], level: float = 0.05) -> bool:
    """Whether chance alone would part two such sets less often than `level`; False where there are too few."""
    return min(len(old), len(new)) >= _FEWEST and p_value(old, new) < level


def p_value(old: Sequence[float], new: Sequence[float]) -> float:
    """The two-sided probability of ranks at least so unequal, if both sets came from one source."""
    together = sorted([*old, *new])
    has_ties = len(set(together)) < len(together)
    u = sum((a > b) + 0.5 * (a == b) for a in old for b in new)
    u = min(u, len(old) * len(new) - u)
    if has_ties or max(len(old), len(new)) > _EXACT_MOST:
        return _normal(u, len(old), len(new), together)
    orders = math.comb(len(together), len(old))
    return min(1.0, 2 * sum(_count(value, len(old), len(new)) for value in range(int(u) + 1)) / orders)


@cache
def _count(u: int, first: int, second: int) -> int:
    """In how many orders of two sets of these sizes U is u: the recursion of the paper's equation 2."""
    if u < 0 or first < 0 or second < 0:
        return 0
    if first == 0 or second == 0:
        return int(u == 0)
    return _count(u - second, first - 1, second) + _count(u, first, second - 1)


def _normal(u: float, first: int, second: int, together: Sequence[float]) -> float:
    """The approximation with correction for ties and continuity."""
    size = first + second
    ties = sum(count**3 - count for count in (together.count(value) for value in set(together)))
    variance = first * second / 12 * (size + 1 - ties / (size * (size - 1)))
    if variance <= 0:
        return 1.0
    z = (abs(u - first * second / 2) - 0.5) / math.sqrt(variance)
    return math.erfc(max(z, 0.0) / math.sqrt(2))
