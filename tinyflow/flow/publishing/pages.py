"""Which reports of a session are out of date. What writes them is imported only when one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyflow.flow.publishing.views import Views
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Suite
from tinyflow.report.html.fingerprint import fingerprint

if TYPE_CHECKING:
    from tinyflow.flow.publishing.page_writer import PageWriter

Row = Mapping[str, Any]

_PAGE = "report.html"


class Pages:
    """Brings pages up to date with the reports of one session."""

    def __init__(self, views: Views, catalogue: Catalogue | None = None) -> None:
        """The catalogue is only needed for suites."""
        self._views = views
        self._catalogue = catalogue

    @cached_property
    def _writer(self) -> PageWriter:
        from tinyflow.flow.publishing.page_writer import PageWriter

        return PageWriter(self._views, self._catalogue)

    def update_bench(self, row: Row) -> None:
        """`report.html` in a bench's view. Raises CacheError."""
        bench, wanted = row["bench"], fingerprint([row])
        if not self._views.is_made_of(bench, wanted):
            with self._views.page(bench, wanted) as path:
                self._writer.write_bench(row, path, wanted)

    def update_suite(self, suite: Suite, rows: Sequence[Row]) -> Path:
        """`build/suites/<name>/report.{csv,json,md,html}`, `junit.xml` and a table per view; the path of the page.

        Raises CacheError and RecipeError.
        """
        name, wanted = f"suites/{suite.name}", fingerprint(rows, repr(suite))
        if not self._views.is_made_of(name, wanted):
            with self._views.folder(name, wanted) as fresh:
                self._writer.write_suite(suite, rows, fresh, wanted)
        return self._views.project.build / name / _PAGE
