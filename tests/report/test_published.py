"""Published figures beside ours: what is in a row, what is compared with what, and what is marked."""

from __future__ import annotations

from typing import Any

import pytest

from tinyflow.core.errors import RecipeError
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.schema import Published, Suite
from tinyflow.recipes.suite import expand, with_published
from tinyflow.report.published import SideBySide, side_by_side, to_markdown, to_text

BUILT_IN = Catalogue([data_folder() / "recipes"])


def reports(**metrics: dict[str, float]) -> list[dict[str, Any]]:
    """Rows of benches on a chip called `chip`; keyword: model and backend, metrics."""
    return [{"bench": f"{name.replace('__', '-')}-chip", "metrics": found} for name, found in metrics.items()]


def tables(rows: list[dict[str, Any]], **published: Any) -> list[SideBySide]:
    """The tables of a suite that quotes one source."""
    quoted = Published(source="Somebody, 2020", **published)
    return side_by_side(Suite(name="tiny", description="x", include=("a-b-chip",), published=(quoted,)), rows)


def test_ours_and_theirs_stand_in_one_row_with_the_ratio() -> None:
    """Benches that only one side has keep their row; models stay together."""
    rows = reports(m__ours={"rom_bytes": 300}, n__ours={"rom_bytes": 7}, m__both={"rom_bytes": 500})
    (table,) = tables(rows, numbers={"m-both-chip": {"rom_bytes": 1000}, "m-theirs-chip": {"rom_bytes": 800}})
    assert [row[0].text for row in table.rows] == ["m-ours-chip", "m-both-chip", "m-theirs-chip", "n-ours-chip"]
    assert table.columns == ("bench", "rom_bytes", "rom_bytes_published", "rom_bytes_ratio")
    assert [cell.value for cell in table.rows[1][1:]] == [500, 1000, 0.5]
    assert [cell.value for cell in table.rows[2][1:]] == [None, 800, None]
    assert table.notes == ("Somebody, 2020",)


def test_a_frame_has_the_numbers_that_there_are() -> None:
    """All their digits; what one side lacks is not a key of its row. Tables are one below the other in Markdown."""
    (table,) = tables(reports(m__b={"rom_bytes": 300}), numbers={"m-c-chip": {"rom_bytes": 800}})
    assert [dict(row) for row in table.frame.rows] == [
        {"bench": "m-b-chip", "rom_bytes": 300},
        {"bench": "m-c-chip", "rom_bytes_published": 800},
    ]
    assert to_markdown([table, table]).count("Somebody, 2020") == 2


def test_cycles_of_a_board_are_ranked_by_nobody() -> None:
    """They are the seconds in other words: only those are marked."""
    numbers = {"m-b-chip": {"board_s": 2.0}, "m-c-chip": {"board_s": 3.0}}
    (table,) = tables([], clocks_hz={"chip": 100_000_000}, numbers=numbers)
    marked = {name for row in table.rows for name, cell in zip(table.columns, row, strict=True) if cell.is_best}
    assert marked == {"board_s"}


def test_estimated_seconds_stand_beside_published_ones() -> None:
    """With their ratio, which is marked where the model's error could explain it, and a count of the others."""
    rows = reports(m__b={"latency_ms": 1100.0}, m__c={"latency_ms": 500.0}, m__d={"rom_bytes": 1.0})
    model = {"name": "core", "error_percent": 12, "evidence": "none"}
    numbers = {f"m-{name}-chip": {"board_s": 1.0} for name in "bcd"}
    (table,) = tables([{**row, "cycle_model": model} for row in rows], numbers=numbers)
    columns = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [row["estimated_s_ratio"].text for row in columns] == ["≈1.10", "0.50", "–"]
    assert [row["estimated_s"].value for row in columns] == [1.1, 0.5, None]
    assert not any(row["estimated_s_ratio"].is_best for row in columns)
    note = table.notes[-1]
    assert "core ±12 %, not confirmed by a board: 1 of 2 ratios" in note and "the median is 0.80" in note


