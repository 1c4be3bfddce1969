"""Which reports of a session are out of date. What writes them is imported only when one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyflow.flow.project import Project
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Suite
from tinyflow.report.html.fingerprint import fingerprint, fingerprint_of

if TYPE_CHECKING:
    from tinyflow.flow.page_writer import PageWriter

Row = Mapping[str, Any]

_PAGE = "report.html"
_SUITE_FILES = ("report.csv", "report.json", "report.md", "junit.xml")


class Pages:
    """Brings pages up to date with the reports of one session."""

    def __init__(self, project: Project, catalogue: Catalogue) -> None:
        self._project = project
        self._catalogue = catalogue

    @cached_property
    def _writer(self) -> PageWriter:
        from tinyflow.flow.page_writer import PageWriter

        return PageWriter(self._project, self._catalogue)

    def update_bench(self, row: Row) -> None:
        """`report.html` in a bench's view. Raises CacheError."""
        path, wanted = self._project.build / row["bench"] / _PAGE, fingerprint([row])
        if fingerprint_of(path) != wanted:
            self._writer.write_bench(row, path, wanted)

    def update_suite(self, suite: Suite, rows: Sequence[Row]) -> Path:
        """`build/suites/<name>/report.{csv,json,md,html}`, `junit.xml` and a table per view; the path of the page.

        Raises CacheError and RecipeError.
        """
        folder, wanted = self._project.build / "suites" / suite.name, fingerprint(rows, repr(suite))
        names = [*_SUITE_FILES, *(f"{view.name}.csv" for view in suite.views)]
        if fingerprint_of(folder / _PAGE) != wanted or not all((folder / name).exists() for name in names):
            self._writer.write_suite(suite, rows, folder, wanted)
        return folder / _PAGE
