"""What a kernel is in a tuning record, and the choices that records have for the kernels of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinyflow.backends.tvm.kernels.choices import Choice, unmeasured
from tinyflow.backends.tvm.kernels.specs import AddSpec, ConvSpec, DenseSpec, DepthwiseSpec
from tinyflow.backends.tvm.program.operations import Question
from tinyflow.recipes import tuning
from tinyflow.recipes.objective import OBJECTIVES

# kernels that there is something to choose of; in style plain not the first
_CHOOSABLE = (AddSpec, ConvSpec, DepthwiseSpec, DenseSpec)


def question_document(question: Question) -> dict[str, Any]:
    """What decides a kernel, as JSON."""
    spec = {name: value for name, value in asdict(question.spec).items() if value is not None}
    kernel = {"operator": question.spec.kind, "scratch_bytes": question.scratch_bytes, "spec": spec}
    return {"kernel": kernel, "style": question.style}


class Known:
    """The records that there are for one processor, toolchain and level, and how many of them were asked for."""

    def __init__(self, records: Mapping[str, tuning.Record], place: Mapping[str, Any]) -> None:
        self._records = records
        self._place = place
        self._asked = self._found = self._changed = self._missing = 0

    @classmethod
    def read(cls, files: Sequence[Path], place: Mapping[str, Any]) -> Known:
        """The records of some files; `place` is the rest of what they are found by. RecipeError for a damaged line."""
        records: dict[str, tuning.Record] = {}
        for file in files:
            for record in tuning.read(file):
                records.setdefault(tuning.key_of(record), record)
        return cls(records, place)

    def choose(self, question: Question) -> Choice | None:
        """The choice that a record has for a kernel; None where there is none, or the default one is the best.

        Without a record of the objective what is known of all layers; else one of another objective, where it isn't
        known to be worse by the one that is asked for.
        """
        objective, asked = OBJECTIVES[self._place["objective"]], {**question_document(question), **self._place}
        keys = [tuning.key_of({**asked, "objective": name}) for name in (objective.name, *objective.others)]
        rule = unmeasured(question.spec, question.style, objective.name, self._place["cpu"])
        fitting = (self._records[key] for key in keys[: 1 if rule else None] if key in self._records)
        record = next((record for record in fitting if objective.is_met(record)), None)
        choice: Choice | None = rule if record is None else record["choice"]
        self._asked += 1
        self._found += record is not None
        self._changed += choice is not None
        is_choosable = isinstance(question.spec, _CHOOSABLE[question.style == "plain" :])
        self._missing += record is None and is_choosable
        return choice

    def summary(self) -> dict[str, Any]:
        """For the plan: kernels, those with a record, and those whose record has another kernel than the default.

        And those that could have a record but have none, with what a record would be found by.
        """
        counts = {"kernels": self._asked, "tuned": self._found, "changed": self._changed, "missing": self._missing}
        return {**counts, "place": dict(self._place)}
