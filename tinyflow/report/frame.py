"""Flat tables: every bench a row of named columns, and the operations that make one table of another.

A `Frame` is immutable; each operation gives a new one. Columns keep their order, rows theirs unless they are sorted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tinyflow.core import safe_text
from tinyflow.core.errors import UsageError
from tinyflow.recipes.suggest import hint_for
from tinyflow.report import expressions
from tinyflow.report.metrics import BY_NAME, METRICS
from tinyflow.report.rows import (
    AGREEMENT,
    compiler_of,
    cycle_model_of,
    simulator_of,
    spell_cycle_model,
    spell_tools,
)
from tinyflow.report.tables import EVIDENCE, aligned, evidence_of, html_table, spell, spell_features

Value = Any  # int, float, str or None
Row = Mapping[str, Value]

NAMING = ("bench", "model", "backend", "target", "features")
_TEXTS = (*NAMING, "status", "weights", "validation", "layers_compared", "warnings", "cycle_model", "reason")
_IF_KNOWN = ("commit", "form", "engine")
_MADE_BY = ("compiler", "simulator", "tools")
_OF_INTEGERS = "top1_of_integers"


@dataclass(frozen=True)
class Frame:
    """Columns and rows; a row lacks a column where nothing was measured. Iterates over its rows."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]

    @property
    def texts(self) -> frozenset[str]:
        """Columns that hold texts."""
        found = {name for row in self.rows for name, value in row.items() if isinstance(value, str)}
        return frozenset(found | (set(_TEXTS) & set(self.columns)))

    def to_pandas(self) -> Any:
        """A pandas.DataFrame; UsageError where pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise UsageError("pandas is not installed", hint="pip install pandas") from error
        return pandas.DataFrame([dict(row) for row in self.rows], columns=list(self.columns))

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html_table(*self._spelled())

    def __str__(self) -> str:
        return "".join(f"{safe_text.shown(line)}\n" for line in aligned(*self._spelled()))

    __repr__ = __str__

    def _spelled(self) -> tuple[list[list[str]], list[bool]]:
        """Headings and rows for people, without columns that no row has, and which columns are numbers."""
        columns, texts = self.known().columns, self.texts
        lines = [list(columns), *([spell(row.get(name)) for name in columns] for row in self.rows)]
        return lines, [name not in texts for name in columns]

    def column(self, name: str) -> str:
        """The name itself; UsageError with a suggestion where there is no such column."""
        if name not in self.columns:
            raise UsageError(f'unknown column "{name}"', hint=hint_for(name, self.columns, "columns"))
        return name

    def where(self, condition: str) -> Frame:
        """The rows for which an expression is true."""
        expression = expressions.parse(condition, self.columns, self.texts)
        return Frame(self.columns, tuple(row for row in self.rows if expression.value(row)))

    def sort(self, names: Sequence[str]) -> Frame:
        """By these columns, the first matters most; `-name` downwards. What is not measured comes last."""
        rows = list(self.rows)
        for name in reversed(names):
            key = self.column(name.removeprefix("-"))
            known = [row for row in rows if row.get(key) is not None]
            known.sort(key=lambda row: (isinstance(row[key], str), row[key]), reverse=name.startswith("-"))
            rows = known + [row for row in rows if row.get(key) is None]
        return Frame(self.columns, tuple(rows))

    def marked(self) -> Frame:
        """With `!` behind verdicts that say less than they seem to, as in a suite's table."""
        rows = ({**row, "validation": f"{row['validation']}!"} if row.get("warnings") else row for row in self.rows)
        return Frame(self.columns, tuple(rows))

    def matching(self, patterns: Iterable[str]) -> list[str]:
        """Names in place of patterns: `rom_*` stands for all columns that match."""
        found = (
            (name for name in self.columns if fnmatchcase(name, pattern)) if re.search(r"[*?]", pattern) else [pattern]
            for pattern in patterns
        )
        return list(dict.fromkeys(name for names in found for name in names))

    def choose(self, patterns: Sequence[str]) -> Frame:
        """These columns in this order; `rom_*` stands for all that match."""
        names = [self.column(name) for name in self.matching(patterns)]
        rows = (({name: row[name] for name in names if name in row}) for row in self.rows)
        return Frame(tuple(names), tuple(rows))

    def with_metrics(self) -> Frame:
        """With a column for each metric, and for what engines tell, also for those that no row has."""
        return Frame(tuple(dict.fromkeys([*self.columns, *BY_NAME, *_IF_KNOWN, *_MADE_BY, _OF_INTEGERS])), self.rows)

    def known(self) -> Frame:
        """Without columns that no row has; a table without rows keeps all."""
        present = {name for row in self.rows for name in row}
        return Frame(tuple(name for name in self.columns if name in present), self.rows) if self.rows else self

    def rename(self, names: Mapping[str, str]) -> Frame:
        """Other names for some columns."""
        for name in names:
            self.column(name)
        columns = tuple(names.get(name, name) for name in self.columns)
        if len(set(columns)) < len(columns):
            raise UsageError(f"two columns would have one name: {', '.join(names.values())}")
        return Frame(columns, tuple({names.get(name, name): value for name, value in row.items()} for row in self.rows))

    def compute(self, formulas: Mapping[str, str]) -> Frame:
        """New columns from expressions, in order: one may use those before it."""
        frame = self
        for name, text in formulas.items():
            expression = expressions.parse(text, frame.columns, frame.texts)
            rows = tuple({**row, name: expression.value(row)} for row in frame.rows)
            frame = Frame(tuple(dict.fromkeys([*frame.columns, name])), rows)
        return frame


