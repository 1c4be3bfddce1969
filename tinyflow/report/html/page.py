"""Pages: a bench's and a suite's report as one HTML text, from parsed documents and the templates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import tinyflow
from tinyflow.core import safe_text
from tinyflow.recipes.schema import Suite
from tinyflow.report import tables
from tinyflow.report.documents import BenchDocuments
from tinyflow.report.frame import Frame, frame_of
from tinyflow.report.glossary import PLACES, TERMS
from tinyflow.report.html import bars, tradeoffs
from tinyflow.report.html.detail import Details
from tinyflow.report.html.fingerprint import template_folder
from tinyflow.report.html.table import table
from tinyflow.report.metrics import METRICS
from tinyflow.report.published import SideBySide, side_by_side
from tinyflow.report.tables import spell

Row = Mapping[str, Any]
Trends = Mapping[str, Mapping[str, str]]  # bench → metric → sparkline
NamedFrame = tuple[str, str, Frame]  # name, description

# A file that can be sent by mail: maps and profiles that have no room are left to the benches' own pages.
_MOST_BYTES = 1_950_000


def suite_page(
    suite: Suite,
    benches: Sequence[BenchDocuments],
    *,
    fingerprint: str,
    trends: Trends | None = None,
    views: Sequence[NamedFrame] = (),
) -> str:
    """The page of a suite: table, charts, its views, and every bench's maps and profile."""
    rows = [bench.report for bench in benches]
    anchors = anchors_of(rows)
    shown, flat = Details(_environment(), benches, anchors), frame_of(rows).rows

    def page(details: Sequence[str]) -> str:
        return _page(
            fingerprint=fingerprint,
            title=suite.name,
            description=suite.description,
            command=f"doit suite:{suite.name}",
            counts=_counts(rows),
            notes=tables.notes(rows),
            table=table(rows, anchors),
            charts=bars.charts(rows, anchors),
            legend=bars.colours_of(rows),
            tradeoffs=tradeoffs.tradeoffs(flat, anchors, bars.colours_of(rows)),
            shapes={target: tradeoffs.key(shape) for target, shape in tradeoffs.shapes_of(flat).items()},
            views=[*(_view(*view) for view in views), *map(_compared, side_by_side(suite, rows))],
            shared=shown,
            details=details,
        )

    names = [row["bench"] for row in rows]
    return page(_fitting(shown, names, trends or {}, _MOST_BYTES - len(page([]).encode())))


def _fitting(details: Details, names: Sequence[str], trends: Trends, room_bytes: int) -> list[str]:
    """The benches' parts of a page; from the last one on without maps and profile, until they have room."""
    parts = [_without_implied_ends(details.write(name, trends.get(name, {}))) for name in names]
    size = sum(len(part.encode()) for part in parts)
    for index in reversed(range(len(parts))):
        if size <= room_bytes:
            break
        size -= len(parts[index].encode())
        parts[index] = _without_implied_ends(details.write(names[index], {}, is_cut=True))
        size += len(parts[index].encode())
    return parts


def bench_page(bench: BenchDocuments, *, fingerprint: str, trends: Mapping[str, str] | None = None) -> str:
    """The page of one bench, everything unfolded."""
    report = bench.report
    details = Details(_environment(), [bench], anchors_of([report]))
    return _page(
        fingerprint=fingerprint,
        title=report["bench"],
        description=f"{report['model']} by {report['backend']} on {report['target']}",
        command=f"doit bench:{report['bench']}",
        counts=report["status"],
        notes=tables.notes([report]),
        table=table([], {}),
        charts=[],
        legend={},
        tradeoffs=[],
        shapes={},
        views=[],
        shared=details,
        details=[details.write(report["bench"], trends or {}, is_open=True)],
    )


def anchors_of(rows: Iterable[Row]) -> dict[str, str]:
    """Bench → the name of its place in the page."""
    return {row["bench"]: re.sub(r"[^A-Za-z0-9_-]", "_", f"bench-{row['bench']}") for row in rows}


@cache
def _environment() -> Any:
    """One for all pages: to compile the templates takes longer than to fill them."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_folder()),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: Any) -> Any:
    """What a template is given, plainly; not what is HTML already."""
    return safe_text.shown(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _page(**content: object) -> str:
    from markupsafe import Markup

    folder = template_folder()
    template = _environment().get_template("page.html.j2")
    text: str = template.render(
        **content,
        version=tinyflow.__version__,
        terms=TERMS,
        places=PLACES,
        definitions=METRICS,
        style=Markup((folder / "style.css").read_text(encoding="utf-8").strip()),
        script=Markup((folder / "script.js").read_text(encoding="utf-8").strip()),
    )
    return safe_text.plain(_without_implied_ends(text)) + "\n"


def _without_implied_ends(text: str) -> str:
    """HTML ends cells and rows by itself where the next ones begin; a page is a tenth smaller without the tags."""
    return re.sub("</t[dhr]>", "", text)


def _view(name: str, description: str, frame: Frame) -> dict[str, object]:
    """A frame as the template takes it: headings, and cells of text with whether they are numbers."""
    texts = frame.texts
    return {
        "name": name,
        "title": name,
        "descriptions": [description],
        "columns": [(column, column not in texts) for column in frame.columns],
        "rows": [[(spell(row.get(column)), column not in texts, False) for column in frame.columns] for row in frame],
    }


def _compared(compared: SideBySide) -> dict[str, object]:
    """Published figures beside ours, as `_view` gives a frame."""
    return {
        "name": compared.name,
        "title": compared.title,
        "descriptions": compared.notes,
        "columns": [(column, index > 0) for index, column in enumerate(compared.headings)],
        "rows": [[(cell.text, index > 0, cell.is_best) for index, cell in enumerate(row)] for row in compared.rows],
    }


def _counts(rows: Sequence[Row]) -> str:
    counts = Counter(row["status"] for row in rows)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"{len(rows)} benches: {told}" if rows else "no bench has run yet"
