"""Tables made of results by a recipe's steps: choose, rename, compute, scale, sort, group, pivot, compare.

Each step is data (`tinyflow.recipes.schema.Step`) and makes one frame of another. For example, how much faster each
backend is than tvmaot, as a geometric mean over the models:

    steps:
    - where: status == ok
    - compare: {to: {backend: tvmaot}, columns: [invoke_instructions]}
    - group: {by: [backend, target], take: {invoke_instructions_ratio: geomean}}
    - pivot: {rows: [backend], columns: target, values: invoke_instructions_ratio}
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.recipes.schema import Against, Group, Pivot, Step
from tinyflow.recipes.suggest import hint_for
from tinyflow.report.frame import NAMING, Frame, Row

# What is measured in what, by the end of a column's name, and the units that it can be told in.
_SCALES: dict[str, tuple[str, float]] = {
    "KiB": ("_bytes", 1024),
    "MiB": ("_bytes", 1024**2),
    "KB": ("_bytes", 1000),
    "ms": ("_s", 1e-3),
    "us": ("_s", 1e-6),
    "k": ("", 1e3),
    "M": ("", 1e6),
    "G": ("", 1e9),
}
_AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "geomean": statistics.geometric_mean,
    "median": statistics.median,
    "sum": sum,
    "min": min,
    "max": max,
    "count": len,
}
_COMPARISONS: dict[str, Callable[[float, float], float]] = {
    "ratio": lambda value, reference: value / reference,
    "difference": lambda value, reference: value - reference,
    "percent": lambda value, reference: 100 * (value - reference) / reference,
}


def apply(steps: Iterable[Step], frame: Frame) -> Frame:
    """The last of the frames that the steps make. UsageError names the step that can't be done."""
    for index, step in enumerate(steps, start=1):
        try:
            [(name, wanted)] = ((name, wanted) for name, wanted in vars(step).items() if wanted)
            frame = _OPERATIONS[name](frame, wanted)
        except UsageError as error:
            raise UsageError(f"step {index}: {error.what}", hint=error.hint) from error
    return frame


def scale(frame: Frame, wanted: Mapping[str, str]) -> Frame:
    """Columns in other units, and named so."""
    for column, unit in wanted.items():
        if unit not in _SCALES:
            raise UsageError(f'unknown unit "{unit}"', hint=hint_for(unit, list(_SCALES), "units"))
        ending, factor = _SCALES[unit]
        frame.column(column)
        rows = tuple({**row, column: row[column] / factor} if row.get(column) is not None else row for row in frame)
        name = f"{column.removesuffix(ending)}_{unit}"
        frame = Frame(frame.columns, rows).rename({column: name})
    return frame


def group(frame: Frame, wanted: Group) -> Frame:
    """One row for each group, in the order in which they come; what nobody of a group has is left out."""
    for name in (*wanted.by, *wanted.take):
        frame.column(name)
    rows = []
    for key, members in _split(frame, wanted.by).items():
        row = dict(zip(wanted.by, key, strict=True))
        for name, aggregate in wanted.take.items():
            values = [member[name] for member in members if member.get(name) is not None]
            if values:
                row[name] = _aggregate(aggregate, name, values)
        rows.append(row)
    return Frame((*wanted.by, *wanted.take), tuple(rows))


def _aggregate(aggregate: str, column: str, values: Sequence[Any]) -> float:
    if aggregate != "count" and any(isinstance(value, str) for value in values):
        raise UsageError(f"{column} holds texts; they have no {aggregate}", hint="take: count")
    if aggregate == "geomean" and min(values) <= 0:
        raise UsageError(f"{column} has values that are not above 0; they have no geomean", hint="take: mean")
    return _AGGREGATES[aggregate](values)


def pivot(frame: Frame, wanted: Pivot) -> Frame:
    """A cell for each pair of row and column. UsageError where two rows of the frame would share one."""
    for name in (*wanted.rows, wanted.columns, wanted.values):
        frame.column(name)
    headings = tuple(dict.fromkeys(str(row.get(wanted.columns, "")) or "-" for row in frame))
    rows = []
    for key, members in _split(frame, wanted.rows).items():
        made: dict[str, Any] = dict(zip(wanted.rows, key, strict=True))
        for member in members:
            heading = str(member.get(wanted.columns, "")) or "-"
            if heading in made:
                shared = ", ".join(map(str, (*key, heading)))
                raise UsageError(f"two rows for ({shared})", hint="name more columns in rows, or group first")
            made[heading] = member.get(wanted.values)
        rows.append(made)
    return Frame((*wanted.rows, *headings), tuple(rows))


def compare(frame: Frame, wanted: Against) -> Frame:
    """New columns beside the rest; a row whose counterpart has no value gets none."""
    for name in (*wanted.to, *wanted.columns):
        frame.column(name)
    others = [name for name in NAMING if name != "bench" and name not in wanted.to and name in frame.columns]
    references = {
        tuple(row.get(name) for name in others): row
        for row in frame
        if all(row.get(name) == value for name, value in wanted.to.items())
    }
    if not references:
        spelled = ", ".join(f"{name} {value}" for name, value in wanted.to.items())
        raise UsageError(f"no row has {spelled} to compare with")
    rows = []
    for row in frame:
        reference, made = references.get(tuple(row.get(name) for name in others), {}), dict(row)
        for name in wanted.columns:
            value, other = row.get(name), reference.get(name)
            if value is not None and other:
                made[f"{name}_{wanted.how}"] = _COMPARISONS[wanted.how](value, other)
        rows.append(made)
    return Frame((*frame.columns, *(f"{name}_{wanted.how}" for name in wanted.columns)), tuple(rows))


def _split(frame: Frame, by: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    """Rows that agree in some columns, by the values there."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in frame:
        found.setdefault(tuple(row.get(name) for name in by), []).append(row)
    return found


_OPERATIONS: dict[str, Callable[[Frame, Any], Frame]] = {
    **{"where": Frame.where, "choose": Frame.choose, "rename": Frame.rename, "compute": Frame.compute},
    **{"scale": scale, "sort": Frame.sort, "group": group, "pivot": pivot, "compare": compare},
}
