"""What a spreadsheet shows besides the numbers: headings that stay, filters, widths, and what the columns mean."""

from __future__ import annotations

import io

import pytest

from tinyflow.report import formats
from tinyflow.report.frame import Frame
from tinyflow.report.metrics import BY_NAME

openpyxl = pytest.importorskip("openpyxl")
pytest.importorskip("xlsxwriter")

FRAME = Frame(
    ("bench", "rom_bytes", "ram_bytes", "reason"),
    (
        {"bench": "a-b-c", "rom_bytes": 1_234_567, "reason": "x" * 200},
        {"bench": "d", "rom_bytes": 2, "ram_bytes": 0.5},
    ),
)


def test_a_workbook_can_be_read_by_people() -> None:
    """The heading and the first column stay in sight; every column has a filter and a width that fits, to a limit."""
    book = openpyxl.load_workbook(io.BytesIO(formats.to_xlsx(FRAME)))
    sheet, meaning = book["results"], book["definitions"]
    assert book.sheetnames == ["results", "definitions"] and book.properties.title == "tinyflow results"
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("B2", "A1:D3")
    assert [cell.font.bold for cell in sheet[1]] == [True] * 4 and not sheet["A2"].font.bold
    assert [cell.number_format for cell in sheet[2]] == ["General", "#,##0.####", "General", "General"]
    widths = [round(sheet.column_dimensions[name].width) for name in "ABD"]  # C is like B
    assert [abs(width - expected) <= 1 for width, expected in zip(widths, (7, 11, 62), strict=True)] == [True] * 3
    assert [[cell.value for cell in row] for row in sheet] == [
        list(FRAME.columns),
        ["a-b-c", 1_234_567, None, "x" * 200],
        ["d", 2, 0.5, None],
    ]
    told = [[cell.value for cell in row] for row in meaning]
    names = ("rom_bytes", "ram_bytes")
    assert told == [
        ["column", "unit", "definition"],
        *([name, BY_NAME[name].unit, BY_NAME[name].definition] for name in names),
    ]
    assert [cell.font.bold for cell in meaning[1]] == [True] * 3
    assert [abs(meaning.column_dimensions[name].width - width) < 1 for name, width in (("A", 28), ("C", 80))] == [
        True
    ] * 2
    empty = openpyxl.load_workbook(io.BytesIO(formats.to_xlsx(Frame(("bench",), ()))))["results"]
    assert empty.auto_filter.ref is None and empty.freeze_panes == "B2"


def test_columns_of_parquet_say_what_they_are() -> None:
    """Texts, whole numbers and others by their kind; what was not measured is nothing."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(formats.to_parquet(FRAME)))
    assert [(field.name, str(field.type)) for field in table.schema] == [
        *(("bench", "string"), ("rom_bytes", "int64"), ("ram_bytes", "double"), ("reason", "string"))
    ]
    assert table["ram_bytes"].to_pylist() == [None, 0.5]
    metadata = table.schema.field("rom_bytes").metadata
    assert metadata == {b"unit": b"bytes", b"definition": BY_NAME["rom_bytes"].definition.encode()}
    assert table.schema.field("bench").metadata is None


@pytest.mark.parametrize(("package", "name"), [("xlsxwriter", "xlsx"), ("pyarrow", "parquet")])
def test_a_format_whose_package_is_missing_is_told(package: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install, and exit status 3."""
    import sys

    from tinyflow.core.errors import ToolError

    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ToolError, match=f"{package} is not installed") as caught:
        formats.FORMATS[name](FRAME)
    assert caught.value.exit_status == 3 and f"[{name}]" in caught.value.hint
    assert formats.BINARY == {"xlsx", "parquet"} < set(formats.FORMATS)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((None, "-"), ("", "-"), ("x", "x"), (True, "True"), (0, "0"), (1234567, "1,234,567"), (-5, "-5")),
        *((0.5, "0.5"), (1234.56789, "1,234.57"), (999_999.4, "999,999"), (1e6, "1,000,000"), (-2e6, "-2,000,000")),
    ],
)
def test_a_cell_for_people(value: object, text: str) -> None:
    """All digits of whole numbers, six of others."""
    assert formats.spell(value) == text
