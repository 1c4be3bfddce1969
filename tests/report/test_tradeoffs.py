"""Trade-offs: which benches are compared, on which axes, what is on the front, and how a page draws it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_documents import failed, good, suite

from tinyflow.report.frame import Frame
from tinyflow.report.html.page import suite_page
from tinyflow.report.metrics import BY_NAME
from tinyflow.report.tradeoffs import axis, label, networks, spell_tick, with_fronts


def row(name: str, status: str = "ok", model: str = "m", **metrics: float) -> dict[str, Any]:
    """A flat row of a bench."""
    return {"bench": f"{model}-{name}", "model": model, "backend": name, "target": "t", "status": status, **metrics}


ROWS = (
    row("fast", latency_ms=1.0, ram_bytes=50, rom_bytes=900, invoke_instructions=9),
    row("small", latency_ms=20.0, ram_bytes=10, rom_bytes=901, invoke_instructions=8),
    row("worse", latency_ms=21.0, ram_bytes=11, rom_bytes=902, invoke_instructions=7),
    row("twin", latency_ms=1.0, ram_bytes=50, rom_bytes=950),
    row("untimed", ram_bytes=1, rom_bytes=1, invoke_instructions=1),
    row("broken", "does_not_fit", latency_ms=0.1, ram_bytes=1, rom_bytes=1),
    row("alone", model="n", latency_ms=1.0, ram_bytes=5),
)


def test_a_front_has_what_none_is_better_than() -> None:
    """Equal rows are both on it, drawn once; what failed or has no time is told beside; one bench is no trade-off."""
    (network,) = networks(ROWS)
    ram, rom = network.planes
    assert network.time.name == "latency_ms" and (ram.memory.name, rom.memory.name) == ("ram_bytes", "rom_bytes")
    assert [point.row["backend"] for point in ram.points if point.is_on_front] == ["fast", "small", "twin"]
    assert [point.row["backend"] for point in ram.front] == ["fast", "small"]
    assert [point.row["backend"] for point in rom.front] == ["fast"]
    assert network.left_out == (("m-untimed", "no latency_ms"), ("m-broken", "does_not_fit"))


def test_tables_say_what_is_on_a_front() -> None:
    """In RAM, in flash, in both; nothing of rows that aren't compared; before the reason, and no worse done twice."""
    marked = with_fronts(Frame(("bench", "ram_bytes", "reason"), ROWS))
    assert marked.columns == ("bench", "ram_bytes", "pareto_ram", "pareto_rom", "pareto", "reason")
    found = {r["backend"]: [r.get(name) for name in ("pareto_ram", "pareto_rom", "pareto")] for r in marked}
    assert found == {
        "fast": ["yes", "yes", "yes"],
        "small": ["yes", "no", "yes"],
        "worse": ["no", "no", "no"],
        "twin": ["yes", "no", "no"],
        "untimed": [None] * 3,
        "broken": [None] * 3,
        "alone": ["yes", None, None],
    }
    assert with_fronts(marked) == marked
    assert {r["backend"] for r in with_fronts(marked.where("ram_bytes < 12")) if r.get("pareto_rom") == "yes"} == {
        "small"
    }


@pytest.mark.parametrize(
    ("name", "values", "unit", "ticks"),
    [
        ("ram_bytes", [20_480, 30_720], "KiB", "20 25 30"),
        ("ram_bytes", [512, 800], "bytes", "500 600 700 800"),
        ("latency_ms", [2.0, 25.0], "ms", "2 5 10 20"),
        ("invoke_s", [2e-4, 3e-4], "us", "200 250 300"),
        ("invoke_instructions", [1e6, 5e8], "M instructions", "1 10 100"),
        ("ram_bytes", [4096, 4096], "KiB", "3.6 3.8 4 4.2 4.4"),
        ("setup_instructions", [0, 0], "instructions", "0 0.25 0.5 0.75 1"),
    ],
)
def test_axes_have_units_and_round_numbers(name: str, values: list[float], unit: str, ticks: str) -> None:
    """Logarithmic from a decade on; one value, or nought, is an axis, too."""
    found = axis(BY_NAME[name], values)
    assert found.unit == unit and " ".join(map(spell_tick, found.ticks)) == ticks
    assert found.is_log == (min(values) > 0 and max(values) / min(values) >= 10)


def test_estimates_are_called_so() -> None:
    """Beside what was counted, which is not."""
    time, memory = (BY_NAME[name] for name in ("latency_ms", "ram_bytes"))
    assert label(time, axis(time, [2.0, 3.0])) == "latency, estimated [ms]"
    assert label(memory, axis(memory, [2048, 4096]), " by layer") == "RAM by layer [KiB]"


@given(st.lists(st.floats(1e-3, 1e9), min_size=1))
def test_every_value_is_between_the_ends(values: list[float]) -> None:
    """And so is every tick."""
    found = axis(BY_NAME["invoke_instructions"], values)
    assert all(0 <= found.place(value) <= 1 for value in values)
    assert all(-1e-6 <= found.place(tick * found.divisor) <= 1 + 1e-6 for tick in found.ticks)


def test_a_page_draws_each_network_and_names_what_it_leaves_out() -> None:
    """Points lead to their benches and tell all digits; the front is named in words; one bench alone is not drawn."""
    benches = [good("vww", "one", "chip"), good("vww", "two", "chip", size=900), failed("vww", "bad", "x")]
    text = suite_page(suite("two"), [*benches, good("aww", "one", "chip")], fingerprint="x")
    (section,) = re.findall('<section id="tradeoffs">.*?</section>', text, re.DOTALL)
    assert section.count('class="chart tradeoff"') == 2 and "aww" not in section
    assert 'href="#bench-vww-two-chip"><title>vww-two-chip: invoke 902.7 k (902,700 instructions)' in section
    assert "<b>RAM</b> front: two-chip." in section
    assert "vww-bad-x (failed: run: hard fault in &lt;conv_3&gt;)" in section
    assert "tradeoffs" not in suite_page(suite("one"), benches[:1], fingerprint="x").partition("<main>")[2]
