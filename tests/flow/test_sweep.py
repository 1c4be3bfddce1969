"""`doit sweep`: a suite that is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flow_support import Run

import tinyflow
from tinyflow.core.errors import UsageError
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.suite import expand
from tinyflow.recipes.sweep import typed_suite
from tinyflow.report import sweep
from tinyflow.report.rows import bench_row


@pytest.fixture
def catalogue() -> Catalogue:
    """The built-in recipes."""
    return Catalogue([data_folder() / "recipes"])


def names_of(catalogue: Catalogue, *words: str, **axes: list[str]) -> list[str]:
    """The benches of a sweep."""
    catalogue.add(typed_suite(catalogue, words, axes.pop("features", []), **axes))
    return [str(bench) for bench in expand(catalogue, "sweep")]


def test_every_combination_is_a_bench(catalogue: Catalogue) -> None:
    """Values of one feature, several features, none of them; a bench's own parts where nothing is given."""
    first = names_of(catalogue, "sine-tinyc-stm32f7+opt.O2+tidy.off", features=["+,dsp,dsp+kernels.c", "opt.O3,Os"])
    base = "sine-tinyc-stm32f7"
    sets = ["opt.{}", "dsp+opt.{}", "dsp+kernels.c+opt.{}"]
    assert first == [f"{base}+{one.format(level)}+tidy.off" for one in sets for level in ("O3", "Os")]
    found = names_of(catalogue, "sine", "vww-tinyi-host", targets=["stm32f4,esp32c3"], backends=["tinyc", "tinyc"])
    assert found == [f"{model}-tinyc-{chip}" for model in ("sine", "vww") for chip in ("stm32f4", "esp32c3")]
    assert names_of(catalogue, "my.tflite", targets=["host"], backends=["tinyc"]) == ["./my.tflite-tinyc-host"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((), "sweep of what?"),
        (("sine",), "sine with which backends?"),
        (("sine-tinyc-stm32f7", "--feature", "opt.O2,O9"), 'feature "opt" has no value "O9"'),
        (("sine-tinyc-stm32f7", "--feature", "opt"), 'feature "opt" needs a value'),
        (("sine-tinyc-stm32f7", "--feature", "dps"), 'unknown feature "dps"'),
        (("sine-tinyc-stm32f7", "--feature", "dsp,"), '"dsp," has an empty entry'),
        (("sine-tinyc-stm32f7", "--target", "stm32"), 'unknown target "stm32"'),
        (("sine-tinyc-stm32f7", "--name", "good"), "there is a suite good: recipes/suites/good.yaml"),
        (("sine-tinyc-stm32f7", "--sort", "size"), 'unknown column "size"'),
        (("sine-tinyc-stm32f7", "--format", "xlsx"), "xlsx can't be shown on a terminal"),
    ],
)
def test_a_wrong_word_is_told_in_one_line(real: Run, words: tuple[str, ...], what: str) -> None:
    """Before anything runs."""
    done = real("sweep", *words)
    assert (done.returncode, done.stdout, done.stderr.splitlines()[0]) == (2, "", what)


def test_what_does_not_go_together_is_a_row(real: Run, project: Path) -> None:
    """With the reason, in the suite's files too; options of a run before the command hold for it."""
    done = real("-q", "sweep", "sine-tinyc-esp32c3", "--feature", "dsp,schedule.arm", "--format", "json")
    assert done.returncode == 2
    rows = json.loads(done.stdout)
    assert [row["status"] for row in rows] == ["unsupported", "unsupported"]
    assert rows[0]["reason"].startswith('feature "dsp" needs a processor with dsp')
    assert "nothing to do" not in done.stderr  # -q
    report = json.loads((project / "build" / "suites" / "sweep" / "report.json").read_text())
    assert [bench["reason"] for bench in report["benches"]] == [row["reason"] for row in rows]
    assert '<skipped message="feature' in (project / "build" / "suites" / "sweep" / "junit.xml").read_text()


def test_rows_come_to_programs_too(project: Path) -> None:
    """With the error that the bench alone would raise."""
    row = tinyflow.Project(project).sweep("sine-tinyc-esp32c3", features=["dsp"])[0]
    assert row.status == "unsupported" and isinstance(row.error, UsageError)


def test_the_best_of_a_model_is_marked() -> None:
    """Sorted, upwards or downwards; what failed is never the best, and comes last."""

    def row(bench: str, status: str = "ok", **metrics: int) -> dict[str, object]:
        naming = {"bench": bench, "model": bench[0], "backend": "b", "target": "t", "features": {}}
        return bench_row(naming, status=status, metrics=metrics)

    rows = [
        row("a1", invoke_instructions=3, ram_bytes=1),
        row("a2", invoke_instructions=2, ram_bytes=2),
        row("b1", invoke_instructions=1, ram_bytes=2),
        row("a3", status="mismatch", ram_bytes=0),
    ]
    table = sweep.frame(rows, "invoke_instructions")
    assert [(each["bench"], each.get("best")) for each in table] == [
        ("b1", None),
        ("a2", "instructions"),
        ("a1", "ram"),
        ("a3", None),
    ]
    assert [each["bench"] for each in sweep.frame(rows, "-ram_bytes")] == ["a2", "b1", "a1", "a3"]
