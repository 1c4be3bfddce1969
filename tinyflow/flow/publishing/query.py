"""What is known already, asked for by suite, model and condition: from the views in `build/`. Runs nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tinyflow.core.errors import UsageError
from tinyflow.core.store import Store
from tinyflow.flow.project import Project, find_project
from tinyflow.flow.publishing.views import Row, Views
from tinyflow.recipes.catalogue import Catalogue, recipe_folders
from tinyflow.recipes.own_model import is_path, name_of
from tinyflow.recipes.suite import expand
from tinyflow.report import history
from tinyflow.report.documents import Document
from tinyflow.report.frame import Frame, frame_of
from tinyflow.report.tradeoffs import with_fronts


def results(
    *,
    suite: str | None = None,
    model: str | None = None,
    where: str | None = None,
    sort: str | Sequence[str] = (),
    columns: str | Sequence[str] = (),
) -> Frame:
    """Rows of the benches that have a report in this project: of a suite, else of all.

    `where` is an expression (`ram_bytes < 100KiB`), `sort` and `columns` are names, comma-separated or in a list;
    `-name` sorts downwards, `rom_*` chooses all that match. `pareto*` are fronts among the rows that are left.
    `.to_pandas()` gives a data frame. Raises UsageError.
    """
    project = find_project(Path.cwd())

    def catalogue() -> Catalogue:
        return Catalogue(recipe_folders(os.environ, project.root), project.state / "recipes")

    views = Views(project, Store(project.cache), lambda line: print(line, file=sys.stderr))
    return select(views, catalogue, suite=suite, model=model, where=where, sort=sort, columns=columns)


def select(
    views: Views,
    catalogue: Callable[[], Catalogue],
    *,
    suite: str | None,
    model: str | None,
    where: str | None,
    sort: str | Sequence[str],
    columns: str | Sequence[str],
) -> Frame:
    """The same for a project that is known; recipes are only read for a suite."""
    reports = suite_reports(views, catalogue(), suite) if suite else views.reports(views.all())
    wanted = name_of(model) if model is not None and is_path(model) else model
    chosen = [report for report in reports if wanted is None or report["model"] == wanted]
    measured = frame_of({**report, "commit": _short(measured_at(report, views.project))} for report in chosen)
    # a metric that no bench has is no mistake: boards have others than simulators
    frame = with_fronts(measured.with_metrics())
    if where:
        frame = with_fronts(frame.where(where))
    known = with_fronts(measured)
    return frame.sort(_names(sort)).choose(known.matching(_names(columns)) if columns else known.columns)


def measured_at(report: Document, project: Project) -> str | None:
    """The commit that a report in `build/` is on record with, `+` behind it where files differed; None if unknown."""
    record = history.last(project.history / f"{report['bench']}.jsonl")
    return record.place if record is not None and record.is_of(report) else None


def suite_reports(views: Views, catalogue: Catalogue, suite: str) -> list[Row]:
    """The reports that the benches of a suite have, in its order. UsageError where none has run."""
    found = views.reports(bench.name for bench in expand(catalogue, suite))
    if not found:
        raise UsageError(f"no bench of suite {suite} has run here", hint=f"doit suite:{suite}")
    return found


def _short(place: str | None) -> str | None:
    return None if place is None else history.short(place)


def _names(given: str | Iterable[str]) -> list[str]:
    words = given.split(",") if isinstance(given, str) else given
    return [word.strip() for word in words if word.strip()]
