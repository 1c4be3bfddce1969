"""Published figures beside ours: what a suite's recipe quotes, what its benches measured, and how they compare.

One table for each source and target, since only there a column compares like with like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tinyflow.recipes.bench import parse
from tinyflow.recipes.schema import Published, Suite
from tinyflow.report.frame import Frame
from tinyflow.report.metrics import BY_NAME
from tinyflow.report.rows import cycle_model_of, spell_cycle_model
from tinyflow.report.tables import aligned, markdown_table, records, smallest

Reports = Sequence[Mapping[str, Any]]

# seconds of one inference on a board: the number that is none of ours
_BOARD = "board_s"
_INVOKE = "invoke_instructions"
_LATENCY = "latency_ms"
_RATIO = "estimated_s_ratio"
_WITHIN = "≈"  # before a ratio that is no farther from 1 than the model's error


@dataclass(frozen=True)
class Cell:
    """A number, what people read of it, and whether it is the smallest of its model in its column."""

    text: str
    value: float | None = None
    is_best: bool = False


@dataclass(frozen=True)
class SideBySide:
    """A table: the first column names benches, all others hold numbers."""

    name: str
    title: str
    notes: tuple[str, ...]
    columns: tuple[str, ...]  # names for programs, each once
    headings: tuple[str, ...]  # for people
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def frame(self) -> Frame:
        """The numbers with all their digits."""
        rows = []
        for bench, *cells in self.rows:
            numbers = {name: cell.value for name, cell in zip(self.columns[1:], cells, strict=True)}
            known = {name: value for name, value in numbers.items() if value is not None}
            rows.append({"bench": bench.text, **known})
        return Frame(self.columns, tuple(rows))


@dataclass(frozen=True)
class _Column:
    """How the cells of one column are found: from the published numbers and our metrics of a bench."""

    name: str
    heading: str
    value: Callable[[Mapping[str, float], Mapping[str, float]], float | None]
    spell: Callable[[float], str]
    is_ranked: bool = True


def side_by_side(suite: Suite, reports: Reports) -> list[SideBySide]:
    """All tables of a suite whose published figures are in place, see `recipes.suite.with_published`."""
    found = []
    for index, published in enumerate(suite.published, start=1):
        prefix = "published" if index == 1 else f"published-{index}"
        targets = dict.fromkeys(_target(name) for name in [*(r["bench"] for r in reports), *published.numbers])
        quoted = [target for target in targets if any(_target(name) == target for name in published.numbers)]
        for target in quoted:
            name = prefix if len(quoted) == 1 else f"{prefix}-{target}"
            # What is said of all tables of one source is said once.
            notes = (published.source, *published.notes) if target == quoted[0] else ()
            found.append(_table(published, reports, target, name, notes))
    return found


def _target(bench: str) -> str:
    return bench.split("+")[0].rpartition("-")[2]


def _model(bench: str) -> str:
    return parse(bench).model_name


def _table(published: Published, reports: Reports, target: str, name: str, notes: tuple[str, ...]) -> SideBySide:
    is_good = {report["bench"]: report.get("status", "ok") == "ok" for report in reports}
    measured = {report["bench"]: report["metrics"] if is_good[report["bench"]] else {} for report in reports}
    here = [report for report in reports if _target(report["bench"]) == target]
    model = next((found for report in here if (found := cycle_model_of(report))), {})
    numbers = published.numbers
    benches = [bench for bench in dict.fromkeys([*measured, *numbers]) if _target(bench) == target]
    models = list(dict.fromkeys(_model(bench) for bench in benches))
    benches.sort(key=lambda bench: models.index(_model(bench)))
    metrics = dict.fromkeys(metric for bench in benches for metric in numbers.get(bench, ()))
    columns = [column for metric in metrics for column in _columns(metric, published.clocks_hz.get(target))]
    values: dict[str, dict[str, float]] = {}
    for bench in benches:
        known = ((column.name, column.value(numbers.get(bench, {}), measured.get(bench, {}))) for column in columns)
        values[bench] = {column: value for column, value in known if value is not None}
    # Where nobody's bench is the other's, there is nothing to say of the two together.
    columns = [column for column in columns if column.is_ranked or any(column.name in row for row in values.values())]
    best = smallest(((_model(bench), column), row[column]) for bench, row in values.items() for column in row)
    error = model.get("error_percent", 0)
    rows = [
        (
            Cell(bench),
            *(_cell(column, row.get(column.name), best.get((_model(bench), column.name)), error) for column in columns),
        )
        for bench, row in values.items()
    ]
    ratios = {bench: row[_RATIO] for bench, row in values.items() if _RATIO in row}
    notes = (*notes, *_verdict(ratios, model))
    title = f"{target}, published and ours" if any(measured.get(bench) for bench in benches) else f"{target}, published"
    return SideBySide(
        name,
        title,
        notes,
        ("bench", *(column.name for column in columns)),
        ("bench", *(column.heading for column in columns)),
        tuple(rows),
    )


def _cell(column: _Column, value: float | None, least: float | None, error_percent: int) -> Cell:
    if value is None:
        return Cell("–")
    sign = _WITHIN if column.name == _RATIO and _is_within(value, error_percent) else ""
    return Cell(sign + column.spell(value), value, value == least and column.is_ranked)


def _is_within(ratio: float, error_percent: int) -> bool:
    return abs(ratio - 1) * 100 <= error_percent


def _verdict(ratios: Mapping[str, float], model: Mapping[str, Any]) -> list[str]:
    """Of how many benches estimated and published seconds are farther from each other than the model may be wrong."""
    if not ratios:
        return []
    beyond = [ratio for ratio in ratios.values() if not _is_within(ratio, model["error_percent"])]
    middle = median(ratios.values())
    told = (
        f"ours in seconds are estimated by the model {spell_cycle_model(model)}: {len(beyond)} of {len(ratios)} ratios"
    )
    return [
        f"{told} are farther from 1 than that error; the others have {_WITHIN} before them; the median is {middle:.2f}"
    ]


def _columns(metric: str, clock_hz: int | None) -> Iterable[_Column]:
    """Ours, published, and what they are to each other."""
    if metric == _BOARD:
        return _board_columns(clock_hz)
    known = BY_NAME.get(metric)
    heading = known.title if known else metric
    spell = known.format if known else "{:,.6g}".format
    return (
        _Column(metric, heading, lambda _, ours: ours.get(metric), spell),
        _Column(f"{metric}_published", "published", lambda theirs, _: theirs.get(metric), spell),
        _Column(
            f"{metric}_ratio",
            "ratio",
            lambda theirs, ours: _ratio(ours.get(metric), theirs.get(metric)),
            "{:.3f}".format,
            is_ranked=False,
        ),
    )


def _board_columns(clock_hz: int | None) -> Iterable[_Column]:
    """Seconds, ours estimated, beside each other; through the board's clock instructions share a unit with both."""

    def cycles(theirs: Mapping[str, float]) -> float | None:
        seconds = theirs.get(_BOARD)
        return None if seconds is None or clock_hz is None else seconds * clock_hz

    def estimated(ours: Mapping[str, float]) -> float | None:
        return None if _LATENCY not in ours else ours[_LATENCY] / 1e3

    return (
        _Column(_INVOKE, "ours [M instr]", lambda _, ours: ours.get(_INVOKE), _millions),
        _Column(
            "estimated_s", "ours [s], estimated", lambda _, ours: estimated(ours), "{:.3f}".format, is_ranked=False
        ),
        _Column(_BOARD, "published [s]", lambda theirs, _: theirs.get(_BOARD), "{:.3f}".format),
        _Column(
            _RATIO,
            "ours / published",
            lambda theirs, ours: _ratio(estimated(ours), theirs.get(_BOARD)),
            "{:.2f}".format,
            is_ranked=False,
        ),
        _Column("board_cycles", "published [M cycles]", lambda theirs, _: cycles(theirs), _millions, is_ranked=False),
        _Column(
            "instructions_per_board_cycle",
            "instr/cycle",
            lambda theirs, ours: _ratio(ours.get(_INVOKE), cycles(theirs)),
            "{:.3f}".format,
            is_ranked=False,
        ),
    )


