"""Writes what `views` found to be out of date: tables and pages of suites, pages and history of benches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyflow.core.errors import UsageError
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


def write_bench(views: Views, row: Row, path: Path, fingerprint: str) -> None:
    """A bench's page. Raises CacheError."""
    bench = views.documents(row["bench"])
    if bench is not None:
        write_if_changed(path, page.bench_page(bench, fingerprint=fingerprint, trends=_trends(views, row["bench"])))


def write_suite(
    views: Views, catalogue: Catalogue, suite: Suite, rows: Sequence[Row], folder: Path, fingerprint: str
) -> None:
    """Everything that a suite's folder holds, the page last. Raises CacheError and RecipeError."""
    write_if_changed(folder / "report.csv", tables.to_csv(rows))
    write_if_changed(folder / "report.json", tables.to_json(suite.name, rows))
    compared = published.side_by_side(suite, rows)
    text = published.to_markdown(compared)
    write_if_changed(folder / "report.md", tables.to_markdown(suite.name, rows) + (f"\n{text}" if text else ""))
    for table in compared:
        write_if_changed(folder / f"{table.name}.csv", formats.to_csv(table.frame).decode())
    write_if_changed(folder / "junit.xml", to_junit(suite.name, rows))
    made = []
    for index, view in enumerate(suite.views):
        try:
            # what nobody has measured, for want of an engine, say, is no mistake in the view
            frame = postprocess.apply(view.steps, frame_of(rows).with_metrics()).known()
        except UsageError as error:
            catalogue.refuse(Suite, suite.name, ("views", index), error.what, error.hint)
        made.append((view.name, view.description, frame))
    if suite.left_out:
        reasons = tuple({"name": name, "reason": reason} for name, reason in suite.left_out.items())
        made.append(("left_out", "What has no row, and why", Frame(("name", "reason"), reasons)))
    for name, _, frame in made:
        write_if_changed(folder / f"{name}.csv", formats.to_csv(frame).decode())
    benches = [bench for row in rows if (bench := views.documents(row["bench"])) is not None]
    trends = {row["bench"]: _trends(views, row["bench"]) for row in rows}
    text = page.suite_page(suite, benches, fingerprint=fingerprint, trends=trends, views=made)
    write_if_changed(folder / "report.html", text)


def _trends(views: Views, bench: str) -> dict[str, str]:
    """Metric → sparkline, for those that changed over time."""
    records = history.read(views.project.history / f"{bench}.jsonl")
    drawn = {metric.name: history.sparkline(metric.name, history.series(records, metric.name)) for metric in METRICS}
    return {name: drawing for name, drawing in drawn.items() if drawing}
