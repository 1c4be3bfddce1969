"""`docs/reports.md`: its recipes are valid and do what they say, its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sample_documents import good

from tinyflow.flow.command_list import PLUGINS
from tinyflow.recipes.schema import Suite
from tinyflow.recipes.validate import validate
from tinyflow.report.frame import frame_of
from tinyflow.report.html.page import suite_page
from tinyflow.report.postprocess import apply

TEXT = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
BENCHES = [
    good(model, backend, "stm32f7", size=size)
    for model, backend, size in (
        ("vww", "tvmaot", 4000),
        ("vww", "tvmaotplus", 1000),
        ("aww", "tvmaot", 900),
        ("aww", "tvmaotplus", 900),
    )
]


@pytest.mark.parametrize("block", BLOCKS)
def test_each_recipe_makes_a_page(block: str) -> None:
    """It validates as a suite, its views can be made of its benches, and the page has them."""
    suite = validate(Suite, "example", block.encode(), "docs/reports.md")
    frame = frame_of(bench.report for bench in BENCHES)
    views = [(view.name, view.description, apply(view.steps, frame)) for view in suite.views]
    page = suite_page(suite, BENCHES, fingerprint="", views=views)
    assert all(f'id="view-{view.name}"' in page for view in suite.views)
    assert ('id="view-published"' in page) == bool(suite.published)


def test_the_first_view_is_the_geometric_mean_that_it_promises() -> None:
    """A quarter for one model and the same for the other is a half."""
    suite = validate(Suite, "example", BLOCKS[0].encode(), "docs/reports.md")
    rows = {row["backend"]: row["stm32f7"] for row in apply(suite.views[0].steps, frame_of(b.report for b in BENCHES))}
    assert rows == {"tvmaot": pytest.approx(1), "tvmaotplus": pytest.approx(0.5)}
    memory = apply(suite.views[1].steps, frame_of(b.report for b in BENCHES))
    assert memory.columns == ("model", "backend", "rom_KiB", "ram_KiB", "total_KiB")


def test_each_command_exists() -> None:
    """What is typed after `doit` or `tinyflow` is one of our commands."""
    typed = set(re.findall(r"(?:doit|tinyflow) ([a-z]+)\b(?!:)", TEXT))
    assert typed <= set(PLUGINS["COMMAND"])
    assert len(typed) >= 6
