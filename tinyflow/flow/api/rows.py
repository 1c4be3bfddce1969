"""What programs get of benches: rows with metrics, files and arrays, which show themselves as a table in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from tinyflow.core.errors import UsageError
from tinyflow.recipes.suggest import hint_for
from tinyflow.report.frame import Frame, flatten, frame_of
from tinyflow.report.history import short
from tinyflow.report.tables import to_html, to_text
from tinyflow.report.tradeoffs import with_fronts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Arrays = tuple[npt.NDArray[np.generic], ...]


@dataclass(frozen=True)
class Samples:
    """What a bench's firmware was given and had to compute: for each tensor an array, samples first."""

    inputs: Arrays
    outputs: Arrays


@dataclass(frozen=True, eq=False)
class Row(Mapping[str, Any]):
    """One bench that ran, or failed. As a mapping it has the columns of `results`: `row["invoke_instructions"]`."""

    report: Mapping[str, Any]
    """All that `report.json` says."""
    folder: Path
    """Where its files are: `build/<bench>`."""
    error: Exception | None = None
    """Why it failed, as the command would say it."""
    commit: str | None = None
    """What was checked out when it was measured, `+` behind it where files differed; None where git knows nothing."""
    read_samples: Callable[[], Samples] = field(repr=False, default=lambda: Samples((), ()))

    @property
    def bench(self) -> str:
        """Its name."""
        return str(self.report["bench"])

    @property
    def status(self) -> str:
        """`ok`, `failed`, `mismatch`, `does_not_fit`, `timeout`, `cancelled`, `unsupported` in a sweep, `refused`."""
        return str(self.report["status"])

    @property
    def metrics(self) -> Mapping[str, float]:
        """What was counted and measured, by the names of the metrics."""
        found: Mapping[str, float] = self.report["metrics"]
        return found

    @property
    def validation(self) -> Mapping[str, Any]:
        """What the comparison with the reference gave: `result`, `samples`, `max_abs_error`; empty if nothing ran."""
        return self.report["validation"] or {}

    @property
    def artifacts(self) -> Mapping[str, Path]:
        """What was made, by the name in the folder: `firmware.elf`, `plan.json`, `generate/`."""
        return {name: self.folder / name for name in self.report["artifacts"] if (self.folder / name).exists()}

    @cached_property
    def samples(self) -> Samples:
        """The arrays that it ran with, read from the cache when first asked for."""
        return self.read_samples()

    @cached_property
    def _columns(self) -> dict[str, Any]:
        return flatten(self._told)

    @property
    def _told(self) -> Mapping[str, Any]:
        return self.report if self.commit is None else {**self.report, "commit": short(self.commit)}

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __str__(self) -> str:
        return to_text([dict(self.report)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return to_html([dict(self.report)])


class Rows(Sequence[Row]):
    """The rows of a call, in the order of what was asked for; also by the name of the bench."""

    def __init__(self, rows: Sequence[Row], files: Sequence[Path] = ()) -> None:
        """`files` are the suites' pages and what else was written to be read."""
        self._rows = tuple(rows)
        self.files = tuple(files)

    @overload
    def __getitem__(self, index: int | str) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Rows: ...

    def __getitem__(self, index: int | str | slice) -> Row | Rows:
        if isinstance(index, slice):
            return Rows(self._rows[index], self.files)
        if isinstance(index, int):
            return self._rows[index]
        names = {row.bench: row for row in self._rows}
        if index not in names:
            raise UsageError(f'no row of bench "{index}"', hint=hint_for(index, names, "benches"))
        return names[index]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def failed(self) -> Rows:
        """Those that are not `ok`."""
        return Rows([row for row in self._rows if row.status != "ok"], self.files)

    @property
    def frame(self) -> Frame:
        """The same as a table, to be sorted, filtered, exported."""
        return with_fronts(frame_of(row._told for row in self._rows))

    def to_pandas(self) -> Any:
        """A pandas.DataFrame; UsageError where pandas is not installed."""
        return self.frame.to_pandas()

    def __str__(self) -> str:
        return to_text([dict(row.report) for row in self._rows])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return to_html([dict(row.report) for row in self._rows])
