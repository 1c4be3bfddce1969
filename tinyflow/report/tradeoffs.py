"""Memory against time over the benches of a network: which can be compared, on which axes, and the Pareto front.

Data alone: pages, plots and tables show the same. Rows are flat, as a `Frame` has them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tinyflow.report.frame import Frame
from tinyflow.report.metrics import BY_NAME, Metric
from tinyflow.report.pareto import best

Row = Mapping[str, Any]

# What can be the time of a network's benches: the first that half of them have. Instructions come last, for those of
# one processor are not those of another.
TIMES = ("latency_ms", "board_ms", "invoke_s", "invoke_instructions")
MEMORIES = ("ram_bytes", "rom_bytes")
# Columns of tables, and in what a row on that front is not beaten besides time.
FRONTS: Mapping[str, tuple[str, ...]] = {
    "pareto_ram": ("ram_bytes",),
    "pareto_rom": ("rom_bytes",),
    "pareto": MEMORIES,
}
_DECADE = 10  # an axis whose values span more is logarithmic
_SCALES: Mapping[str, tuple[tuple[float, str], ...]] = {  # unit → from the largest on
    "bytes": ((1 << 20, "MiB"), (1 << 10, "KiB"), (1, "bytes")),
    "ms": ((1e3, "s"), (1, "ms"), (1e-3, "us")),
    "s": ((1, "s"), (1e-3, "ms"), (1e-6, "us")),
    "instructions": ((1e9, "G instructions"), (1e6, "M instructions"), (1e3, "k instructions"), (1, "instructions")),
    "cycles": ((1e9, "G cycles"), (1e6, "M cycles"), (1e3, "k cycles"), (1, "cycles")),
    "uJ": ((1e3, "mJ"), (1, "uJ")),
}


class Point(NamedTuple):
    """One bench in one plot."""

    row: Row
    time: float
    memory: float
    is_on_front: bool


class Plane(NamedTuple):
    """One kind of memory against time."""

    memory: Metric
    points: tuple[Point, ...]

    @property
    def front(self) -> list[Point]:
        """What no other is better than, the fastest first; equal ones once."""
        found = {(point.time, point.memory): point for point in reversed(self.points) if point.is_on_front}
        return [found[place] for place in sorted(found)]


@dataclass(frozen=True)
class Network:
    """The trade-offs of one network. `left_out` has the benches that aren't compared, and why."""

    model: str
    time: Metric
    planes: tuple[Plane, ...]
    left_out: tuple[tuple[str, str], ...]


def networks(rows: Iterable[Row]) -> list[Network]:
    """Each network of which there is something to compare: two benches that have a time and a memory."""
    by_model: dict[str, list[Row]] = {}
    for row in rows:
        by_model.setdefault(row["model"], []).append(row)
    found = (_network(model, members) for model, members in by_model.items())
    return [network for network in found if network is not None and network.planes]


def _network(model: str, rows: Sequence[Row]) -> Network | None:
    time = time_of(rows)
    if time is None:
        return None
    planes, compared = [], set()
    for memory in MEMORIES:
        known = [row for row in rows if _has(row, time, memory)]
        places = [(row[time], row[memory]) for row in known]
        on_front = _front(places)
        if len(places) > 1:
            points = (Point(row, *place, place in on_front) for row, place in zip(known, places, strict=True))
            planes.append(Plane(BY_NAME[memory], tuple(points)))
            compared |= {row["bench"] for row in known}
    left_out = tuple((row["bench"], _why(row, time)) for row in rows if row["bench"] not in compared)
    return Network(model, BY_NAME[time], tuple(planes), left_out)


def time_of(rows: Sequence[Row]) -> str | None:
    """What the time of these rows is; None where none has any."""
    good = [row for row in rows if row["status"] == "ok"]
    counts = Counter(name for row in good for name in TIMES if row.get(name) is not None)
    common = (name for name in TIMES if 0 < counts[name] >= len(good) / 2)
    return next(common, max(counts, key=lambda name: counts[name], default=None))


def _has(row: Row, *names: str) -> bool:
    return row["status"] == "ok" and all(row.get(name) is not None for name in names)


