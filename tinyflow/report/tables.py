"""Tables of report rows for people (console, Markdown) and for programs (CSV, JSON). Same rows, same bytes.

`rich` is imported only when a table is drawn on a terminal; elsewhere a plain table does.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tinyflow.report.metrics import METRICS, Metric

if TYPE_CHECKING:
    from rich.table import Table

Row = Mapping[str, Any]  # one bench's report.json
_NOT_MEASURED = "-"
_NAMING = ("bench", "model", "backend", "target", "features", "status", "weights")


def to_csv(rows: Sequence[Row]) -> str:
    """One line per bench; every metric has a column, empty where it wasn't measured."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_NAMING, "validation", *(metric.name for metric in METRICS), "reason"])
    for row in rows:
        naming = [_features(row) if name == "features" else row[name] or "" for name in _NAMING]
        numbers = [row["metrics"].get(metric.name, "") for metric in METRICS]
        writer.writerow([*naming, _validation(row, ""), *numbers, row["reason"] or ""])
    return text.getvalue()


def to_json(suite: str, rows: Sequence[Row]) -> str:
    """All rows with the definition and unit of each metric."""
    document = {
        "schema": 1,
        "suite": suite,
        "metrics": {metric.name: {"unit": metric.unit, "definition": metric.definition} for metric in METRICS},
        "benches": [dict(row) for row in rows],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def to_markdown(suite: str, rows: Sequence[Row]) -> str:
    """A table with exact numbers, the reasons of what failed, and the definitions of its columns."""
    metrics = _columns(rows)
    heading = ["bench", "status", *(f"{metric.heading} [{metric.unit}]" for metric in metrics), "output", "weights"]
    lines = [f"# {suite}", "", _line(heading), _line(["---", "---", *("---:" for _ in metrics), "---", "---"])]
    for row in rows:
        numbers = [_exact(row["metrics"].get(metric.name)) for metric in metrics]
        lines.append(
            _line([f"`{row['bench']}`", row["status"], *numbers, _validation(row), row["weights"] or _NOT_MEASURED])
        )
    failures = [f"- `{row['bench']}`: {row['reason']}" for row in rows if row["reason"]]
    if failures:
        lines += ["", "## What failed", "", *failures]
    lines += ["", "## What the numbers mean", ""]
    lines += [f"- {metric.heading}: `{metric.name}`, {metric.definition}" for metric in metrics]
    lines += [f"- {note}" for note in _notes(rows)]
    return "\n".join(lines) + "\n"


def to_text(rows: Sequence[Row]) -> str:
    """An aligned table without colours or box lines, for logs and pipes."""
    heading, *body = cells = [_heading(rows), *_body(rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heading))]
    numbers = range(2, len(heading) - 2)
    lines = []
    for line in (heading, *body):
        aligned = (
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        lines.append("  ".join(aligned).rstrip())
    return "\n".join([*lines, *_notes(rows)]) + "\n"


def to_rich(rows: Sequence[Row]) -> Table:
    """The same table for a terminal."""
    from rich.markup import escape
    from rich.table import Table

    heading = _heading(rows)
    table = Table(header_style="bold", caption="; ".join(_notes(rows)) or None, caption_justify="left")
    for column, name in enumerate(heading):
        is_number = 2 <= column < len(heading) - 2
        table.add_column(name, justify="right" if is_number else "left", no_wrap=column < 2, overflow="fold")
    for row, cells in zip(rows, _body(rows), strict=True):
        table.add_row(*map(escape, cells), style=None if row["status"] == "ok" else "red")
    return table


def _heading(rows: Sequence[Row]) -> list[str]:
    return ["bench", "status", *(metric.heading for metric in _columns(rows)), "output", "weights"]


def _body(rows: Sequence[Row]) -> list[list[str]]:
    metrics = _columns(rows)
    return [
        [
            row["bench"],
            row["status"],
            *(_readable(metric, row["metrics"].get(metric.name)) for metric in metrics),
            _validation(row),
            row["weights"] or _NOT_MEASURED,
        ]
        for row in rows
    ]


def _columns(rows: Iterable[Row]) -> list[Metric]:
    """Metrics with a column of their own that at least one bench has."""
    present = {name for row in rows for name in row["metrics"]}
    return [metric for metric in METRICS if metric.heading and metric.name in present]


def _notes(rows: Iterable[Row]) -> list[str]:
    if any(row["weights"] == "synthetic" for row in rows):
        return ["synthetic weights: sizes and speed are those of the real graph, accuracy says nothing"]
    return []


def _validation(row: Row, absent: str = _NOT_MEASURED) -> str:
    validation = row["validation"]
    if not validation:
        return absent
    result = str(validation["result"])
    if result == "exact":
        return result
    return f"{result} (±{validation['max_abs_error']})"


def _features(row: Row) -> str:
    return "+".join(name if value is True else f"{name}.{value}" for name, value in row["features"].items())


def _readable(metric: Metric, value: float | None) -> str:
    return _NOT_MEASURED if value is None else metric.format(value)


def _exact(value: float | None) -> str:
    return _NOT_MEASURED if value is None else f"{value:,}"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