def _millions(value: float) -> str:
    return f"{value / 1e6:,.2f}"


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None


def to_text(tables: Iterable[SideBySide], width: int | None = None) -> str:
    """Aligned columns, with a star behind the smallest of each model and column.

    A record for each bench where these are wider than `width`, that of a terminal.
    """
    return "\n".join(_text_of(table, width) for table in tables)


def _text_of(table: SideBySide, width: int | None) -> str:
    lines = [table.headings, *([_starred(cell) for cell in row] for row in table.rows)]
    widths = [max(len(line[index].rstrip("*")) for line in lines) for index in range(len(table.columns))]
    notes = [f"- {note}" for note in table.notes]
    if width is not None and sum(widths) + 3 * (len(widths) - 1) > width:
        return "\n".join([table.title, *records(table.headings, lines[1:], width), *notes]) + "\n"
    # a star is not a digit
    hanging = [[line[0], *(cell if cell.endswith("*") else f"{cell} " for cell in line[1:])] for line in lines]
    return "\n".join([table.title, *aligned(hanging, [False, *(True for _ in widths[1:])]), *notes]) + "\n"


def _starred(cell: Cell) -> str:
    return f"{cell.text}*" if cell.is_best else cell.text


def to_markdown(tables: Iterable[SideBySide]) -> str:
    """The smallest of each model and column is bold."""
    parts = []
    for table in tables:
        lines = [f"## {table.title}", "", *(f"- {note}" for note in table.notes)]
        lines += [""] if table.notes else []
        cells = [[f"**{cell.text}**" if cell.is_best else cell.text for cell in row] for row in table.rows]
        lines += markdown_table([table.headings, *cells], [False, *(True for _ in table.headings[1:])])
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)