def _front(places: Sequence[tuple[float, ...]]) -> set[tuple[float, ...]]:
    return {place for place, is_best in zip(places, best(places), strict=True) if is_best}


def _why(row: Row, time: str) -> str:
    if row["status"] != "ok":
        reason = (row.get("reason") or "").partition("\n")[0]
        return f"{row['status']}: {reason}" if reason else str(row["status"])
    missing = next((name for name in (time, *MEMORIES) if row.get(name) is None), None)
    return f"no {missing}" if missing else "nothing to compare it with"


def with_fronts(frame: Frame) -> Frame:
    """A frame with what is on its networks' fronts as columns: `yes` or `no`, nothing of what isn't compared."""
    marks: list[dict[str, str]] = [{} for _ in frame]
    for model in dict.fromkeys(row["model"] for row in frame):
        rows = [(index, row) for index, row in enumerate(frame) if row["model"] == model]
        time = time_of([row for _, row in rows])
        for column, memories in FRONTS.items() if time else ():
            names = (time or "", *memories)
            known = {index: tuple(row[name] for name in names) for index, row in rows if _has(row, *names)}
            on_front = _front(list(known.values()))
            for index, place in known.items():
                marks[index][column] = "yes" if place in on_front else "no"
    kept = ({name: value for name, value in row.items() if name not in FRONTS} for row in frame)
    columns = dict.fromkeys([*(name for name in frame.columns if name not in (*FRONTS, "reason")), *FRONTS])
    last = ("reason",) if "reason" in frame.columns else ()
    return Frame((*columns, *last), tuple({**row, **mark} for row, mark in zip(kept, marks, strict=True)))


@dataclass(frozen=True)
class Axis:
    """From `low` to `high` in units of `divisor` each; logarithmic where the values span more than a decade."""

    unit: str
    divisor: float
    is_log: bool
    low: float
    high: float

    def place(self, value: float) -> float:
        """Where a value lies: 0 at the low end, 1 at the high one."""
        low, high, at = self._scaled(self.low), self._scaled(self.high), self._scaled(value / self.divisor)
        return (at - low) / (high - low)

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.is_log else value

    @property
    def ticks(self) -> list[float]:
        """Round numbers between the ends, in the axis' unit."""
        if not self.is_log:
            step = _nice_step((self.high - self.low) / 4)
            first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            return [index * step for index in range(first, last + 1)]
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        fine, coarse = (
            [tick for decade in decades for one in ones if self.low <= (tick := one * 10.0**decade) <= self.high]
            for ones in ((1, 2, 5), (1,))
        )
        return fine if len(fine) <= 6 else coarse


def axis(metric: Metric, values: Sequence[float]) -> Axis:
    """An axis for some values of a metric, with a little room at both ends."""
    largest, smallest = max(values), min(values)
    scales = _SCALES.get(metric.unit, ((1, metric.unit),))
    divisor, unit = next((scale for scale in scales if scale[0] <= largest), scales[-1])
    low, high = smallest / divisor, largest / divisor
    if low > 0 and high / low >= _DECADE:
        room = (high / low) ** 0.07
        return Axis(unit, divisor, True, low / room, high * room)
    room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(unit, divisor, False, max(low - room, 0.0) if low >= 0 else low - room, high + room)


def _nice_step(least: float) -> float:
    """1, 2, 2.5 or 5 times a power of ten."""
    decade = 10.0 ** math.floor(math.log10(least))
    return next(factor * decade for factor in (1, 2, 2.5, 5, 10) if factor * decade >= least * (1 - 1e-9))


def label(metric: Metric, scale: Axis, what: str = "") -> str:
    """`latency, estimated [ms]`; `what` tells more of it."""
    estimated = ", estimated" * (metric.kind == "estimate")
    return f"{metric.heading or metric.name}{what}{estimated} [{scale.unit}]"


def spell_tick(value: float) -> str:
    """`0.5`, `20`, `1000`."""
    return f"{value:.6g}"


def variant(row: Row) -> str:
    """A bench's name without its model: `tvmaot-stm32f7+dsp`."""
    return str(row["bench"])[len(row["model"]) + 1 :]
