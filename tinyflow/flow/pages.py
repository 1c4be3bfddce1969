"""HTML beside the reports: written only when what it would say has changed, since making it takes a while."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinyflow.flow.views import write_if_changed
from tinyflow.recipes.schema import Suite
from tinyflow.report.documents import read_documents
from tinyflow.report.html import page

Row = dict[str, Any]

_NAME = "report.html"


def write_bench_page(folder: Path, row: Row | None) -> None:
    """Bring `report.html` in a bench's view up to date with its `report.json`. Raises CacheError."""
    path = folder / _NAME
    if row is None or page.fingerprint_of(path) == (wanted := page.fingerprint([row])):
        return
    if (bench := read_documents(folder)) is not None:
        write_if_changed(path, page.bench_page(bench, fingerprint=wanted))


def write_suite_page(folder: Path, suite: Suite, rows: Sequence[Row], build: Path) -> Path:
    """Bring a suite's `report.html` up to date with the views of its benches; its path. Raises CacheError."""
    path = folder / _NAME
    wanted = page.fingerprint(rows, suite.name, suite.description)
    if page.fingerprint_of(path) != wanted:
        benches = [bench for row in rows if (bench := read_documents(build / row["bench"])) is not None]
        write_if_changed(path, page.suite_page(suite.name, suite.description, benches, fingerprint=wanted))
    return path
