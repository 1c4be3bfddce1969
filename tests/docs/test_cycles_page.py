"""docs/cycles.md is what `recipes/cores` and `recipes/evidence` say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cycles

from tinyflow.flow.planning.cycle_models import cycle_model
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Target

ROOT = Path(__file__).parents[2]
CATALOGUE = Catalogue([ROOT / "recipes"])


def test_the_page_is_that_of_today() -> None:
    """Else `python benchmarks/cycles.py > docs/cycles.md` writes it anew."""
    assert cycles.document(CATALOGUE) == (ROOT / "docs" / "cycles.md").read_text(encoding="utf-8")


def test_a_chip_that_nobody_measured_has_its_own_error() -> None:
    """And isn't confirmed by boards, though its core is; others have the core's word."""
    found = {}
    for name in ("rp2040", "stm32g0b1"):
        model: Any = cycle_model(CATALOGUE, CATALOGUE.get(Target, name))
        assert "error_percent" not in model["flash_timing"]
        found[name] = [model["core"][word] for word in ("error_percent", "evidence")]
    assert found == {"rp2040": [25, "none"], "stm32g0b1": [12, "boards"]}
