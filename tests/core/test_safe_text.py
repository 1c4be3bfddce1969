"""Texts of others: nothing in them is an order to a terminal, and what a program reads means what it meant."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tinyflow.core import safe_text

# C0, DEL, C1, line and paragraph ends, bidirectional overrides and isolates, invisible marks, lone surrogates, private.
ODD = [
    "\x00",
    "\x1b[31m",
    "\r",
    "\x07",
    "\x7f",
    "\x85",
    "\x9b",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\u200f",
    "\ufeff",
]
ODD += ["\ud800", "\udcff", "\ue000", "\U000e0041"]
HARMLESS = ["plain", "a b", "–…→±·×", "naïve", "日本　語", "a\u00a0b", "😀", "x\ny"]


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_what_terminals_obey_is_spelled_out(odd: str) -> None:
    """Each kind is printable afterwards in text and log; JSON means the same; all of it can be written as UTF-8."""
    text = f"before{odd}after"
    for shown in (safe_text.plain(text), safe_text.shown(text), safe_text.for_markdown(text)):
        assert shown.isprintable()
        assert shown.startswith("before\\")
        assert shown.endswith("after")
    spelled = safe_text.plain_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert spelled.isprintable()
    assert json.loads(spelled) == {text: [text]}
    if odd != "\ud800":
        log = safe_text.plain_log(text.encode(errors="surrogateescape")).decode()
        assert log.isprintable()


@pytest.mark.parametrize("text", HARMLESS)
def test_what_people_read_stays(text: str) -> None:
    """Letters of all languages, spaces and line ends are left alone."""
    assert safe_text.plain(text) == safe_text.shown(text) == safe_text.plain_json(text) == text
    assert safe_text.plain_log(f"{text}\ta".encode()).decode() == f"{text}\ta"


def test_overlong_names_are_cut_in_the_middle() -> None:
    """Both ends stay, what is around a name, too; long lists of short words only where they are absurd."""
    line = f"tensor {'a' * 50_000}{'z' * 50_000} is not supported"
    shown = safe_text.shown(line)
    assert len(shown) < 300
    assert shown.startswith("tensor aaaa")
    assert "…" in shown
    assert shown.endswith("zzzz is not supported")
    words = "word " * 200
    assert safe_text.shown(words) == words
    assert len(safe_text.shown("word " * 20_000)) <= 4000


@pytest.mark.parametrize(
    "text", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "  =1", "\t=1", "\r=1", "＝1", "\n=1", "\u00a0=1"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    """What spreadsheets would calculate is text, in one line; numbers stay numbers."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow(map(safe_text.for_csv, [text, -1, 2.5]))
    assert file.getvalue().count("\n") == 1
    cell, *numbers = next(csv.reader([file.getvalue()]))
    assert cell.strip()[0] not in "=+-@＝\t\r\n"
    assert numbers == ["-1", "2.5"]
