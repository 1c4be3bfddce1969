"""Tables that a suite's recipe makes of its results, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from tinyflow.recipes.fields import Name
from tinyflow.recipes.schema.part import Part, part


@part
class Group(Part):
    """One row for all rows that agree in `by`."""

    by: tuple[str, ...]
    take: Mapping[str, Literal["mean", "geomean", "median", "sum", "min", "max", "count"]]
    """Column → what becomes of its values."""


@part
class Pivot(Part):
    """One row for each value of `rows`, one column for each value of `columns`."""

    rows: tuple[str, ...]
    columns: str
    values: str
    """The column whose values fill the cells."""


@part
class Against(Part):
    """Each row beside the one that differs from it in these columns only: `to: {backend: tvmaot}`."""

    to: Mapping[str, str]
    columns: tuple[str, ...]
    """New columns `<column>_ratio`, `<column>_difference` or `<column>_percent` tell how they compare."""
    how: Literal["ratio", "difference", "percent"] = "ratio"


@part
class Step(Part):
    """One operation on a table; exactly one of these keys."""

    where: str | None = None
    """Keep the rows for which an expression holds: `ram_bytes < 100KiB and target == stm32f7`."""
    choose: tuple[str, ...] = ()
    """Keep these columns in this order; `rom_*` stands for all that match."""
    rename: Mapping[str, str] = field(default_factory=dict)
    compute: Mapping[str, str] = field(default_factory=dict)
    """New column → expression over the others."""
    scale: Mapping[str, str] = field(default_factory=dict)
    """Column → unit (KiB, MiB, k, M, ms, us); its name gets the unit: ram_bytes in KiB is ram_KiB."""
    sort: tuple[str, ...] = ()
    """Columns, the first matters most; `-name` downwards."""
    group: Group | None = None
    pivot: Pivot | None = None
    compare: Against | None = None

    def __post_init__(self) -> None:
        given = [name for name, value in vars(self).items() if value]
        if len(given) != 1:
            raise ValueError(f"a step is exactly one operation, not {' and '.join(given) or 'none'}")


@part
class View(Part):
    """A table made of a suite's results, step by step: `build/suites/<suite>/<name>.csv` and a part of its page."""

    name: Name
    description: str
    steps: tuple[Step, ...]
