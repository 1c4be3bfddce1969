"""Every format of a report, given texts of somebody who means harm: plain, parseable, and no formula."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from sample_documents import failed
from tests_support import Later

from tinyflow.report import formats, github, junit, tables
from tinyflow.report.changes import to_json
from tinyflow.report.frame import Frame, frame_of

openpyxl = Later("openpyxl")
EVIL = "=cmd\x1b[31m\x85\u202e\x7f\r|<b>\ud800,end"
ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def evil_row() -> dict[str, Any]:
    """A failed bench whose every text was chosen by somebody else."""
    found = {**failed("a", "b", "c").report, "reason": EVIL, "weights": EVIL, "features": {EVIL: EVIL}}
    return {**found, **dict.fromkeys(("bench", "model", "backend", "target"), EVIL), "warnings": [EVIL]}


TEXTS = {
    "csv": lambda rows: tables.to_csv(rows),
    "json": lambda rows: tables.to_json(EVIL, rows),
    "markdown": lambda rows: tables.to_markdown(EVIL, rows),
    "text": lambda rows: tables.to_text(rows),
    "junit": lambda rows: junit.to_junit(EVIL, rows),
    "github": lambda rows: "\n".join(github.annotate(rows)),
    "changes": lambda rows: to_json(EVIL, EVIL, [], [EVIL]).decode(),
    **{
        f"frame {name}": lambda rows, name=name: formats.FORMATS[name](_frame(rows)).decode()
        for name in ("csv", "json", "md", "text")
    },
}


def _frame(rows: list[dict[str, Any]]) -> Frame:
    """As a recipe may compute it: with a column whose heading is a formula."""
    return frame_of(rows).rename({"status": EVIL})


@pytest.mark.parametrize("name", TEXTS)
def test_every_format_is_plain_and_can_be_read(name: str) -> None:
    """No control character, override or lone surrogate is in it, and its own parser reads it."""
    text = TEXTS[name]([evil_row()])
    assert ODD.search(text) is None
    text.encode()
    if name.endswith("csv"):
        for line in csv.reader(io.StringIO(text)):
            assert not [cell for cell in line if cell[:1] in tuple("=+-@")]
    elif name.endswith(("json", "changes")):
        assert repr(EVIL)[1:-1] in repr(json.loads(text))
    elif name == "junit":
        assert len(list(ElementTree.fromstring(text).iter("testcase"))) == 1
    elif name in ("markdown", "frame md"):
        assert "<b>" not in text
        rows = [line for line in text.split("\n") if line.startswith("| ")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) == 1
    elif name == "github":
        assert all(line.startswith("::") for line in text.split("\n"))


def test_a_workbook_has_texts_only() -> None:
    """Headings and cells that begin as formulas or addresses are texts in xlsx."""
    frame = Frame(("=1+1", "http://x"), ({"=1+1": "=2+2", "http://x": "{=3}\x1b" + "x" * 40_000},))
    book = openpyxl.load_workbook(io.BytesIO(formats.to_xlsx(frame)))
    cells = [cell for line in book["results"].iter_rows() for cell in line]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in cells][:3] == ["=1+1", "http://x", "=2+2"]
    assert [cell for cell in cells if cell.hyperlink] == []
