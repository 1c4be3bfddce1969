"""What benches measured over time: one file of JSON lines per bench, only ever added to.

    {"date": "2025-01-31T12:00:00Z", "commit": "…" or null, "is_dirty": false, "weights": "trained",
     "metrics": {"rom_bytes": 256260, …}, "versions": {"rom_bytes": 2}}

A bench that failed has `status` and `reason`, too, and no metrics. `versions` names the definitions that are not the
first: numbers of two definitions are never drawn as one line. Nothing here goes into any key. A line that can't be read
(a session was killed while writing it) is passed over.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

from tinyflow.core import safe_text
from tinyflow.report.metrics import BY_NAME
from tinyflow.report.rows import SCHEMA, is_cycle_model

_SPARK_WIDTH, _SPARK_HEIGHT = 120.0, 22.0
_SPARK_MOST = 60  # points
_SHORT_COMMIT = 10
_MOST_REASON = 1000  # characters
_TAIL_BYTES = 1 << 14  # longer than a line


@dataclass(frozen=True)
class Record:
    """One result of one bench."""

    date: str
    commit: str | None
    is_dirty: bool
    weights: str | None
    metrics: Mapping[str, float]
    versions: Mapping[str, int]
    status: str = "ok"
    reason: str | None = None
    cycle_model: Mapping[str, Any] | None = None  # by what cycles were estimated

    @property
    def place(self) -> str | None:
        """The commit, with `+` where files differed from it."""
        return None if self.commit is None else self.commit + ("+" if self.is_dirty else "")

    def is_of(self, report: Mapping[str, Any]) -> bool:
        """Whether this was recorded of just this result."""
        return _record_of(report, self.commit, self.is_dirty, self.date) == self

    def as_report(self, bench: str) -> dict[str, Any]:
        """As much of a `report.json` as comparing needs."""
        return {
            "schema": SCHEMA,
            "bench": bench,
            "status": self.status,
            "reason": self.reason,
            "weights": self.weights,
            "metrics": {name: value for name, value in self.metrics.items() if self.is_of_now(name)},
            **({"cycle_model": self.cycle_model} if self.cycle_model else {}),
        }

    def is_of_now(self, metric: str) -> bool:
        """Whether the number was measured by the definition that we use."""
        return metric in BY_NAME and self.versions.get(metric, 1) == BY_NAME[metric].version


def add(path: Path, report: Mapping[str, Any], *, commit: str | None, is_dirty: bool, date: str) -> bool:
    """Record a result, good or failed, unless it is what was recorded last for this commit; whether it was added."""
    record = _record_of(report, commit, is_dirty, date)
    before = last(path)
    if before is not None and replace(before, date=date) == record:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    optional = ("status", "reason", "cycle_model")
    written = {name: value for name, value in vars(record).items() if name not in optional}
    if record.status != "ok":
        written |= {"status": record.status, "reason": record.reason}
    if record.cycle_model:
        written["cycle_model"] = record.cycle_model
    # One write of one line, so that two sessions at a time don't mix theirs; a torn line before it is ended.
    with _open(path, "ab") as file:
        torn = b"\n" if file.tell() and not _tail(path).endswith(b"\n") else b""
        file.write(torn + safe_text.plain_json(json.dumps(written, separators=(",", ":"))).encode() + b"\n")
    return True


def _record_of(report: Mapping[str, Any], commit: str | None, is_dirty: bool, date: str) -> Record:
    # Noise of the machine that runs it stays out; a record of that would make each run a new one.
    recorded = {name for name, metric in BY_NAME.items() if metric.kind not in ("time", "noise")}
    measured = report["metrics"] if report["status"] == "ok" else {}  # not the sizes of what doesn't fit
    metrics = {name: value for name, value in measured.items() if name in recorded}
    versions = {name: BY_NAME[name].version for name in metrics if BY_NAME[name].version != 1}
    reason = (report.get("reason") or "")[:_MOST_REASON] or None
    model = report.get("cycle_model") if "cycles_estimate" in metrics else None
    return Record(date, commit, is_dirty, report["weights"], metrics, versions, str(report["status"]), reason, model)


def short(place: str) -> str:
    """A commit, with `+` or without, for people."""
    return place[:_SHORT_COMMIT] + ("+" if place[_SHORT_COMMIT:].endswith("+") else "")


def read(path: Path) -> list[Record]:
    """All records of a bench, oldest first; none where there is no file."""
    try:
        with _open(path, "rb") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    return [record for line in lines if (record := _parse(line)) is not None]


def last(path: Path) -> Record | None:
    """The newest record of a bench, by the end of its file alone."""
    try:
        return _parse(_tail(path).splitlines()[-1])
    except (OSError, IndexError):
        return None


def _tail(path: Path) -> bytes:
    with _open(path, "rb") as file:
        file.seek(-min(_TAIL_BYTES, file.seek(0, os.SEEK_END)), os.SEEK_END)
        return file.read()


def _open(path: Path, mode: Literal["rb", "ab"]) -> BinaryIO:
    """Never waits, as for the other end of a pipe: OSError, or nothing to read."""
    return open(path, mode, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK, 0o666))


def _parse(line: bytes) -> Record | None:
    """A line as a record, or None where it isn't whole: it is printed, drawn and compared, so every type counts."""
    try:
        record = Record(**json.loads(line))
        texts = (record.date, record.commit or "", record.weights or "", record.status, record.reason or "")
        numbers = (*record.metrics.values(), *record.versions.values())
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    is_whole = all(isinstance(text, str) for text in texts) and isinstance(record.is_dirty, bool)
    is_whole &= record.cycle_model is None or is_cycle_model(record.cycle_model)
    return record if is_whole and all(map(is_number, numbers)) else None


def is_number(value: object) -> bool:
    """Whether what came from a file can be computed with."""
    return type(value) is int or (type(value) is float and math.isfinite(value))


def read_all(folder: Path) -> dict[str, list[Record]]:
    """The records of every bench, by name."""
    return {path.stem: read(path) for path in sorted(folder.glob("*.jsonl"))}


def at_commit(records: Sequence[Record], commit: str) -> Record | None:
    """What was measured last at a commit, with all files as they are there."""
    return next((record for record in reversed(records) if record.commit == commit and not record.is_dirty), None)


def series(records: Sequence[Record], metric: str) -> list[float]:
    """The values of a metric over time by today's definition, without repetitions."""
    values = [record.metrics[metric] for record in records if metric in record.metrics and record.is_of_now(metric)]
    return [value for index, value in enumerate(values) if index == 0 or value != values[index - 1]]


def text_sparkline(values: Sequence[float]) -> str:
    """Eight heights of a block: the course of a few numbers in one line of text."""
    if not values:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1
    return "".join("▁▂▃▄▅▆▇█"[round(7 * (value - low) / span)] for value in values)


def sparkline(metric: str, values: Sequence[float]) -> str:
    """The same as a drawing; empty for fewer than two values."""
    values = values[-_SPARK_MOST:]
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    from tinyflow.report.html.svg import Drawing

    drawing = Drawing(_SPARK_WIDTH, _SPARK_HEIGHT, f"{metric} so far: {low:,} to {high:,}", "spark")
    room, step = _SPARK_HEIGHT - 8, (_SPARK_WIDTH - 8) / (len(values) - 1)
    points = [(4 + index * step, 4 + room * (high - value) / (high - low)) for index, value in enumerate(values)]
    drawing.path(points, style="course")
    for point, value in ((points[0], values[0]), (points[-1], values[-1])):
        drawing.dot(*point, 2.0, style="s0", tip=f"{value:,}")
    return str(drawing)
