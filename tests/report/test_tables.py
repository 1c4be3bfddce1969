"""Tables: the same rows give the same bytes; nothing is lost or invented on the way."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import Any

import pytest

from tinyflow.recipes.schema import Published, Suite
from tinyflow.report import published, rows, tables
from tinyflow.report.formats import to_text
from tinyflow.report.frame import frame_of
from tinyflow.report.metrics import METRICS
from tinyflow.report.published import side_by_side
from tinyflow.report.removed import removed_text
from tinyflow.report.tables import UNLIKE_TRAINED, cycle_models

EXACT = {"reference": "tflm", "samples": 8, "result": "exact", "max_abs_error": 0}
CLOSE = {"reference": "tflm", "samples": 8, "result": "within tolerance", "max_abs_error": 2}


def naming(backend: str, **features: str | bool) -> dict[str, Any]:
    """The naming of one bench."""
    return {"bench": f"net-{backend}-chip", "model": "net", "backend": backend, "target": "chip", "features": features}


def sample_rows() -> list[dict[str, Any]]:
    """A good bench, one that is close, and one that failed."""
    metrics = {"invoke_instructions": 22_600_123, "rom_bytes": 261_120, "simulated_mips": 412.5}
    return [
        rows.bench_row(naming("one", dsp=True, layout="NCHW"), weights="synthetic", metrics=metrics, validation=EXACT),
        rows.bench_row(naming("two"), weights="trained", metrics={"rom_bytes": 1024}, validation=CLOSE),
        rows.bench_row(naming("three"), status="mismatch", reason="run: sample 3 | output 1"),
    ]


def test_csv_has_a_column_for_every_metric() -> None:
    """Exact numbers under their names; empty where not measured."""
    first, second, third = csv.DictReader(io.StringIO(tables.to_csv(sample_rows())))
    assert {metric.name for metric in METRICS} <= first.keys()
    assert (first["invoke_instructions"], first["features"], first["validation"]) == (
        "22600123",
        "dsp+layout.NCHW",
        "exact",
    )
    assert (second["invoke_instructions"], second["validation"]) == ("", "within tolerance (±2)")
    assert (third["status"], third["rom_bytes"], third["reason"]) == ("mismatch", "", "run: sample 3 | output 1")


def test_json_carries_rows_and_definitions() -> None:
    """Whoever reads the file needs no other to know what a number means."""
    document = json.loads(tables.to_json("tiny", sample_rows()))
    assert document["benches"] == sample_rows()
    assert document["metrics"]["rom_bytes"]["unit"] == "bytes"


def test_markdown_shows_exact_numbers_and_reasons() -> None:
    """Digits are grouped, a bar in a text does not end its cell, failures are listed, columns are defined."""
    text = tables.to_markdown("tiny", sample_rows())
    assert "| 22,600,123 |" in text
    assert "- `net-three-chip`: run: sample 3 | output 1" in text
    assert "- ROM: `rom_bytes`" in text
    lengths = {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("|")}
    assert len(lengths) == 1


def test_text_is_aligned_and_says_that_weights_are_synthetic() -> None:
    """Numbers are right-aligned under their headings."""
    lines = tables.to_text(sample_rows()).splitlines()
    end = lines[0].index("ROM") + len("ROM")
    assert [line[:end].split()[-1] for line in lines[1:3]] == ["KiB", "KiB"]
    assert lines[-1].startswith("synthetic weights")


def test_notes_say_which_benches_have_no_tuning_records() -> None:
    """A bench with +tuned that went without: why, and what to type. One that searches, or has all, is not told of."""
    place = {"cpu": "cortex-m7", "toolchain": "gcc", "optimise": "Os", "objective": "cycles"}
    found = []
    for feature, missing, tuned in (("tuned", 3, 0), ("tuned", 1, 2), ("tuned", 0, 3), ("tune", 3, 0)):
        row = rows.bench_row(naming("one", **{feature: True}), weights="trained", metrics={}, validation=EXACT)
        found += tables.notes([{**row, "tuning": {"kernels": 4, "tuned": tuned, "missing": missing, "place": place}}])
    end = "for cortex-m7, gcc, Os, by cycles, which leaves them untuned; +tune.16 in place of +tuned searches"
    assert found == [
        f"net-one-chip: its kernels have no tuning record {end}",
        f"net-one-chip: 1 of 4 kernels have no tuning record {end}",
    ]


def test_terminal_table_has_the_same_cells() -> None:
    """What `rich` draws is what the plain table says."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=200, no_color=True)
    console.print(tables.to_rich(sample_rows(), console.width))
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    for line in tables.to_text(sample_rows()).splitlines()[:-1]:
        assert all(cell in drawn for cell in line.split())