def test_the_smallest_of_a_model_is_marked_in_each_column() -> None:
    """Not among other models, not where all are the same, and never a ratio."""
    numbers = {"m-b-chip": {"rom_bytes": 4}, "m-c-chip": {"rom_bytes": 8}}
    (table,) = tables(reports(m__b={"rom_bytes": 9}, m__c={"rom_bytes": 8}, n__b={"rom_bytes": 1}), numbers=numbers)
    assert [[cell.is_best for cell in row[1:]] for row in table.rows] == [
        [False, True, False],
        [True, False, False],
        [False, False, False],
    ]
    assert "**8 B**" in to_markdown([table])
    assert "8 B*" in to_text([table])


def test_seconds_of_a_board_meet_instructions_through_its_clock() -> None:
    """2 s at 100 MHz are 200 M cycles; 50 M instructions are a quarter of that, and nothing is called a speed-up."""
    rows = reports(m__b={"invoke_instructions": 50_000_000})
    (table,) = tables(rows, clocks_hz={"chip": 100_000_000}, numbers={"m-b-chip": {"board_s": 2.0}})
    assert [cell.value for cell in table.rows[0][1:]] == [50_000_000, 2.0, 200_000_000, 0.25]
    assert table.headings[-1] == "instr/cycle"


def test_experiment_a_has_every_value() -> None:
    """Four models by five backends, four numbers each, and a few of them as they are printed."""
    suite = with_published(BUILT_IN, BUILT_IN.get(Suite, "experiment_a"))
    numbers = suite.published[0].numbers
    assert len(numbers) == 20 and {len(row) for row in numbers.values()} == {4}
    assert numbers["vww-tvmrt-esp32c3"]["setup_instructions"] == 10_688_000
    assert numbers["resnet-tvmaot-esp32c3"]["invoke_instructions"] == 114_802_000
    assert numbers["toycar-tvmaotplus-esp32c3"] == {
        "setup_instructions": 0,
        "invoke_instructions": 2_457_000,
        "rom_bytes": 592_000,
        "ram_bytes": 7_000,
    }


def test_experiment_b_has_the_89_values_and_no_98() -> None:
    """And each is beside a bench of the suite or of the one for esp32."""
    suite = with_published(BUILT_IN, BUILT_IN.get(Suite, "experiment_b"))
    (published,) = suite.published
    assert len(published.numbers) == 89
    assert {len(row) for row in published.numbers.values()} == {1}
    benches = {str(bench) for name in ("experiment_b", "experiment_b_esp32") for bench in expand(BUILT_IN, name)}
    assert published.numbers.keys() <= benches


def test_a_chip_that_was_not_run_has_its_published_column() -> None:
    """And says that nothing of ours is beside it."""
    suite = with_published(BUILT_IN, BUILT_IN.get(Suite, "experiment_b"))
    (table,) = (table for table in side_by_side(suite, []) if table.title.startswith("esp32,"))
    assert table.title == "esp32, published"
    assert all(row[1].value is None and row[2].value is not None for row in table.rows)


def test_figures_that_are_nowhere_are_refused() -> None:
    """With the names that there are."""
    suite = Suite(name="experiment_a", description="x", include=("a-b-c",), published=(Published(figures="gone"),))
    with pytest.raises(RecipeError, match='unknown figures "gone"'):
        with_published(BUILT_IN, suite)


def test_what_cannot_be_compared_has_no_column_for_it() -> None:
    """Where no bench has both numbers there is no ratio; columns of numbers stay."""
    (table,) = tables(reports(m__ours={"rom_bytes": 300}), numbers={"m-theirs-chip": {"rom_bytes": 800}})
    assert table.columns == ("bench", "rom_bytes", "rom_bytes_published")


def test_several_sources_have_a_table_each() -> None:
    """Named in their order; the first one as if it were alone."""
    quoted = tuple(Published(source=name, numbers={"m-b-chip": {"rom_bytes": 1}}) for name in ("one", "two"))
    found = side_by_side(Suite(name="tiny", description="x", include=("a-b-chip",), published=quoted), [])
    assert [table.name for table in found] == ["published", "published-2"]
