"""What programs get besides rows: comparisons, profiles, accuracy. Each shows itself in a notebook."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinyflow.report import accuracy, changes, profile
from tinyflow.report.compare import Change
from tinyflow.report.formats import to_text
from tinyflow.report.frame import Frame
from tinyflow.report.rows import spell_accuracy
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

    __repr__ = __str__

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

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"{self.layers._repr_html_()}{self.functions._repr_html_()}"


@dataclass(frozen=True, eq=False)
class Accuracy:
    """How right the firmware is, and the others beside it: over labelled samples."""

    document: Mapping[str, Any]
    """As accuracy.json has it."""

    @property
    def samples(self) -> int:
        """How many there were."""
        return int(self.document["samples"])

    @property
    def sides(self) -> Mapping[str, Mapping[str, float]]:
        """`firmware`, `reference` and `float`, as far as they were computed: `top1`, `top5`, `auc`."""
        found: Mapping[str, Mapping[str, float]] = self.document["sides"]
        return found

    @property
    def top1(self) -> float | None:
        """The share whose largest output is that of the label; None for anomalies."""
        return self.sides["firmware"].get("top1")

    @property
    def auc(self) -> float | None:
        """The area under the ROC curve; None where all labels are one."""
        return self.sides["firmware"].get("auc")

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """How many samples of each label (rows) were taken for each class (columns); empty where nothing is taken."""
        import numpy as np

        return np.array(self.document.get("confusion", np.zeros((0, 0))), np.int64)

    @property
    def table(self) -> Frame:
        """For each label that there was: samples, the share that was right, and what else they were taken for most."""
        rows = [
            {
                **{"label": accuracy.name_of(self.document, label) if self.document["classes"] else label},
                **{"samples": found["support"], "right": found["recall"], "precision": found["precision"]},
                **({"mistaken_for": found["mistaken_for"], "times": found["times"]} if found["times"] else {}),
            }
            for label, found in enumerate(self.document.get("by_class", ()))
            if found["support"]
        ]
        return Frame(("label", "samples", "right", "precision", "mistaken_for", "times"), tuple(rows))

    def __float__(self) -> float:
        found = self.auc if self.document["task"] == "anomaly" else self.top1
        return math.nan if found is None else found

    def __str__(self) -> str:
        return spell_accuracy({"accuracy": self.document})

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_lines([str(self)]) + (self.table._repr_html_() if self.table.rows else "")
