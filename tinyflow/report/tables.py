"""Tables of report rows for people (console, Markdown) and for programs (CSV, JSON). Same rows, same bytes.

`rich` is imported only when a table is drawn on a terminal; elsewhere a plain table does.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

from tinyflow.core import safe_text
from tinyflow.core.units import format_number, format_size
from tinyflow.report.metrics import METRICS, Metric
from tinyflow.report.rows import (
    AGREEMENT,
    cycle_model_of,
    spell_accuracy,
    spell_agreement,
    spell_cycle_model,
    spell_engine,
    spell_paths,
    spell_reference_layers,
    warnings_of,
)

if TYPE_CHECKING:
    from rich.table import Table

Row = Mapping[str, Any]  # one bench's report.json
_NOT_MEASURED = "-"
_LEAST_IMPORTANT = (
    "repeated",
    *("median time", "time spread", "median counted", "counted spread"),
    "energy",
    "instr/MAC",
    "arena",
    "set-up",
    "cycles",
    "weights",
    "output",
)  # on a narrow terminal, in this order
_UNITS_IN_FULL = {"instr": "instructions"}
_CELL_PADDING = 3  # of rich's simple box
_FRAME = 4  # what it leaves free at both sides together
# Of made-up weights.
UNLIKE_TRAINED = (
    "what +shrink removes depends on the weights, so neither sizes nor speed are those of the trained network"
)
_TUNED_UNLIKE_TRAINED = (
    "for which kernels there are records depends on the scales and zero points that come with the weights, so speed "
    "can be a tenth from that of the trained network"
)
_LIKE_TRAINED = (
    "instructions of an invoke, RAM and, but for interpreters, flash are the trained network's to about 1 %; "
    "accuracy says nothing"
)
# What a verdict rests on, see `model.evidence`.
EVIDENCE = ("distinct_outputs", "references_differ_by", "onnxruntime_differs_by", "layers_compared", "warnings")
_NAMING = ("bench", "model", "backend", "target", "features", "status", "weights")


def to_csv(rows: Sequence[Row]) -> str:
    """One line per bench; every metric has a column, empty where it wasn't measured."""
    names = [metric.name for metric in METRICS]
    lines: list[list[Any]] = [[*_NAMING, "validation", *names, "reason", *EVIDENCE, *AGREEMENT, "cycle_model"]]
    for row in rows:
        naming = [spell_features(row) if name == "features" else row[name] or "" for name in _NAMING]
        numbers = [row["metrics"].get(metric.name, "") for metric in METRICS]
        verdict, reason, model = spell_validation(row, ""), row["reason"] or "", cycle_model_of(row)
        model_text = spell_cycle_model(model) if model else ""
        agreeing = [(row["validation"] or {}).get(name, "") for name in AGREEMENT]
        lines.append([*naming, verdict, *numbers, reason, *evidence_of(row).values(), *agreeing, model_text])
    return csv_text(lines)


