"""docs/operators.md tells which operators the backends of our own compute."""

from __future__ import annotations

from pathlib import Path

import operator_list


def test_the_list_of_operators_is_what_backends_look_up() -> None:
    """Word by word."""
    path = Path(__file__).parents[2] / "docs" / "operators.md"
    assert operator_list.document() == path.read_text(encoding="utf-8")