def test_narrow_terminal_keeps_what_matters_most() -> None:
    """Columns are left out rather than folded: first the ratio and the arena, never the counts and sizes."""
    from rich.console import Console

    metrics = {"invoke_instructions": 22_600_123, "rom_bytes": 1, "ram_bytes": 2, "arena_bytes": 3}
    metrics["instructions_per_mac"] = 4
    row = rows.bench_row(naming("a" * 30), weights="trained", metrics=metrics, validation=EXACT)
    console = Console(file=io.StringIO(), width=80, no_color=True)
    console.print(tables.to_rich([row], console.width))
    heading = console.file.getvalue().split("\n")[1].split()  # type: ignore[attr-defined]
    assert heading == ["bench", "status", "invoke", "ROM", "RAM"]
    assert "invoke: instructions" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", range(30, 150, 3))
def test_no_name_is_broken_where_there_is_room(width: int) -> None:
    """However wide a terminal is that has room for a name, it stands in one line, and each number has its unit."""
    from rich.console import Console

    metrics = {"invoke_instructions": 22_600_123, "setup_instructions": 2, "rom_bytes": 1, "ram_bytes": 2}
    names = [naming("a" * 5), naming("b" * 16)]
    every = [rows.bench_row(one, weights="trained", metrics=metrics, validation=EXACT) for one in names]
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(tables.to_rich(every, width))
    lines = [line.strip().split(" ")[0] for line in console.file.getvalue().split("\n")]  # type: ignore[attr-defined]
    assert {one["bench"] for one in names} <= set(lines)
    drawn = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert "invoke [instr]" in drawn or "invoke and set-up: instructions" in drawn or "invoke: instructions" in drawn


def test_what_synthetic_weights_say_depends_on_what_was_done_with_them() -> None:
    """Sizes and speed are nearly the trained network's, but where what is removed or chosen depends on the weights."""
    same = {"macs": 9, "weights_bytes": 9, "peak_live_bytes": 9, "operators": 9, "tensors": 9}
    removed = {"before": same, "after": same}
    plain = rows.bench_row(naming("one"), weights="synthetic", metrics={}, validation=EXACT)
    shrunk = {**rows.bench_row(naming("two", shrink=True), weights="synthetic", metrics={}, validation=EXACT)}
    tuned = rows.bench_row(naming("three", tuned=True), weights="synthetic", metrics={}, validation=EXACT)
    shrunk["removed"] = removed
    (near,), (far,), (away,) = (tables.notes([{**row, "tuning": {}}]) for row in (plain, shrunk, tuned))
    assert "are the trained network's to about 1 %" in near
    assert "depends on the weights, so neither sizes nor speed are those of the trained network" in far
    assert "here net loses 0 % of the MACs" in far and "1 %" not in far
    assert "a tenth from that of the trained network" in away and "1 %" not in away
    assert tables.notes([plain, shrunk, plain]) == [near, far]
    trained = [{**row, "weights": weights} for row in (plain, shrunk) for weights in ("trained", "user", None)]
    assert tables.notes(trained) == []
    assert UNLIKE_TRAINED in removed_text("net", {**removed, "operators": [], "channels": []}, "synthetic")
    assert "trained" not in removed_text("net", {**removed, "operators": [], "channels": []}, "trained")


