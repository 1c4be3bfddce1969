"""Pages: a bench's and a suite's report as one HTML text, from parsed documents and the templates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tinyflow
from tinyflow.recipes.schema import Suite
from tinyflow.report import tables
from tinyflow.report.documents import BenchDocuments
from tinyflow.report.formats import spell
from tinyflow.report.frame import Frame
from tinyflow.report.html import arena, bars, memory, profile, provenance
from tinyflow.report.html.fingerprint import template_folder
from tinyflow.report.html.table import Table, table
from tinyflow.report.metrics import METRICS
from tinyflow.report.published import SideBySide, side_by_side

Row = Mapping[str, Any]
Trends = Mapping[str, Mapping[str, str]]  # bench → metric → sparkline
NamedFrame = tuple[str, str, Frame]  # name, description

# A file that can be sent by mail: maps and profiles that have no room are left to the benches' own pages.
_MOST_BYTES = 1_950_000
_SYMBOLS_SHOWN = 12


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
    environment = _environment()

    def page(details: Sequence[str]) -> str:
        return _page(
            environment,
            fingerprint=fingerprint,
            title=suite.name,
            description=suite.description,
            command=f"doit suite:{suite.name}",
            counts=_counts(rows),
            notes=tables.notes(rows),
            table=table(rows, anchors),
            charts=bars.charts(rows, anchors),
            legend=bars.colours_of(rows),
            views=[*(_view(*view) for view in views), *map(_compared, side_by_side(suite, rows))],
            details=details,
        )

    return page(_fitting(environment, benches, anchors, trends or {}, _MOST_BYTES - len(page([]).encode())))


def _fitting(
    environment: Any, benches: Sequence[BenchDocuments], anchors: Mapping[str, str], trends: Trends, room_bytes: int
) -> list[str]:
    """The benches' parts of a page; from the last one on without maps and profile, until they have room."""
    names = [bench.report["bench"] for bench in benches]
    details = [
        _detail(environment, bench, anchors[name], trends=trends.get(name, {}))
        for name, bench in zip(names, benches, strict=True)
    ]
    size = sum(len(detail.encode()) for detail in details)
    for index in reversed(range(len(details))):
        if size <= room_bytes:
            break
        size -= len(details[index].encode())
        details[index] = _detail(environment, BenchDocuments(benches[index].report), anchors[names[index]], is_cut=True)
        size += len(details[index].encode())
    return details


def bench_page(bench: BenchDocuments, *, fingerprint: str, trends: Mapping[str, str] | None = None) -> str:
    """The page of one bench, everything unfolded."""
    environment = _environment()
    report = bench.report
    anchor = anchors_of([report])[report["bench"]]
    return _page(
        environment,
        fingerprint=fingerprint,
        title=report["bench"],
        description=f"{report['model']} by {report['backend']} on {report['target']}",
        command=f"doit bench:{report['bench']}",
        counts=report["status"],
        notes=tables.notes([report]),
        table=Table((), ()),
        charts=[],
        legend={},
        views=[],
        details=[_detail(environment, bench, anchor, trends=trends or {}, is_open=True)],
    )


def anchors_of(rows: Iterable[Row]) -> dict[str, str]:
    """Bench → the name of its place in the page."""
    return {row["bench"]: re.sub(r"[^A-Za-z0-9_-]", "_", f"bench-{row['bench']}") for row in rows}


def _environment() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_folder()),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _page(environment: Any, **content: object) -> str:
    from markupsafe import Markup

    folder = template_folder()
    text: str = environment.get_template("page.html.j2").render(
        **content,
        version=tinyflow.__version__,
        definitions=METRICS,
        style=Markup((folder / "style.css").read_text(encoding="utf-8").strip()),
        script=Markup((folder / "script.js").read_text(encoding="utf-8").strip()),
    )
    return text + "\n"


def _detail(
    environment: Any,
    bench: BenchDocuments,
    anchor: str,
    *,
    trends: Mapping[str, str] | None = None,
    is_open: bool = False,
    is_cut: bool = False,
) -> str:
    report, plan, run, sizes = bench.report, bench.plan, bench.run, bench.sizes
    metrics = [(metric, report["metrics"][metric.name]) for metric in METRICS if metric.name in report["metrics"]]
    text: str = environment.get_template("detail.html.j2").render(
        report=report,
        anchor=anchor,
        summary=_summary(report),
        metrics=metrics,
        trends=trends or {},
        exact=bars.exact,
        regions=memory.regions(sizes) if sizes else [],
        symbols=sizes["symbols"][:_SYMBOLS_SHOWN] if sizes else [],
        arena=arena.arena_map(plan) if plan else None,
        layers=profile.layers(plan, run) if plan and plan.get("layers") else [],
        functions=profile.functions(run) if run else [],
        steps=provenance.steps(bench.provenance),
        command=f"doit bench:{report['bench']}",
        is_open=is_open,
        is_cut=is_cut,
    )
    return text


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


def _summary(report: Row) -> str:
    """The few numbers that stand beside a bench's name."""
    told = [f"{m.heading} {m.format(report['metrics'][m.name])}" for m in METRICS if m.name in report["metrics"]]
    shown = {"invoke", "ROM", "RAM", "time"}
    found = [text for text in told if text.split(" ")[0] in shown]
    return ", ".join(found) if found else str(report["status"])


def _counts(rows: Sequence[Row]) -> str:
    counts = Counter(row["status"] for row in rows)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"{len(rows)} benches: {told}" if rows else "no bench has run yet"
