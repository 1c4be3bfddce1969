"""A verdict that says less than it seems is marked wherever it is shown, with the reason."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console
from sample_documents import EXACT, good, suite

from tinyflow.flow.commands.compare import tell
from tinyflow.report import formats, github, rows, tables
from tinyflow.report.compare import Measured, compare, doubts
from tinyflow.report.documents import BenchDocuments
from tinyflow.report.frame import frame_of
from tinyflow.report.html.page import bench_page, suite_page
from tinyflow.report.junit import to_junit

WHY = "TFLM and LiteRT differ by up to 125 of 255 steps: and so on"
KNOWN = {**EXACT, "distinct_outputs": 3, "references_differ_by": 125, "warnings": [WHY]}


def doubted(model: str, backend: str) -> BenchDocuments:
    """A bench whose outputs are exact, with a warning."""
    return BenchDocuments({**good(model, backend, "chip").report, "validation": KNOWN})


BENCHES = [doubted("net", "one"), doubted("net", "two"), good("sure", "one", "chip")]
REPORTS = [bench.report for bench in BENCHES]


def drawn(width: int) -> str:
    """The table as a terminal shows it, without its line breaks."""
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(tables.to_rich(REPORTS, width))
    return " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    [
        tables.to_text(REPORTS),
        drawn(60),
        drawn(200),
        tables.to_markdown("tiny", REPORTS),
        tables.to_csv(REPORTS),
        tables.to_json("tiny", REPORTS),
        formats.to_csv(frame_of(REPORTS)).decode(),
        formats.to_json(frame_of(REPORTS)).decode(),
        to_junit("tiny", REPORTS),
        "\n".join(github.annotate(REPORTS)),
        suite_page(suite("tiny"), BENCHES, fingerprint=""),
        bench_page(BENCHES[0], fingerprint=""),
    ],
)
def test_the_reason_stands_in_every_form(text: str) -> None:
    """Tables for people, files for programs, pages."""
    assert WHY in text


def test_the_verdict_itself_is_marked() -> None:
    """`exact!` in columns; the figures have columns of their own; a bench without a warning is as it was."""
    assert [tables.spell_validation(row) for row in REPORTS] == ["exact!", "exact!", "exact"]
    assert suite_page(suite("tiny"), BENCHES, fingerprint="").count(WHY) == 3  # above the table and beside each verdict
    assert tables.to_text(REPORTS).count(WHY) == 1  # two benches of one network have one reason
    assert "net-one-chip and 1 more" in tables.to_text(REPORTS)
    first, _, last = frame_of(REPORTS)
    assert (first["distinct_outputs"], first["references_differ_by"], first["warnings"]) == (3, 125, WHY)
    assert "warnings" not in last and first["validation"] == "exact"


def test_a_comparison_says_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Of which side it is true, as text and JSON; the exit status is the same."""
    sides = ({"x": Measured(REPORTS[2])}, {"x": Measured(REPORTS[0])})
    changes = compare(*sides, {})
    for name in ("text", "md"):
        assert tell(("a", "b"), sides, changes, {"format": name, "all": False}, doubts(*sides), None) == 0
        assert f"x (new): {WHY}" in capsys.readouterr().out
    tell(("a", "b"), sides, changes, {"format": "json", "all": False}, doubts(sides[1], sides[1]), None)
    assert json.loads(capsys.readouterr().out)["warnings"] == [f"x (old and new): {WHY}"]
    other = {"x": Measured({**REPORTS[2], "model": "another"})}
    assert doubts(other, {"x": Measured(REPORTS[2])}) == ["x: two models are compared, another and sure"]


def test_a_quantised_model_is_as_good_as_its_samples() -> None:
    """Where they are made up, beside what else is doubtful."""
    told = rows.with_quantising({**EXACT, "warnings": [WHY]}, {"samples": "made up"})
    assert told["warnings"][0] == WHY and told["warnings"][1].startswith("quantised after training: the samples are")
    assert rows.with_quantising(EXACT, {"samples": "recipe"}) == rows.with_quantising(EXACT, None) == EXACT


def test_a_doubted_verdict_is_marked_for_people_alone() -> None:
    """A condition still finds it by its word."""
    frame = frame_of(REPORTS).where("validation = exact")
    assert "exact!" in [row["validation"] for row in frame.marked()]
    assert [row["validation"] for row in frame.marked()] == [f"exact{'!' * ('warnings' in row)}" for row in frame]


@pytest.mark.parametrize(
    ("origin", "warning"),
    [
        ({}, ""),
        ({"onnxruntime_max_abs_error": 2}, ""),
        ({"onnxruntime_max_abs_error": 40}, "up to 40 steps"),
        ({"onnxruntime_max_abs_error": None}, "not installed"),
    ],
)
def test_an_imported_model_is_as_good_as_its_import(origin: dict[str, Any], warning: str) -> None:
    """Where ONNX Runtime is far from the model that was made, or nobody asked it."""
    told = rows.with_import(EXACT, origin)
    assert warning in "".join(told.get("warnings", ()))
    assert len(told.get("warnings", ())) == bool(warning)
    assert told.get("onnxruntime_differs_by") == origin.get("onnxruntime_max_abs_error")