def test_what_patches_compute_again_is_told() -> None:
    """And what they save."""
    before = {"macs": 1000, "peak_live_bytes": 4096}
    after = {"macs": 1234, "peak_live_bytes": 3072}
    changed = [{"operator": 0, "name": "CONV_2D", "tensor": "made", "why": "in 2x2 patches"}]
    row = rows.bench_row(naming("one", patch="2"), weights="trained", metrics={}, validation=EXACT)
    (note,) = tables.notes([{**row, "patched": {"before": before, "after": after, "changed": changed}}])
    assert note.endswith("1 layer in 2x2 patches, 1.23 times the MACs, 3.0 KiB alive at once, not 4.0 KiB")


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100])
def test_a_name_is_never_broken_where_it_has_room(width: int) -> None:
    """A record for each bench where columns have no room; nothing is wider than that, nothing missing untold."""
    from rich.console import Console

    metrics = dict.fromkeys(("invoke_instructions", "setup_instructions", "rom_bytes", "ram_bytes"), 12345678)
    names = ["a" * (width - 18), "b" * 12, "c" * 3]
    found = [rows.bench_row(naming(n), weights="trained", metrics=metrics, validation=EXACT) for n in names]
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(tables.to_rich(found, console.width))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    words = {word for line in lines for word in line.split()}
    assert {row["bench"] for row in found} <= words
    assert max(map(len, lines)) <= width
    told = {"status", "invoke", "set-up", "ROM", "RAM", "output", "weights"}
    assert told <= {word.rstrip(",:") for word in words}
    for text in (
        to_text(frame_of(found), width).decode(),
        published.to_text(side_by_side(suite(found[0]["bench"]), found), width),
    ):
        assert {row["bench"] for row in found} <= set(text.split())
        assert "12,345,678" in text or "12.35 M" in text
        assert max(map(len, text.splitlines())) <= max(width, 40)


def suite(bench: str) -> Suite:
    """A suite that quotes figures for a bench."""
    numbers = {bench: {"invoke_instructions": 12_345_678, "rom_bytes": 2}}
    return Suite(
        name="x", description="y", include=(bench,), published=(Published(source="somebody", numbers=numbers),)
    )


def test_same_rows_give_the_same_bytes_in_any_process() -> None:
    """No order of hashes and nothing of the machine gets into a report."""
    program = "import test_tables as t; from tinyflow.report import tables as x; r = t.sample_rows(); " + (
        "print(x.to_csv(r), x.to_json('s', r), x.to_markdown('s', r), x.to_text(r))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "LANG": "C.UTF-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_plain_tables_do_not_import_rich() -> None:
    """A log or a pipe does not pay for what only a terminal needs."""
    program = "import sys; from tinyflow.report import tables; tables.to_text([]); sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0


def test_what_estimates_are_worth_is_told_once_for_each_model() -> None:
    """With the targets that it is of; where nothing is estimated nothing is said."""
    found = [("f4", "cortex-m4 ±11 %"), ("f4", "cortex-m4 ±11 %"), ("l4", "cortex-m4 ±11 %"), ("host", None)]
    (line,) = cycle_models([*found, ("f4", "cortex-m4 ±11 %")])
    assert line.endswith("estimated, not counted: f4, l4 by the model cortex-m4 ±11 %")
    assert list(cycle_models([("host", None)])) == []


def test_what_never_ran_says_which_ram_it_tells() -> None:
    """With all that is set aside: a note says so of each bench that doesn't fit, and of no other."""
    short = rows.bench_row(naming("one"), status="does_not_fit", reason="no", metrics={"ram_bytes": 5})
    ran = rows.bench_row(naming("two"), weights="trained", metrics={"ram_bytes": 5}, validation=EXACT)
    assert tables.notes([short, ran, {**short, "metrics": {}}]) == [
        "net-one-chip: its RAM is RAM as linked, with all that is set aside for stack and heap"
    ]
