"""docs/zoo.md has all models of the suite zoo, and its rows are what the suite's say."""

from __future__ import annotations

import re
from pathlib import Path

import zoo_table

from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.suite import expand

ROOT = Path(__file__).parents[2]


def test_every_model_of_the_suite_is_in_every_table() -> None:
    """In the suite's order; what isn't there is added by the command that the document names."""
    document = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
    benches = expand(Catalogue([ROOT / "recipes"]), "zoo")
    sections = re.split(r"^## ", document, flags=re.M)[1:]
    models = list(dict.fromkeys(bench.model for bench in benches))
    assert [section.splitlines()[0] for section in sections] == [
        "The networks",
        *(f"On {target}" for target in dict.fromkeys(bench.target for bench in benches)),
        "What doesn't run",
    ]
    for section in sections[:-1]:
        assert re.findall(r"^\| `(\w+)` \|", section, flags=re.M) == models


def test_a_refusal_is_told_once_for_all_targets_of_a_backend() -> None:
    """A backend that refuses a model everywhere is named alone; benches that failed by themselves are named whole."""
    common = {"model": "vww", "status": "failed", "reason": "no such operator (backend tinyc)"}
    rows = [{**common, "backend": "tinyc", "target": target} for target in ("chip", "host")]
    rows += [{**common, "backend": "tvm", "target": "chip", "reason": "too large"}]
    rows += [
        {"model": "vww", "status": "ok", "validation": "exact", "backend": "tvm", "target": "host"}
        | {"rom_bytes": 2048, "ram_bytes": 100, "invoke_instructions": 5000}
    ]
    said = list(zoo_table.lines(rows))
    assert "| `vww` | – | 5 k, 2.0 KiB, 100 B | exact |" in said
    assert said[-2:] == ["| `vww` | tinyc | no such operator |", "| `vww` | tvm-chip | too large |"]
