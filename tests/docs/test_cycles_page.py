"""docs/cycles.md is what `recipes/cores` and `recipes/evidence` say."""

from __future__ import annotations

from pathlib import Path

import cycles

from tinyflow.recipes.catalogue import Catalogue

ROOT = Path(__file__).parents[2]


def test_the_page_is_that_of_today() -> None:
    """Else `python benchmarks/cycles.py > docs/cycles.md` writes it anew."""
    assert cycles.document(Catalogue([ROOT / "recipes"])) == (ROOT / "docs" / "cycles.md").read_text(encoding="utf-8")
