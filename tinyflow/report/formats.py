"""A frame in the formats that people and programs take. Same frame, same bytes.

What is installed with an extra is imported when its format is asked for.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from tinyflow.core import safe_text
from tinyflow.core.distribution import pip_install
from tinyflow.core.errors import ToolError
from tinyflow.report.frame import Frame
from tinyflow.report.metrics import BY_NAME
from tinyflow.report.tables import csv_text, fitted, markdown_table, spell

# Of xlsxwriter, which would make formulas of headings that begin with =, and links of those that begin with http:.
_TEXTS_ARE_TEXTS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_MOST_LETTERS = 32767  # of a cell, as Excel has it


def to_csv(frame: Frame) -> bytes:
    """A heading and a line for each row; empty where not measured."""
    return csv_text([frame.columns, *([row.get(name, "") for name in frame.columns] for row in frame)]).encode()


def to_json(frame: Frame) -> bytes:
    """A list of objects; what was not measured has no key."""
    rows = [{name: row[name] for name in frame.columns if row.get(name) is not None} for row in frame]
    return safe_text.json_text(rows, indent=2).encode()


def to_markdown(frame: Frame) -> bytes:
    """A table; numbers to the right."""
    lines = [list(frame.columns), *([spell(row.get(name)) for name in frame.columns] for row in frame)]
    table = markdown_table(lines, [name not in frame.texts for name in frame.columns])
    return "".join(f"{line}\n" for line in table).encode()


def to_text(frame: Frame, width: int | None = None) -> bytes:
    """Aligned columns; a record for each row where these are wider than `width`, that of a terminal."""
    texts = frame.texts
    cells = [list(frame.columns), *([spell(row.get(name)) for name in frame.columns] for row in frame)]
    cells = [[safe_text.shown(cell).replace("\n", " ") for cell in line] for line in cells]
    lines = fitted(cells[0], cells[1:], [name not in texts for name in frame.columns], width)
    return "".join(f"{line}\n" for line in lines).encode()


def to_xlsx(frame: Frame) -> bytes:
    """A workbook of two sheets: the rows with a filter on every column, and what the columns mean."""
    try:
        import xlsxwriter
    except ImportError as error:
        raise _missing("xlsxwriter", "xlsx") from error
    from datetime import datetime, timezone

    content = io.BytesIO()
    workbook = xlsxwriter.Workbook(content, {"in_memory": True, **_TEXTS_ARE_TEXTS})
    # Else it holds the time of its making; the start of DOS's clock is the earliest that a zip archive can say.
    workbook.set_properties({"created": datetime(1980, 1, 1, tzinfo=timezone.utc), "title": "tinyflow results"})
    bold, grouped = workbook.add_format({"bold": True}), workbook.add_format({"num_format": "#,##0.####"})
    sheet = workbook.add_worksheet("results")
    sheet.write_row(0, 0, [safe_text.plain(name) for name in frame.columns], bold)
    for index, row in enumerate(frame, start=1):
        for column, name in enumerate(frame.columns):
            _write_cell(sheet, index, column, row.get(name), grouped)
    sheet.freeze_panes(1, 1)
    if frame.rows:
        sheet.autofilter(0, 0, len(frame), len(frame.columns) - 1)
    for column, name in enumerate(frame.columns):
        longest = max(len(text) for text in (name, *(spell(row.get(name)) for row in frame)))
        sheet.set_column(column, column, min(longest, 60) + 2)
    _write_definitions(workbook.add_worksheet("definitions"), frame, bold)
    workbook.close()
    return content.getvalue()


def _write_cell(sheet: Any, row: int, column: int, value: Any, number_format: Any) -> None:
    if isinstance(value, str):
        sheet.write_string(row, column, safe_text.plain(value)[:_MOST_LETTERS])
    elif value is not None:
        sheet.write_number(row, column, value, number_format)


def _write_definitions(sheet: Any, frame: Frame, bold: Any) -> None:
    sheet.write_row(0, 0, ("column", "unit", "definition"), bold)
    known = [BY_NAME[name] for name in frame.columns if name in BY_NAME]
    for index, metric in enumerate(known, start=1):
        sheet.write_row(index, 0, (metric.name, metric.unit, metric.definition))
    sheet.set_column(0, 0, 28)
    sheet.set_column(2, 2, 80)


def to_parquet(frame: Frame) -> bytes:
    """One row group; units and definitions are in the columns' metadata."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise _missing("pyarrow", "parquet") from error
    fields, columns = [], []
    for name in frame.columns:
        values = [_plain(row.get(name)) for row in frame]
        if name not in frame.texts and any(isinstance(value, float) for value in values):
            values = [None if value is None else float(value) for value in values]
        array = pyarrow.array(values, pyarrow.string() if name in frame.texts else None)
        metric = BY_NAME.get(name)
        meaning = {"unit": metric.unit, "definition": metric.definition} if metric else None
        fields.append(pyarrow.field(name, array.type, metadata=meaning))
        columns.append(array)
    content = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_arrays(columns, schema=pyarrow.schema(fields)), content)
    return content.getvalue()


def _plain(value: Any) -> Any:
    return safe_text.plain(value) if isinstance(value, str) else value


def _missing(package: str, extra: str) -> ToolError:
    return ToolError(f"{package} is not installed", hint=pip_install(extra), missing=True)


FORMATS: dict[str, Callable[[Frame], bytes]] = {
    "text": to_text,
    "csv": to_csv,
    "json": to_json,
    "md": to_markdown,
    "xlsx": to_xlsx,
    "parquet": to_parquet,
}
BINARY = frozenset({"xlsx", "parquet"})