def csv_text(lines: Iterable[Iterable[Any]]) -> str:
    """Lines of cells as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(safe_text.for_csv, line) for line in lines)
    return text.getvalue()


def to_json(suite: str, rows: Sequence[Row]) -> str:
    """All rows with the definition and unit of each metric."""
    document = {
        "schema": 1,
        "suite": suite,
        "metrics": {metric.name: {"unit": metric.unit, "definition": metric.definition} for metric in METRICS},
        "benches": [dict(row) for row in rows],
    }
    return safe_text.json_text(document, indent=2)


def to_markdown(suite: str, rows: Sequence[Row]) -> str:
    """A table with exact numbers, the reasons of what failed, and the definitions of its columns."""
    columns = [_Column("bench", [f"`{row['bench']}`" for row in rows]), *_readable(rows, is_exact=True)[1:]]
    table = markdown_table(_lines(columns), [column.is_number for column in columns])
    lines = [f"# {safe_text.for_markdown(suite)}", "", *table]
    failures = [safe_text.for_markdown(f"- `{row['bench']}`: {row['reason']}") for row in rows if row["reason"]]
    if failures:
        lines += ["", "## What failed", "", *failures]
    lines += ["", "## What the numbers mean", ""]
    lines += [f"- {metric.heading}: `{metric.name}`, {metric.definition}" for metric in _columns(rows)]
    lines += [f"- {safe_text.for_markdown(note)}" for note in notes(rows)]
    return safe_text.plain("\n".join(lines) + "\n")


def to_text(rows: Sequence[Row]) -> str:
    """An aligned table without colours or box lines, for logs and pipes."""
    columns = _readable(rows)
    return safe_text.shown(
        "\n".join([*aligned(_lines(columns), [column.is_number for column in columns]), *notes(rows)]) + "\n"
    )


def to_html(rows: Sequence[Row]) -> str:
    """The same table for a notebook, with what went wrong."""
    columns = _readable(rows)
    told = [f"{row['bench']}: {row['reason']}" for row in rows if row["reason"]]
    return html_table(_lines(columns), [column.is_number for column in columns]) + html_lines([*told, *notes(rows)])


def html_table(lines: Iterable[Sequence[str]], are_numbers: Sequence[bool]) -> str:
    """Lines of cells as notebooks show them, the first one of headings; numbers to the right."""
    sides = ["right" if is_number else "left" for is_number in are_numbers]
    rows: list[str] = []
    for line in lines:
        kind = "td" if rows else "th"
        cells = (
            f'<{kind} style="text-align:{side}">{escape(safe_text.shown(cell))}</{kind}>'
            for cell, side in zip(line, sides, strict=True)
        )
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(rows)}</table>"


def html_lines(lines: Iterable[str]) -> str:
    """Lines below a table."""
    return "".join(f"<div>{escape(safe_text.shown(line))}</div>" for line in lines)


def aligned(lines: Sequence[Sequence[str]], are_numbers: Sequence[bool]) -> list[str]:
    """Lines of cells as texts in which columns are one below the other, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligns = [str.rjust if is_number else str.ljust for is_number in are_numbers]
    return [
        "  ".join(align(cell, width) for align, cell, width in zip(aligns, line, widths, strict=True)).rstrip()
        for line in lines
    ]


def fitted(
    headings: Sequence[str], rows: Sequence[Sequence[str]], are_numbers: Sequence[bool], width: int | None
) -> list[str]:
    """An aligned table; records where it is wider than a terminal, `width`."""
    lines = aligned([headings, *rows], are_numbers)
    return lines if width is None or max(map(len, lines)) <= width else records(headings, rows, width)