def frame_of(reports: Iterable[Mapping[str, Any]]) -> Frame:
    """The frame of some `report.json` documents, with a column for each metric that at least one of them has."""
    rows = tuple(flatten(report) for report in reports)
    present = {name for row in rows for name in row}
    measured = (name for name in (*_IF_KNOWN, *(metric.name for metric in METRICS)) if name in present)
    model = [name for name in ("cycle_model",) if name in present]
    agreeing = [name for name in AGREEMENT if name in present]
    agreeing += [_OF_INTEGERS] if _OF_INTEGERS in present else []
    made_by = [name for name in _MADE_BY if name in present]
    return Frame((*_TEXTS[:-4], *measured, "max_abs_error", *agreeing, *EVIDENCE, *model, *made_by, "reason"), rows)


def flatten(report: Mapping[str, Any]) -> dict[str, Value]:
    """One report as a flat row."""
    validation = report["validation"] or {}
    found = {
        **{name: report[name] for name in NAMING[:-1]},
        "features": spell_features(report),
        "status": report["status"],
        "weights": report["weights"],
        "validation": validation.get("result"),
        "commit": report.get("commit"),
        "compiler": compiler_of(report) or None,
        "simulator": simulator_of(report) or None,
        "tools": spell_tools(report.get("tools") or {}) or None,
        **report["metrics"],
        "max_abs_error": validation.get("max_abs_error"),
        **{name: validation.get(name) for name in AGREEMENT},
        **_of_engine(report, validation),
        **evidence_of(report),
        "cycle_model": spell_cycle_model(model) if (model := cycle_model_of(report)) else None,
        "reason": report["reason"],
    }
    return {name: value for name, value in found.items() if value is not None}


def _of_engine(report: Mapping[str, Any], validation: Mapping[str, Any]) -> dict[str, Value]:
    """What an engine ran, which one it was, and how often the largest output is where the integer network has it."""
    engine = report.get("engine")
    if not engine:
        return {}
    told = validation.get("of_integers", validation)
    # of equal outputs nothing else is told
    agreeing = 1.0 if told is validation and told.get("result") == "exact" else told.get("top1_agreement")
    named = f"{engine['name']} {engine['version']}"
    return {"form": engine["form"], "engine": named, _OF_INTEGERS: agreeing}
