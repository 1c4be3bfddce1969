"""docs/memory-table.md has all models of the suite memory, and its rows are what the suite's say."""

from __future__ import annotations

import re
from pathlib import Path

import memory_table

from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.suite import expand

ROOT = Path(__file__).parents[2]


def test_every_model_of_the_suite_is_in_the_table() -> None:
    """In the suite's order; what isn't there is added by the command that the document names."""
    document = (ROOT / "docs" / "memory-table.md").read_text(encoding="utf-8")
    models = dict.fromkeys(bench.model for bench in expand(Catalogue([ROOT / "recipes"]), "memory"))
    ways = document.partition("## By each way")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", ways, flags=re.M) == list(models)


def test_patches_stand_against_the_quickest_in_no_more_memory() -> None:
    """Of patches the least; what failed has no cell; published figures meet the least that does no work twice."""

    def row(features: str, ram_bytes: int, instructions: int, status: str = "ok") -> dict[str, object]:
        names = {"model": "mcunet_5fps_vww", "features": features, "status": status, "validation": "exact"}
        return {**names, "ram_bytes": ram_bytes, "invoke_instructions": instructions}

    rows = [row("", 4096, 1000), row("stream", 2048, 1500), row("stream.least", 1024, 2000), row("chase.off", 1, 1, "")]
    rows.append(row("feed", 512, 100))
    said = list(memory_table.lines([*rows, row("patch.2", 2560, 9000), row("patch.4", 3072, 3000)]))
    cells = (
        "| – | 4.0 KiB, 1 k | 2.0 KiB, 1.5 k | 1.0 KiB, 2 k | 512 B, 100 | – | 2.5 KiB, 9 k | 3.0 KiB, 3 k | exact |"
    )
    assert f"| `mcunet_5fps_vww` {cells}" in said
    against = "| 2.5 KiB, 9 k: `+patch.2` | 2.0 KiB, 1.5 k: `+stream` | 6.00 |"
    assert said[-1] == f"| `mcunet_5fps_vww` {against}"
    ours = "1.0 KiB, 2 k: `+stream.least` | 512 B, 100: `+feed` |"
    assert f"| `mcunet_5fps_vww` | tinyengine | 89.8 KiB | {ours}" in said
    assert f"| `mcunet_5fps_vww` | msf_cnn, macs 1.11 | 25.5 KiB | {ours}" in said