def to_rich(rows: Sequence[Row], width: int) -> Table:
    """The same table for a terminal so many characters wide.

    Where that is too few it is without what matters least, and says so; where it still is, each bench is a record.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    every, told = _readable(rows), list[str]()
    if not _is_room(every, width):  # for units, then
        told += _units(every)
        every = [replace(column, title="") for column in every]
    columns = _fitting(every, width)
    is_wide = _is_room(columns, width)
    left_out = [column.heading for column in every if column not in columns] if is_wide else []
    told += [f"no room for {', '.join(left_out)}: doit results"] if left_out else []
    told += notes(rows)
    caption = Text(safe_text.shown("\n".join(told)))
    table = Table(box=SIMPLE_HEAD, header_style="bold", caption=caption or None, caption_justify="left")
    if not is_wide:
        lines = zip(*(column.cells for column in every), strict=True)
        columns = [_Column("bench", records([column.shown for column in every], lines, width - _FRAME))]
    for column in columns:
        table.add_column(Text(column.shown), justify="right" if column.is_number else "left", overflow="fold")
    for row, *cells in zip(rows, *(column.cells for column in columns), strict=True):
        table.add_row(*(Text(safe_text.shown(cell)) for cell in cells), style=None if row["status"] == "ok" else "red")
    return table


def records(headings: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> list[str]:
    """Each row as a text of its own, for want of room: its first cell, below it `heading cell` of the others.

    What was not measured is left out. Only a first cell, or a single other one, can be wider than `width`.
    """
    found = []
    for name, *cells in rows:
        lines = [name]
        for heading, cell in zip(headings[1:], cells, strict=True):
            part = f"  {heading} {cell}"
            if cell in (_NOT_MEASURED, "–"):
                continue
            if len(lines) > 1 and len(lines[-1]) + len(part) <= width:
                lines[-1] += part
            else:
                lines.append(part)
        found.append("\n".join(lines))
    return found


@dataclass(frozen=True)
class _Column:
    """One column for people."""

    heading: str
    cells: list[str]
    is_number: bool = False
    title: str = ""
    """The heading with a unit, where it has one."""

    @property
    def shown(self) -> str:
        return self.title or self.heading

    @property
    def width(self) -> int:
        return max(len(cell) for cell in (self.shown, *self.cells))


def _lines(columns: Iterable[_Column]) -> list[tuple[str, ...]]:
    """The headings and a line for each row."""
    return list(zip(*([column.shown, *column.cells] for column in columns), strict=True))


def _readable(rows: Sequence[Row], *, is_exact: bool = False) -> list[_Column]:
    """All columns, numbers rounded for people; `is_exact`: with all digits and units."""
    numbers = []
    for metric in _columns(rows):
        title, spell = metric.title, metric.format
        if is_exact:
            title, spell = f"{metric.heading} [{metric.unit}]", "{:,}".format
        values = [row["metrics"].get(metric.name) for row in rows]
        cells = [_NOT_MEASURED if value is None else spell(value) for value in values]
        numbers.append(_Column(metric.heading, cells, is_number=True, title=title))
    return [
        _Column("bench", [row["bench"] for row in rows]),
        _Column("status", [row["status"] for row in rows]),
        *numbers,
        _Column("output", [spell_validation(row) for row in rows]),
        _Column("weights", [row["weights"] or _NOT_MEASURED for row in rows]),
    ]


def _is_room(columns: Iterable[_Column], width: int) -> bool:
    """Whether columns find room side by side on a terminal so wide, with a box around them."""
    return sum(column.width + _CELL_PADDING for column in columns) + 1 <= width


def _units(columns: Iterable[_Column]) -> Iterator[str]:
    """The units that headings have no room for, a line each."""
    found: dict[str, list[str]] = {}
    for column in columns:
        if column.title not in ("", column.heading):
            unit = column.title.removeprefix(column.heading).strip(" []")
            found.setdefault(_UNITS_IN_FULL.get(unit, unit), []).append(column.heading)
    for unit, headings in found.items():
        yield f"{' and '.join(headings)}: {unit}"


def _fitting(columns: list[_Column], width: int) -> list[_Column]:
    """Columns that find room side by side: the least important ones go first."""
    kept = list(columns)
    for heading in _LEAST_IMPORTANT:
        if _is_room(kept, width):
            break
        kept = [column for column in kept if column.heading != heading]
    return kept


def _columns(rows: Iterable[Row]) -> list[Metric]:
    """Metrics with a column of their own that at least one bench has."""
    present = {name for row in rows for name in row["metrics"]}
    return [metric for metric in METRICS if metric.heading and metric.name in present]


def notes(rows: Iterable[Row]) -> list[str]:
    """What whoever reads these numbers must know besides."""
    rows = list(rows)
    found = list(dict.fromkeys(_synthetic(row) for row in rows if row["weights"] == "synthetic"))
    chosen = {
        f"{row['backend']} on {row['target']}: {', '.join(f'{k} {v}' for k, v in row['target_options'].items())}"
        for row in rows
        if row.get("target_options")
    }
    found += [f"target_optimized, {text}" for text in sorted(chosen)]
    found += doubts((row["bench"], warning) for row in rows for warning in warnings_of(row))
    found += [f"{row['bench']}: {text}" for row in rows if (text := spell_agreement(row["validation"] or {}))]
    found += [f"{row['bench']}: {text}" for row in rows if (text := spell_engine(row))]
    found += [f"{row['bench']}: {text}" for row in rows if (text := spell_accuracy(row))]
    found += [f"{row['bench']}: {spell_paths(row['paths'])}" for row in rows if len(row.get("paths", ())) > 1]
    found += [
        f"{row['bench']}: its RAM is RAM as linked, with all that is set aside for stack and heap"
        for row in rows
        if row["status"] == "does_not_fit" and "ram_bytes" in row["metrics"]
    ]
    found += [f"{row['bench']}: {_patches(row['patched'])}" for row in rows if "patched" in row]
    found += [
        f"{row['bench']}: {spell_reference_layers(row['reference_layers'])}"
        for row in rows
        if row.get("reference_layers")
    ]
    models = ((row["target"], cycle_model_of(row)) for row in rows)
    found += cycle_models((target, spell_cycle_model(model) if model else None) for target, model in models)
    found += dict.fromkeys(f"no cycles of {row['target']}: {row['no_cycles']}" for row in rows if row.get("no_cycles"))
    untuned = (row for row in rows if "tuned" in row["features"] and row.get("tuning", {}).get("missing"))
    return [*found, *map(_untuned, untuned)]


def cycle_models(found: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """Of (target, model as text) what estimated cycles are worth, each model once with its targets."""
    targets: dict[str, dict[str, None]] = {}
    for target, model in found:
        if model:
            targets.setdefault(model, {})[target] = None
    for model, names in targets.items():
        yield f"cycles and what follows from them are estimated, not counted: {', '.join(names)} by the model {model}"


def _synthetic(row: Row) -> str:
    """What made-up weights say of the trained network; shares were measured, see docs/shrink.md and docs/tuning.md."""
    if "removed" in row:
        before, after = (row["removed"][when]["macs"] for when in ("before", "after"))
        share = f"{100 * (1 - after / before):.0f} % of the MACs" if before else "nothing"
        return f"synthetic weights: {UNLIKE_TRAINED}; here {row['model']} loses {share}"
    if {"tune", "tuned"} & set(row["features"]):
        return f"synthetic weights: {_TUNED_UNLIKE_TRAINED}"
    return f"synthetic weights: {_LIKE_TRAINED}"


def _patches(document: Mapping[str, Any]) -> str:
    """What patches computed again, and what they saved (`patch.json`)."""
    before, after = document["before"], document["after"]
    again = f", {after['macs'] / before['macs']:.3g} times the MACs" if before["macs"] else ""
    alive = [format_size(sizes["peak_live_bytes"]) for sizes in (before, after)]
    layers = document["changed"]
    return f"{format_number(len(layers), 'layer')} {layers[0]['why']}{again}, {alive[1]} alive at once, not {alive[0]}"


def _untuned(row: Row) -> str:
    """That `+tuned` found no records, or not all, and what to type."""
    tuning, place = row["tuning"], row["tuning"]["place"]
    which = f"{tuning['missing']} of {tuning['kernels']} kernels have no" if tuning["tuned"] else "its kernels have no"
    found_by = f"{place['cpu']}, {place['toolchain']}, {place['optimise']}, by {place['objective']}"
    what = f"{row['bench']}: {which} tuning record for {found_by}, which leaves them untuned"
    return f"{what}; +tune.16 in place of +tuned searches"


def evidence_of(row: Row) -> dict[str, Any]:
    """By the names of EVIDENCE: what a verdict rests on; empty where nothing is known."""
    validation = row["validation"] or {}
    found = {name: validation.get(name) for name in EVIDENCE[:-2]}
    layers = validation.get("layers")
    compared = None if layers is None else f"{layers['compared']} of {layers['of']}"
    return {**found, "layers_compared": compared, "warnings": "; ".join(warnings_of(row)) or None}


def doubts(warnings: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Of (bench, warning) every warning once, with the benches that it is about."""
    about: dict[str, list[str]] = {}
    for bench, warning in warnings:
        about.setdefault(warning, []).append(bench)
    for warning, benches in about.items():
        more = f" and {len(benches) - 1} more" if len(benches) > 1 else ""
        yield f"output of {benches[0]}{more}: {warning}"


