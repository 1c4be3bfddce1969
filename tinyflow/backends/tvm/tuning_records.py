"""Tuning records: what was found out about one kernel on one processor, one line of JSON each. Made by `tuning`.

A record is found by what decides its counts: kernel (spec and room for scratch), style, processor, toolchain, level.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinyflow.backends.tvm.choices import Choice
from tinyflow.backends.tvm.program import Question
from tinyflow.core.action import canonical
from tinyflow.core.errors import RecipeError

SCHEMA = 1
_KEY = ("kernel", "style", "cpu", "toolchain", "optimise")
_NAMES = {"ConvSpec": "conv2d", "DepthwiseSpec": "depthwise_conv2d", "DenseSpec": "dense", "AddSpec": "add"}
_NAMES |= {"PoolSpec": "pool2d", "SoftmaxSpec": "softmax"}


def kernel_document(question: Question) -> dict[str, Any]:
    """What decides a kernel, as JSON."""
    spec = {name: value for name, value in asdict(question.spec).items() if value is not None}
    return {"operator": _NAMES[type(question.spec).__name__], "scratch_bytes": question.scratch_bytes, "spec": spec}


def key_of(record: Mapping[str, Any]) -> str:
    """What a record is found by. KeyError for what is none."""
    return canonical({name: record[name] for name in _KEY})


class Known:
    """The records that there are for one processor, toolchain and level, and how many of them were asked for."""

    def __init__(self, records: Mapping[str, Mapping[str, Any]], place: Mapping[str, Any]) -> None:
        self._records = records
        self._place = place
        self._asked = self._found = self._changed = 0

    @classmethod
    def read(cls, files: Sequence[Path], place: Mapping[str, Any]) -> Known:
        """The records of some files; `place` has cpu, toolchain and optimise. RecipeError for a damaged line."""
        records: dict[str, Mapping[str, Any]] = {}
        for file in files:
            for record in read_file(file):
                records.setdefault(key_of(record), record)
        return cls(records, place)

    def choose(self, question: Question) -> Choice | None:
        """The choice that a record has for a kernel; None where there is none, or the default one is the best."""
        document = kernel_document(question)
        record = self._records.get(key_of({"kernel": document, "style": question.style, **self._place}))
        self._asked += 1
        self._found += record is not None
        choice = record["choice"] if record is not None else None
        self._changed += choice is not None
        return choice

    def summary(self) -> dict[str, int]:
        """For the plan: kernels, those with a record, and those whose record has another kernel than the default."""
        return {"kernels": self._asked, "tuned": self._found, "changed": self._changed}


def read_file(file: Path) -> list[Mapping[str, Any]]:
    """The records of a file. RecipeError for a line that isn't one."""
    records = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            record = json.loads(line)
            if record["schema"] != SCHEMA or record["instructions"]["after"] > record["instructions"]["before"]:
                raise ValueError
            key_of(record)
            if record["choice"] is not None:
                record["choice"]["kernel"]
        except (ValueError, KeyError, TypeError):
            hint = "import records with `doit tuning import`, or tune again with +tune.16"
            raise RecipeError("this is no tuning record", where=f"{file.name}:{number}", hint=hint) from None
        records.append(record)
    return records
