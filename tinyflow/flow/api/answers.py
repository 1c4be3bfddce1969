"""What programs get besides rows: comparisons, profiles, accuracy. Each shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinyflow.report import changes, profile
from tinyflow.report.compare import Change
from tinyflow.report.formats import to_text
from tinyflow.report.frame import Frame
from tinyflow.report.tables import html_lines

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Comparison:
    """Two sides, metric by metric."""

    changes: Sequence[Change]
    warnings: Sequence[str]

    @property
    def regressions(self) -> list[Change]:
        """What got worse by more than its limit, or fails now."""
        return [change for change in self.changes if change.is_regression]

    def table(self, *, is_all: bool = False) -> Frame:
        """The changes that matter most; `is_all`: every metric, and what stayed the same."""
        return changes.to_table(self.changes, is_all=is_all)

    def __str__(self) -> str:
        table = self.table()
        told = f"{to_text(table).decode()}\n" if table.rows else ""
        return told + "\n".join([changes.summary(self.changes, table), *self.warnings])

    def _repr_html_(self) -> str:
        table = self.table()
        return table._repr_html_() + html_lines([changes.summary(self.changes, table), *self.warnings])


@dataclass(frozen=True)
class Profile:
    """What one inference is spent on."""

    bench: str
    document: Mapping[str, Any]
    """All of profile.json."""

    @property
    def layers(self) -> Frame:
        """Layers in order, what belongs to none, and the sum."""
        return profile.layers(self.document)

    @property
    def functions(self) -> Frame:
        """Functions by what they cost."""
        return profile.functions(self.document)

    def __str__(self) -> str:
        return profile.profile_text(self.bench, self.document)

    def _repr_html_(self) -> str:
        return f"{self.layers._repr_html_()}{self.functions._repr_html_()}"


@dataclass(frozen=True, eq=False)
class Accuracy:
    """How often the largest output is that of the label."""

    confusion: npt.NDArray[np.int64]
    """How many samples of each label (rows) were taken for each class (columns)."""

    @property
    def samples(self) -> int:
        """How many there were."""
        return int(self.confusion.sum())

    @property
    def top1(self) -> float:
        """The share that was right."""
        return float(self.confusion.trace()) / self.samples

    @property
    def table(self) -> Frame:
        """For each label that there was: samples, the share that was right, and what else they were taken for most."""
        rows = []
        for label, taken in enumerate(self.confusion.tolist()):
            if count := sum(taken):
                others = ((number, -other) for other, number in enumerate(taken) if other != label)
                wrong = max(others, default=(0, 0))  # a network with one class mistakes nothing
                mistaken = {"mistaken_for": -wrong[1], "times": wrong[0]} if wrong[0] else {}
                rows.append({"label": label, "samples": count, "right": taken[label] / count, **mistaken})
        return Frame(("label", "samples", "right", "mistaken_for", "times"), tuple(rows))

    def __float__(self) -> float:
        return self.top1

    def __str__(self) -> str:
        return f"{self.top1:.2%} of {self.samples} samples"

    def _repr_html_(self) -> str:
        return html_lines([str(self)]) + self.table._repr_html_()
