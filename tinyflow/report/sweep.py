"""Rows of combinations as one table: sorted by what matters, the best marked, what can't be had at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinyflow.report.frame import Frame, frame_of
from tinyflow.report.metrics import METRICS, SHORT_NAMES
from tinyflow.report.tables import smallest

Row = Mapping[str, Any]

_RANKED = [metric.name for metric in METRICS if metric.is_ranked]
_SHOWN = ("invoke_instructions", "latency_ms", "invoke_s", "board_ms", "rom_bytes", "ram_bytes", "validation", "reason")
_NAMED = {full: short for short, full in reversed(SHORT_NAMES.items())}


def frame(rows: Sequence[Row], order: str) -> Frame:
    """By `order`, a column of results or `-column`. `best` names the metrics in which a bench is the best of its model.

    Raises UsageError for a column that there isn't.
    """
    good = [row for row in rows if row["status"] == "ok"]
    best = smallest(
        ((row["model"], name), row["metrics"][name]) for row in good for name in _RANKED if name in row["metrics"]
    )
    every = frame_of(rows)
    key = every.with_metrics().column(order.removeprefix("-"))
    shown = dict.fromkeys((key, *_SHOWN))
    marks = {
        row["bench"]: [name for name in shown if best.get((row["model"], name), ...) == row["metrics"].get(name)]
        for row in good
    }
    marked = (
        {**row, "best": ", ".join(_NAMED.get(name, name) for name in marks.get(row["bench"], ()))} for row in every
    )
    table = Frame((*every.columns, "best"), tuple({k: v for k, v in row.items() if v != ""} for row in marked))
    columns = [name for name in dict.fromkeys(("bench", "status", "best", *shown)) if name in table.columns]
    return Frame(table.columns, table.rows).sort([order] if key in table.columns else []).choose(columns).known()
