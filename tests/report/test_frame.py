"""Frames: operations keep what they don't speak of, and every format holds the same rows."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from sample_documents import failed, good

from tinyflow.core.errors import UsageError
from tinyflow.report import github
from tinyflow.report.formats import FORMATS
from tinyflow.report.frame import Frame, frame_of
from tinyflow.report.junit import to_junit

REPORTS = [
    good("vww", "one", "chip", size=2000).report,
    failed("aww", "one", "chip", reason="run: ::error::<&> 100%,\nsecond").report,
    good("aww", "two", "chip", size=1000, weights="synthetic").report,
]


@pytest.fixture
def frame() -> Frame:
    """Two benches that ran and one that failed."""
    return frame_of(REPORTS)


def benches(frame: Frame) -> list[str]:
    """The names of the rows."""
    return [row["bench"] for row in frame]


def test_rows_can_be_filtered_and_sorted(frame: Frame) -> None:
    """Upwards, downwards; what was not measured is last either way."""
    assert benches(frame.where("ram_bytes < 20KB")) == ["aww-two-chip"]
    assert benches(frame.where("status != ok")) == ["aww-one-chip"]
    assert benches(frame.sort(["ram_bytes"])) == ["aww-two-chip", "vww-one-chip", "aww-one-chip"]
    assert benches(frame.sort(["-ram_bytes"])) == ["vww-one-chip", "aww-two-chip", "aww-one-chip"]
    assert benches(frame.sort(["model", "-backend"])) == ["aww-two-chip", "aww-one-chip", "vww-one-chip"]


def test_columns_can_be_chosen_renamed_and_computed(frame: Frame) -> None:
    """In the order asked for; a later formula sees an earlier one's column."""
    made = frame.choose(["model", "r?m_bytes"]).compute({"both": "rom_bytes + ram_bytes", "kib": "both / 1KiB"})
    assert made.columns == ("model", "rom_bytes", "ram_bytes", "both", "kib")
    assert made[0]["kib"] == (61 + 17) * 2000 / 1024
    assert made[1] == {"model": "aww", "both": None, "kib": None}
    assert made.rename({"both": "memory"}).columns[3] == "memory"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda frame: frame.sort(["ram"]),
        lambda frame: frame.choose(["ram"]),
        lambda frame: frame.rename({"ram": "x"}),
        lambda frame: frame.rename({"ram_bytes": "rom_bytes"}),
        lambda frame: frame.where("ram < 1"),
    ],
)
def test_an_unknown_column_is_refused_with_a_suggestion(frame: Frame, wrong: Any) -> None:
    """Every operation says which column, and what it could be."""
    with pytest.raises(UsageError):
        wrong(frame)


def test_every_format_holds_the_same_rows(frame: Frame) -> None:
    """CSV, JSON, Excel and Parquet read back give the numbers that went in."""
    openpyxl = pytest.importorskip("openpyxl")
    parquet = pytest.importorskip("pyarrow.parquet")
    expected = [row.get("rom_bytes") for row in frame]
    read = list(csv.DictReader(io.StringIO(FORMATS["csv"](frame).decode())))
    assert [int(row["rom_bytes"]) if row["rom_bytes"] else None for row in read] == expected
    assert [row.get("rom_bytes") for row in json.loads(FORMATS["json"](frame))] == expected
    pytest.importorskip("xlsxwriter")
    sheet = openpyxl.load_workbook(io.BytesIO(FORMATS["xlsx"](frame)))["results"]
    heading, *rows = sheet.iter_rows(values_only=True)
    assert [row[heading.index("rom_bytes")] for row in rows] == expected
    table = parquet.read_table(io.BytesIO(FORMATS["parquet"](frame)))
    assert table["rom_bytes"].to_pylist() == expected
    assert table.schema.field("rom_bytes").metadata[b"unit"] == b"bytes"


@pytest.mark.parametrize("name", FORMATS)
def test_same_frame_same_bytes(frame: Frame, name: str) -> None:
    """No time of making in any file."""
    pytest.importorskip({"xlsx": "xlsxwriter", "parquet": "pyarrow"}.get(name, "json"))
    assert FORMATS[name](frame) == FORMATS[name](frame_of(REPORTS))


@pytest.mark.parametrize("name", FORMATS)
def test_no_rows_are_a_table_without_rows(name: str) -> None:
    """A project in which nothing has run yet."""
    pytest.importorskip({"xlsx": "xlsxwriter", "parquet": "pyarrow"}.get(name, "json"))
    FORMATS[name](frame_of([]))


def test_a_text_never_becomes_a_formula() -> None:
    """A reason that begins with `=` is shown, not computed."""
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("xlsxwriter")
    content = FORMATS["xlsx"](Frame(("reason",), ({"reason": "=1+1"},)))
    cell = openpyxl.load_workbook(io.BytesIO(content))["results"]["A2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_rows_go_to_pandas(frame: Frame) -> None:
    """Same columns, same order."""
    pytest.importorskip("pandas")
    assert tuple(frame.to_pandas().columns) == frame.columns


def test_junit_has_a_case_for_each_bench() -> None:
    """Counts agree with the cases; a failure has its kind and reason; metrics are properties."""
    cancelled, refused = (
        dict(failed(*name).report) | {"status": status, "reason": "run: \x00stopped"}
        for name, status in (("xyz", "cancelled"), ("xyw", "refused"))
    )
    root = ElementTree.fromstring(to_junit("tiny", [*REPORTS, cancelled, refused]))
    (suite,) = root
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["skipped"]) == ("5", "1", "2")
    cases = {case.attrib["name"]: case for case in suite}
    failure = cases["aww-one-chip"].find("failure")
    assert failure is not None and failure.attrib["type"] == "failed"
    assert "<&> 100%" in failure.attrib["message"]
    values = {entry.attrib["name"]: entry.attrib["value"] for entry in cases["vww-one-chip"].iter("property")}
    assert values["rom_bytes"] == "122000"
    assert cases["x-y-z"].find("skipped") is not None


def test_an_annotation_is_one_line_whatever_the_reason() -> None:
    """Nothing in a reason can end the command or begin another."""
    (line,) = github.annotate(REPORTS)
    assert line == "::error title=aww-one-chip::failed: run: ::error::<&> 100%25,%0Asecond"