def spell_validation(row: Row, absent: str = _NOT_MEASURED) -> str:
    """`exact`, or the result with its largest difference; `absent` where nothing was compared.

    A `!` behind it: there are warnings, see `notes`.
    """
    validation = row["validation"]
    if not validation:
        return absent
    result = str(validation["result"]) + ("!" if warnings_of(row) else "")
    if validation["result"] == "exact":
        return result
    error = validation["max_abs_error"]
    if error is None:  # a NaN, or an infinity
        return result
    return f"{result} (±{error:.3g})" if 0 < error < 1 else f"{result} (±{error:g})"


def spell_features(row: Row) -> str:
    """`dsp+layout.NCHW`, as in the name of a bench."""
    return "+".join(name if value is True else f"{name}.{value}" for name, value in row["features"].items())


def smallest(found: Iterable[tuple[Hashable, float]]) -> dict[Hashable, float]:
    """The smallest value of each key, where there are at least two different ones."""
    values: dict[Hashable, set[float]] = {}
    for key, value in found:
        values.setdefault(key, set()).add(value)
    return {key: min(known) for key, known in values.items() if len(known) > 1}


def spell(value: Any) -> str:
    """A cell for people: all digits of a whole number, grouped; six of another."""
    if value is None or value == "":
        return _NOT_MEASURED
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def markdown_table(lines: Iterable[Sequence[str]], are_numbers: Iterable[bool]) -> list[str]:
    """Lines of cells, headings first, as a table in Markdown, numbers to the right."""
    headings, *others = lines
    spelled = [headings, ["---:" if is_number else "---" for is_number in are_numbers], *others]
    return [f"| {' | '.join(map(safe_text.markdown_cell, cells))} |" for cells in spelled]
