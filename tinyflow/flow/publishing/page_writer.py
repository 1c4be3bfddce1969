"""Writes what `views` found to be out of date: tables and pages of suites, pages and history of benches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyflow.core.errors import RecipeError, UsageError
from tinyflow.flow.atomic_files import write_if_changed
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Suite
from tinyflow.report import formats, history, postprocess, published, tables
from tinyflow.report.frame import Frame, frame_of
from tinyflow.report.html import page
from tinyflow.report.junit import to_junit
from tinyflow.report.metrics import METRICS

if TYPE_CHECKING:
    from tinyflow.flow.publishing.views import Views

Row = Mapping[str, Any]


class PageWriter:
    """Reads what the benches' folders hold."""

    def __init__(self, views: Views, catalogue: Catalogue | None = None) -> None:
        """The catalogue is only needed for suites."""
        self._views = views
        self._catalogue = catalogue

    def write_bench(self, row: Row, path: Path, fingerprint: str) -> None:
        """A bench's page. Raises CacheError."""
        bench = self._views.documents(row["bench"])
        if bench is None:
            return
        write_if_changed(path, page.bench_page(bench, fingerprint=fingerprint, trends=self._trends(row["bench"])))

    def write_suite(self, suite: Suite, rows: Sequence[Row], folder: Path, fingerprint: str) -> None:
        """Everything that a suite's folder holds, the page last. Raises CacheError and RecipeError."""
        write_if_changed(folder / "report.csv", tables.to_csv(rows))
        write_if_changed(folder / "report.json", tables.to_json(suite.name, rows))
        compared = published.side_by_side(suite, rows)
        text = tables.to_markdown(suite.name, rows) + "".join(
            f"\n{part}" for part in [published.to_markdown(compared)] if part
        )
        write_if_changed(folder / "report.md", text)
        for table in compared:
            write_if_changed(folder / f"{table.name}.csv", formats.to_csv(table.frame).decode())
        write_if_changed(folder / "junit.xml", to_junit(suite.name, rows))
        views = []
        for index, view in enumerate(suite.views):
            frame = self._make(suite, index, rows)
            write_if_changed(folder / f"{view.name}.csv", formats.to_csv(frame).decode())
            views.append((view.name, view.description, frame))
        benches = [bench for row in rows if (bench := self._views.documents(row["bench"])) is not None]
        trends = {row["bench"]: self._trends(row["bench"]) for row in rows}
        text = page.suite_page(suite, benches, fingerprint=fingerprint, trends=trends, views=views)
        write_if_changed(folder / "report.html", text)

    def _make(self, suite: Suite, index: int, rows: Sequence[Row]) -> Frame:
        """One view of a suite; what is wrong with it is told with its place in the recipe."""
        try:
            return postprocess.apply(suite.views[index].steps, frame_of(rows))
        except UsageError as error:
            where = "" if self._catalogue is None else self._catalogue.where(Suite, suite.name, "views", index)
            raise RecipeError(error.what, where=where, hint=error.hint) from error

    def _trends(self, bench: str) -> dict[str, str]:
        """Metric → sparkline, for those that changed over time."""
        records = history.read(self._views.project.history / f"{bench}.jsonl")
        drawn = {
            metric.name: history.sparkline(metric.name, history.series(records, metric.name)) for metric in METRICS
        }
        return {name: drawing for name, drawing in drawn.items() if drawing}
