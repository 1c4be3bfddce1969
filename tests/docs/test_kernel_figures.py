"""docs/kernel-figures.md has what the benchmark measures: every operator's shapes, for each processor and compiler."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from kernel_shapes import OPERATORS

DOCUMENT = Path(__file__).parents[2] / "docs" / "kernel-figures.md"


def test_every_layer_of_the_table_is_there() -> None:
    """In the order of benchmarks/kernel_shapes.py, none that it has no more."""
    wanted = [make(np.random.default_rng(1)).name for make in OPERATORS]
    sections = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.M)[1:]
    measured = [section for section in sections if "Not measured" not in section]
    assert len(measured) >= 2
    for section in measured:
        assert re.findall(r"^\| (?!layer|---)(.+?) \| ", section, flags=re.M) == wanted, section.splitlines()[0]
