"""Published figures beside ours: what a suite's recipe quotes, and what its benches measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tinyflow.recipes.schema import Suite
from tinyflow.report.frame import Frame

_COLUMNS = ("bench", "metric", "published", "ours", "ours / published")


def beside_published(suite: Suite, reports: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, Frame]]:
    """A table for each source: name, who published it, and a row for each number; ours is empty where not measured."""
    measured = {report["bench"]: report["metrics"] for report in reports}
    for index, published in enumerate(suite.published, start=1):
        rows = []
        for bench, numbers in published.numbers.items():
            for metric, value in numbers.items():
                ours = measured.get(bench, {}).get(metric)
                row = {"bench": bench, "metric": metric, "published": value}
                if ours is not None and value:
                    row |= {"ours": ours, "ours / published": ours / value}
                rows.append(row)
        name = "published" if len(suite.published) == 1 else f"published-{index}"
        yield name, published.source, Frame(_COLUMNS, tuple(rows))
