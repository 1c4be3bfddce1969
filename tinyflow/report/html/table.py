"""The table of a report's page: exact values to sort by, readable ones to look at, definitions on hover."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyflow.report.html.bars import exact
from tinyflow.report.metrics import METRICS, Metric
from tinyflow.report.tables import spell_validation

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """`key` is what sorting compares: digits for numbers, empty where nothing was measured."""

    text: str
    key: str
    tip: str = ""
    is_best: bool = False


@dataclass(frozen=True)
class TableRow:
    """One bench. `words` is what the filter looks through."""

    bench: str
    anchor: str
    status: str
    words: str
    cells: tuple[Cell, ...]
    validation: str
    weights: str


@dataclass(frozen=True)
class Table:
    """Columns of metrics, `is_extra` ones hidden until asked for, and rows."""

    metrics: tuple[Metric, ...]
    rows: tuple[TableRow, ...]


def table(rows: Sequence[Row], anchors: Mapping[str, str]) -> Table:
    """All metrics that at least one bench has; those with a heading are shown at first."""
    present = {name for row in rows for name in row["metrics"]}
    metrics = tuple(metric for metric in METRICS if metric.name in present)
    best = _best(rows)
    return Table(metrics, tuple(_table_row(row, metrics, best, anchors[row["bench"]]) for row in rows))


def _table_row(
    row: Row, metrics: Sequence[Metric], best: Mapping[tuple[str, str, str], float], anchor: str
) -> TableRow:
    features = [name if value is True else f"{name}.{value}" for name, value in row["features"].items()]
    words = [row["bench"], row["model"], row["backend"], row["target"], *features, row["status"], row["weights"] or ""]
    return TableRow(
        bench=row["bench"],
        anchor=anchor,
        status=row["status"],
        words=" ".join(words).lower(),
        cells=tuple(_cell(row, metric, best) for metric in metrics),
        validation=spell_validation(row, "–"),
        weights=row["weights"] or "–",
    )


def _cell(row: Row, metric: Metric, best: Mapping[tuple[str, str, str], float]) -> Cell:
    value = row["metrics"].get(metric.name)
    if value is None:
        return Cell("", "")
    is_best = best.get((row["model"], row["target"], metric.name)) == value
    return Cell(metric.format(value), repr(value), f"{exact(value)} {metric.unit}", is_best)


def _best(rows: Sequence[Row]) -> dict[tuple[str, str, str], float]:
    """(model, target, metric) → the smallest value, where there are at least two different ones."""
    found = defaultdict(set)
    for row in rows:
        for metric in METRICS:
            if metric.is_ranked and metric.name in row["metrics"]:
                found[row["model"], row["target"], metric.name].add(row["metrics"][metric.name])
    return {place: min(values) for place, values in found.items() if len(values) > 1}
