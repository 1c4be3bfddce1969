"""Which benches keep what was asked for: verdicts with margins, the quickest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyflow.report.metrics import BY_NAME
from tinyflow.report.rows import cycle_model_of
from tinyflow.report.tables import aligned, records

Row = Mapping[str, Any]
Limits = Mapping[str, float]  # metric → the most that it may be, in its unit

FITS, PERHAPS, NO, UNKNOWN = "fits", "perhaps", "no", "unknown"
_ORDER = (FITS, PERHAPS, UNKNOWN, NO)


@dataclass(frozen=True)
class Fit:
    """One bench against the limits. `margins`: metric → percent of its limit left, negative where it is over."""

    row: Row
    verdict: str
    margins: Mapping[str, float]


def fits(rows: Iterable[Row], limits: Limits) -> list[Fit]:
    """All rows with their verdicts, those that fit first, the quickest of them first.

    An estimate fits where it does even if it is as far off as its model may be, and perhaps where that could decide it.
    """
    found = [_fit(row, limits) for row in _different(rows)]
    return sorted(found, key=lambda fit: (_ORDER.index(fit.verdict), *_speed(fit.row), fit.row["bench"]))


def _different(rows: Iterable[Row]) -> Iterator[Row]:
    """Without those for which a feature changed nothing."""
    known: dict[tuple[str, str], list[Mapping[str, float]]] = {}
    for row in sorted(rows, key=lambda row: len(row["features"])):
        metrics = {name: value for name, value in row["metrics"].items() if BY_NAME[name].kind != "noise"}
        before = known.setdefault((row["backend"], row["target"]), [])
        if row["status"] != "ok" or metrics not in before:
            before.append(metrics)
            yield row


def _speed(row: Row) -> tuple[float, float]:
    metrics = row["metrics"]
    return metrics.get("latency_ms", float("inf")), metrics.get("invoke_instructions", float("inf"))


def _fit(row: Row, limits: Limits) -> Fit:
    metrics = row["metrics"]
    if row["status"] != "ok":
        return Fit(row, NO, {})
    verdicts = {_verdict(row, metric, limit) for metric, limit in limits.items()}
    worst = max(verdicts, key=(FITS, PERHAPS, UNKNOWN, NO).index, default=FITS)
    margins = {metric: 100 * (1 - metrics[metric] / limit) for metric, limit in limits.items() if metric in metrics}
    return Fit(row, worst, margins)


def _verdict(row: Row, metric: str, limit: float) -> str:
    value = row["metrics"].get(metric)
    if value is None:
        return UNKNOWN
    error = cycle_model_of(row).get("error_percent", 0) / 100 if BY_NAME[metric].kind == "estimate" else 0.0
    if value * (1 + error) <= limit:
        return FITS
    return PERHAPS if value * (1 - error) <= limit else NO


def to_text(found: Sequence[Fit], limits: Limits, width: int | None = None) -> str:
    """A table: the verdict, each metric that there is a limit for, and how much of that is left.

    Where a terminal is narrower, `width`, each bench is a record.
    """
    shown = list(dict.fromkeys([*limits, "latency_ms", "ram_bytes", "rom_bytes"]))
    lines = [["bench", "verdict", *(cell for name in shown for cell in _headings(name, limits))]]
    for fit in found:
        cells = [cell for name in shown for cell in _cells(fit, name, limits)]
        lines.append([fit.row["bench"], fit.verdict if fit.row["status"] == "ok" else fit.row["status"], *cells])
    has_doubts = any(fit.verdict == PERHAPS for fit in found)
    legend = "perhaps: whether it keeps the limit is within the model's error\n" if has_doubts else ""
    told = aligned(lines, [False, False, *(True for _ in lines[0][2:])])
    if width is not None and max(map(len, told)) > width:
        told = records(lines[0], lines[1:], width)
    return "\n".join(told) + f"\n{legend}"


def _headings(name: str, limits: Limits) -> list[str]:
    metric = BY_NAME[name]
    limited = [f"of {metric.format(limits[name])}"] if name in limits else []
    return [metric.heading, *limited]


def _cells(fit: Fit, name: str, limits: Limits) -> list[str]:
    value = fit.row["metrics"].get(name)
    spelled = "-" if value is None else BY_NAME[name].format(value)
    margin = [f"{fit.margins[name]:+.0f} %" if name in fit.margins else "-"] if name in limits else []
    return [spelled, *margin]
