"""Plots for papers: what is in them, what is left out and why, and the same bytes anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tinyflow.core.errors import UsageError
from tinyflow.report.paper import FORMATS
from tinyflow.report.plots import KINDS, check_metric, plot_of

PROFILE = {
    "layers": [
        {"index": 0, "operator": "CONV_2D", "instructions": 800, "cycles_estimate": 1000},
        {"index": 1, "operator": "RESHAPE", "instructions": 0, "cycles_estimate": 0},
        {"index": 2, "operator": "SOFTMAX", "instructions": 100, "cycles_estimate": 500},
    ],
    "other": {"instructions": 3, "cycles_estimate": 10},
    "cycle_model": {"clock_hz": 1_000_000},
}


def row(bench: str, status: str = "ok", **metrics: float) -> dict[str, Any]:
    """A flat row."""
    model, backend, target = bench.split("-")
    return {"bench": bench, "model": model, "backend": backend, "target": target, "status": status, **metrics}


ROWS = (
    row("m_1-one-chip", latency_ms=2.0, ram_bytes=20_480, rom_bytes=90_000, invoke_instructions=903),
    row("m_1-two-chip", latency_ms=50.0, ram_bytes=10_240, rom_bytes=90_001, invoke_instructions=700),
    row("n-one-chip", latency_ms=3.0, ram_bytes=30_000, rom_bytes=5_000, invoke_instructions=800),
    row("n-one-host", ram_bytes=30_000),
    row("n-two-chip", "does_not_fit", ram_bytes=1),
)
PROFILES = {"m_1-one-chip": PROFILE, "n-one-chip": {**PROFILE, "cycle_model": {}}}


def test_bars_are_of_rows_that_have_the_metric() -> None:
    """By network and variant; time where none is asked for; others are told with the reason."""
    found, left_out = plot_of("bars", "", ROWS, {})
    assert found["metric"] == "latency_ms"
    assert found["bars"] == [
        {"network": "m_1", "name": "one-chip", "value": 2.0},
        {"network": "m_1", "name": "two-chip", "value": 50.0},
        {"network": "n", "name": "one-chip", "value": 3.0},
    ]
    assert left_out == [("n-one-host", "no latency_ms"), ("n-two-chip", "does_not_fit")]
    assert plot_of("bars", "ram_bytes", ROWS, {})[1] == [("n-two-chip", "does_not_fit")]


def test_layers_are_of_benches_with_a_profile() -> None:
    """Each layer that costs something, and what belongs to none; milliseconds where the clock is known."""
    found, left_out = plot_of("layers", "", ROWS, PROFILES)
    parts = [("CONV_2D", 800), ("SOFTMAX", 100), ("other", 3)]
    assert found["bars"] == [{"name": name, "parts": parts} for name in ("m_1-one-chip", "n-one-chip")]
    assert [bench for bench, _ in left_out] == ["m_1-two-chip", "n-one-host", "n-two-chip"]
    (only,) = plot_of("layers", "latency_ms", ROWS, PROFILES)[0]["bars"]
    assert only == {"name": "m_1-one-chip", "parts": [("CONV_2D", 1.0), ("SOFTMAX", 0.5), ("other", 0.01)]}


def test_a_trade_off_has_two_benches_of_a_network() -> None:
    """The rest has nothing to be compared with; with nothing at all the reasons are told."""
    found, left_out = plot_of("pareto", "", ROWS, {})
    (network,) = found["networks"]
    assert [point["is_on_front"] for point in network["planes"][0]["points"]] == [True, True]
    assert [point["is_on_front"] for point in network["planes"][1]["points"]] == [True, False]
    assert {bench for bench, _ in left_out} == {"n-one-chip", "n-one-host", "n-two-chip"}
    with pytest.raises(UsageError, match="nothing to plot: n-one-chip: nothing to compare it with") as caught:
        plot_of("pareto", "", ROWS[2:3], {})
    assert "--kind layers" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "metric", "hint"),
    [("bars", "rambytes", "ram_bytes"), ("layers", "ram_bytes", "metrics: "), ("pareto", "ram_bytes", "--kind bars")],
)
def test_a_metric_that_a_plot_can_not_show_is_refused(kind: str, metric: str, hint: str) -> None:
    """With what it can."""
    with pytest.raises(UsageError) as caught:
        check_metric(kind, metric)
    assert hint in caught.value.hint


DRAW = """
import json, sys
from pathlib import Path
from tinyflow.report.paper import FORMATS, draw
documents, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
for kind, document in documents.items():
    for form in FORMATS:
        (folder / f"{kind}.{form}").write_bytes(draw(document, form, folder))
"""


def drawn(folder: Path, **environment: str) -> dict[str, bytes]:
    """All kinds in all formats, by a process of their own; without LaTeX."""
    folder.mkdir()
    documents = json.dumps({kind: plot_of(kind, "", ROWS, PROFILES)[0] for kind in KINDS})
    python = Path(sys.executable)
    environment = {"PATH": str(python.parent), "HOME": str(folder), **environment}
    (folder / "matplotlibrc").write_text("font.size: 19\nfigure.facecolor: red\n")
    subprocess.run([python, "-c", DRAW, documents, folder], check=True, cwd=folder, env=environment, timeout=120)
    return {f"{kind}.{form}": (folder / f"{kind}.{form}").read_bytes() for kind in KINDS for form in FORMATS}


@pytest.mark.slow
def test_all_formats_have_the_same_bytes_anywhere(tmp_path: Path) -> None:
    """Whatever the folder, the time, the hashes' seed; fonts are inside, dates and paths are not."""
    pytest.importorskip("matplotlib")
    first = drawn(tmp_path / "a", PYTHONHASHSEED="1", SOURCE_DATE_EPOCH="1")
    second = drawn(tmp_path / "elsewhere", PYTHONHASHSEED="2", TZ="Asia/Tokyo")
    assert [name for name in first if first[name] != second[name]] == []
    for name, content in first.items():
        assert not any(word in content for word in (b"Date", b"<dc:", os.fsencode(tmp_path), b"Matplotlib v")), name
        begin = {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG", "pgf": b"%% Creator"}[name.rpartition(".")[2]]
        assert content.startswith(begin) and len(content) < 1_000_000
    assert b"/CIDFontType2" in first["bars.pdf"] and b"/Type3" not in first["bars.pdf"]
    assert b"<text" not in first["layers.svg"] and b"<path" in first["layers.svg"]
    assert b"m\\_1" in first["bars.pgf"]
