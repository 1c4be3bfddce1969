"""The table of a report's page: exact values to sort by, readable ones to look at, definitions on hover."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from tinyflow.report.html.bars import exact
from tinyflow.report.metrics import METRICS, Metric
from tinyflow.report.tables import smallest, spell_features, spell_validation

Row = Mapping[str, Any]


def table(rows: Sequence[Row], anchors: Mapping[str, str]) -> dict[str, Any]:
    """For the template: `metrics` that at least one bench has (those with a heading are shown at first), and `rows`.

    Of a row `words` is what the filter looks through; of a cell: its text, what sorting compares (digits for numbers,
    empty where nothing was measured), what shows on hover, and whether it is the smallest.
    """
    present = {name for row in rows for name in row["metrics"]}
    metrics = [metric for metric in METRICS if metric.name in present]
    ranked = [metric.name for metric in metrics if metric.is_ranked]
    best = smallest(
        ((row["model"], row["target"], name), row["metrics"][name])
        for row in rows
        for name in ranked
        if name in row["metrics"] and row["status"] == "ok"
    )
    made = []
    for row in rows:
        features = filter(None, spell_features(row).split("+"))
        naming = [row[name] for name in ("bench", "model", "backend", "target")]
        made.append(
            {
                "report": row,
                "anchor": anchors[row["bench"]],
                "words": " ".join([*naming, *features, row["status"], row["weights"] or ""]).lower(),
                "cells": [_cell(row, metric, best) for metric in metrics],
                "validation": spell_validation(row, "–"),
            }
        )
    return {"metrics": metrics, "rows": made}


def _cell(row: Row, metric: Metric, best: Mapping[Hashable, float]) -> tuple[str, str, str, bool]:
    value = row["metrics"].get(metric.name)
    if value is None:
        return "", "", "", False
    is_best = row["status"] == "ok" and best.get((row["model"], row["target"], metric.name)) == value
    return metric.format(value), repr(value), f"{exact(value)} {metric.unit}", is_best
