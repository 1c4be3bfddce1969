"""A core that extends another one: what is its own, and what it has from there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tinyflow.core.errors import RecipeError
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import whole_core
from tinyflow.recipes.schema import Core
from tinyflow.recipes.schema.core import CycleRule

OURS = Path(__file__).parents[2] / "recipes"
HEAD = "description: x\nsource: x\nerror_percent: 5\nevidence: none\n"


def whole(folder: Path, text: str) -> Core:
    """The core `mine` of this text, with all it extends."""
    (folder / "cores").mkdir(exist_ok=True)
    (folder / "cores" / "mine.yaml").write_text(HEAD + text)
    catalogue = Catalogue([folder, OURS])
    return whole_core(catalogue, catalogue.get(Core, "mine"))


@pytest.mark.parametrize("other", ["cortex-m4", "cortex-m7"])
def test_nothing_but_extends_is_the_other_core(tmp_path: Path, other: str) -> None:
    """All that estimates are made of; a rule of its own comes before the others'."""
    base = Catalogue([OURS]).get(Core, other)
    own = {"name": "mine", "description": "x", "source": "x", "error_percent": 5, "evidence": "none"}
    same = replace(base, issue_width=base.issue_width or 1, **own)
    assert whole(tmp_path, f"extends: {other}\n") == same
    ruled = whole(tmp_path, f"extends: {other}\nrules: [{{match: mul, cycles: 2}}]\n")
    assert ruled == replace(same, rules=(CycleRule(match="mul", cycles=2), *same.rules))


def test_what_a_core_says_itself_counts(tmp_path: Path) -> None:
    """Along a chain, the nearest; one instruction at a time has no pairs; a constant stands alone."""
    narrow = whole(tmp_path, "extends: cortex-m7\nissue_width: 1\n")
    assert (narrow.issue_width, narrow.pairs) == (1, ()) and narrow.branches
    (tmp_path / "cores" / "between.yaml").write_text(f"{HEAD}extends: cortex-m4\nbranches: {{taken: 3}}\n")
    chained = whole(tmp_path, "extends: between\n")
    assert chained.branches and chained.branches.taken == 3 and chained.unaligned_run is None
    constant = whole(tmp_path, "extends: cortex-m4\ncycles_per_instruction: 1.2\n")
    assert constant.branches is None and constant.rules == () and constant.cycles_per_instruction == 1.2
    (tmp_path / "cores" / "between.yaml").write_text(f"{HEAD}extends: mine\n")
    with pytest.raises(RecipeError, match=r"mine.yaml:5:10: a core can't extend itself, by way of between"):
        whole(tmp_path, "extends: between\n")
    (tmp_path / "cores" / "between.yaml").write_text(f"{HEAD}cycles_per_instruction: 1.2\n")
    with pytest.raises(RecipeError, match=r"mine.yaml:5:10: between has no rules"):
        whole(tmp_path, "extends: between\n")
