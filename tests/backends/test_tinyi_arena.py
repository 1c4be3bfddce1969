"""An arena that is too small for tinyi: a clean status on the chip, told by the bench, with what would do."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests_support import CHECKOUT, doit

BENCH = "toycar-small-stm32f7"


@pytest.mark.slow
def test_too_small_an_arena_is_refused_in_set_up(tmp_path: Path) -> None:
    """Status 4 of model_setup; nothing is run, and no report says otherwise."""
    recipe = (CHECKOUT / "recipes" / "backends" / "tinyi.yaml").read_text(encoding="utf-8")
    folder = tmp_path / "recipes" / "backends"
    folder.mkdir(parents=True)
    (folder / "small.yaml").write_text(recipe.replace("arena_bytes: 0", "arena_bytes: 900"))
    refused = doit(tmp_path, f"bench:{BENCH}")
    assert refused.returncode == 1
    told = refused.stdout + refused.stderr
    assert "model_setup: returned 4" in told and "the arena of 900 bytes is too small: it needs 11" in told, told
