"""Two sides, bench by bench and metric by metric: old, new, ratio, verdict.

Counts and sizes are exact, so any difference is one. Times come as repeated samples: without a significant difference
the verdict is `~`; where only their spread is known, a difference that isn't larger is none. So it is for estimates
that differ by less than their model's error; those of two models have only changed. As JSON:

    {"schema": 1, "old": NAME, "new": NAME, "changes": [{"bench", "metric", "old", "new", "ratio", "verdict",
     "limit": text or null, "is_regression": bool, "old_commit": text or null, "new_commit": text or null,
     "spreads": [number or null, number or null], or without}],
     "warnings": [text]}

A commit ends with `+` where files differed from it. `spreads` has how much old and new vary, if they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.core.units import parse_size
from tinyflow.recipes.suggest import hint_for
from tinyflow.report.metrics import BY_NAME, METRICS
from tinyflow.report.rows import cycle_model_of, warnings_of
from tinyflow.report.significance import is_significant

Report = Mapping[str, Any]
Limits = Mapping[str, str]  # metric → "0", "1KiB", "0.5%"

TIMES = frozenset(metric.name for metric in METRICS if metric.kind == "time")
# What a user cares about where nobody said; anything worse by one is a regression.
DEFAULT_LIMITS: Limits = {"invoke_instructions": "0", "rom_bytes": "0", "ram_bytes": "0"}

_DIGITS = 9  # of milliseconds


@dataclass(frozen=True)
class Measured:
    """A bench on one side. `samples` are repeated times by metric; `commit` is what it was measured at, if known.

    `is_missing`: nobody measured it there, and the report's status says so.
    """

    report: Report
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)
    commit: str | None = None
    is_missing: bool = False


Results = Mapping[str, Measured]  # what benches are paired by, usually their name


@dataclass(frozen=True)
class Change:
    """One metric of one bench; `metric` is `status` or `weights` where that alone differs."""

    bench: str
    metric: str
    old: float | str | None
    new: float | str | None
    verdict: str  # same, better, worse, changed, ~, new, gone, not measured, failed, fixed
    limit: str | None = None
    is_regression: bool = False
    old_commit: str | None = None
    new_commit: str | None = None
    spreads: tuple[float | None, float | None] = (None, None)  # how much both vary

    @property
    def ratio(self) -> float | None:
        """New by old, where both are numbers."""
        if isinstance(self.old, str) or isinstance(self.new, str) or not self.old or self.new is None:
            return None
        return self.new / self.old


def compare(old: Results, new: Results, limits: Limits, *, must_stay: bool = False) -> list[Change]:
    """All changes and all that stayed, in the order of the old side. `must_stay`: a bench that is gone is a regression.

    So is one that fails on the new side, whatever it did on the old one, and one that was only measured on the old one.
    Raises UsageError for limits of unknown metrics.
    """
    for name in limits:
        if name not in BY_NAME:
            raise UsageError(f'unknown metric "{name}"', hint=hint_for(name, list(BY_NAME), "metrics"))
    changes: list[Change] = []
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        places = [None if measured is None else measured.commit for measured in (before, after)]
        changes += [
            replace(change, old_commit=places[0], new_commit=places[1])
            for change in _bench_changes(name, before, after, limits, must_stay)
        ]
    return changes


def _bench_changes(
    name: str, old: Measured | None, new: Measured | None, limits: Limits, must_stay: bool
) -> Iterator[Change]:
    status = (_status(old), _status(new))
    if new is not None and not new.is_missing and status[1] != "ok":
        yield Change(name, "status", *status, "failed", is_regression=True)
        return
    if old is None or new is None:
        yield Change(name, "status", *status, "new" if old is None else "gone", None, new is None and must_stay)
        return
    if old.is_missing or new.is_missing:
        if not (old.is_missing and new.is_missing):
            yield Change(name, "status", *status, "not measured", is_regression=new.is_missing)
        return
    if status[0] != "ok":
        yield Change(name, "status", *status, "fixed")
        return
    if old.report["weights"] != new.report["weights"]:
        # Other constants, other zeros: sizes and paths that depend on data can't be held against each other.
        yield Change(name, "weights", old.report["weights"], new.report["weights"], "changed")
        return
    for metric in METRICS:
        if metric.kind != "noise" and (metric.name in old.report["metrics"] or metric.name in new.report["metrics"]):
            yield _metric_change(name, metric.name, old, new, limits.get(metric.name))


def doubts(old: Results, new: Results) -> list[str]:
    """What to mind of these sides, a sentence each with the bench.

    That it has two models, and why equal outputs say less than it seems, with the side.
    """
    models = {name: [side[name].report.get("model") for side in (old, new)] for name in old if name in new}
    told = [
        f"{name}: two models are compared, {one} and {other}"
        for name, (one, other) in models.items()
        if one != other and one and other
    ]
    found: dict[tuple[str, str], list[str]] = {}
    for word, side in (("old", old), ("new", new)):
        for name, measured in side.items():
            for warning in warnings_of(measured.report):
                found.setdefault((name, warning), []).append(word)
    return told + [f"{name} ({' and '.join(words)}): {warning}" for (name, warning), words in found.items()]


def _metric_change(bench: str, metric: str, old: Measured, new: Measured, limit: str | None) -> Change:
    before, after = old.report["metrics"].get(metric), new.report["metrics"].get(metric)
    verdict = _verdict(metric, before, after)
    if verdict in ("better", "worse"):
        if metric in TIMES and _is_chance(metric, old, new):
            verdict = "~"
        elif BY_NAME[metric].kind == "estimate":
            verdict = _estimates_verdict(verdict, after / before, *map(cycle_model_of, (old.report, new.report)))
    is_over = verdict == "worse" and limit is not None and abs(after - before) > allowed(limit, before)
    spreads = (_spread(metric, old), _spread(metric, new))
    return Change(bench, metric, before, after, verdict, limit, is_over, spreads=spreads)


def _is_chance(metric: str, old: Measured, new: Measured) -> bool:
    """Whether a time differs no more than it does from one repetition to the next."""
    repeated = BY_NAME[metric].repeated
    before, after = (side.samples.get(repeated, ()) for side in (old, new))
    if before or after:
        return not is_significant(before, after)
    spreads = [_spread(metric, side) for side in (old, new)]
    apart = round(abs(new.report["metrics"][metric] - old.report["metrics"][metric]), _DIGITS)
    return any(spread is None or apart <= spread for spread in spreads)


def _spread(metric: str, side: Measured) -> float | None:
    """How much a time varies; None where it doesn't or nobody knows."""
    repeated = BY_NAME[metric].repeated
    metrics: Mapping[str, float] = side.report["metrics"]
    spread = metrics.get(f"{repeated}_spread")
    if spread is None or metric not in metrics or BY_NAME[metric].unit == BY_NAME[repeated].unit:
        return spread
    return round(spread * metrics[metric] / metrics[repeated], _DIGITS)


def _estimates_verdict(verdict: str, ratio: float, old: Report, new: Report) -> str:
    if old != new or not old:
        return "changed"
    return "~" if abs(ratio - 1) * 100 <= old["error_percent"] else verdict


def _verdict(metric: str, before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "new" if before is None else "gone"
    if before == after:
        return "same"
    if BY_NAME[metric].kind == "neutral":
        return "changed"
    return "better" if (after < before) != BY_NAME[metric].is_more_better else "worse"


def allowed(limit: str, before: float) -> float:
    """How much more a limit allows, in the metric's unit."""
    text = limit.replace(" ", "")
    if text.endswith("%"):
        return before * float(text[:-1]) / 100
    return float(text) if text[-1].isdigit() else float(parse_size(text))


def _status(side: Measured | None) -> str | None:
    return None if side is None else str(side.report["status"])
