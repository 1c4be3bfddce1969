"""Bytes between two offsets."""

from __future__ import annotations

from collections.abc import Iterable


def covered_bytes(spans: Iterable[tuple[int, int]]) -> int:
    """Bytes that lie in one span (the first byte, behind the last one) at least; in several, they count once."""
    total, reached = 0, 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return total
