"""Suites: matrices in a fixed order, each bench once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tinyflow.core.errors import RecipeError
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import resolve
from tinyflow.recipes.suite import expand

Write = Callable[[str, str], Path]
_MATRIX = "matrix: {models: [vww, aww], backends: [tvmaot], targets: [host, stm32f7], features: [[], [opt.O2]]}\n"


def _expand(write: Write, catalogue: Catalogue, text: str) -> list[str]:
    write("suites/mine.yaml", f"description: x\n{text}")
    return [str(bench) for bench in expand(catalogue, "mine")]


def test_a_matrix_is_every_combination_in_the_order_of_the_recipe(write: Write, catalogue: Catalogue) -> None:
    """Models outermost, features innermost; nothing is sorted."""
    assert _expand(write, catalogue, _MATRIX) == [
        "vww-tvmaot-host",
        "vww-tvmaot-host+opt.O2",
        "vww-tvmaot-stm32f7",
        "vww-tvmaot-stm32f7+opt.O2",
        "aww-tvmaot-host",
        "aww-tvmaot-host+opt.O2",
        "aww-tvmaot-stm32f7",
        "aww-tvmaot-stm32f7+opt.O2",
    ]


def test_includes_come_last_and_duplicates_once(write: Write, catalogue: Catalogue) -> None:
    """Two spellings of one bench are one bench."""
    text = "include: [a-b-c+y+x, vww-tvmaot-host, a-b-c+x+y]\nexclude: ['*+opt*', 'vww-*']\n"
    assert _expand(write, catalogue, _MATRIX + text) == ["aww-tvmaot-host", "aww-tvmaot-stm32f7", "a-b-c+x+y"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("exclude: ['*-esp32c3']\n", ':3:11: "*-esp32c3" leaves out nothing'),
        ("refused: {'*-esp32c3': why}\n", ':3:11: "*-esp32c3" is none of its benches'),
        ("include: [vww-tvmaot]\n", ':3:11: "vww-tvmaot": not the name of a bench'),
        ("include: [vww-tvmaot-host, A-b-c]\n", ':3:28: "A-b-c": "A" can\'t be the name of a model'),
    ],
)
def test_a_part_that_means_nothing_is_refused_at_its_place(
    text: str, fault: str, write: Write, catalogue: Catalogue
) -> None:
    """A mistyped pattern would otherwise run what it should leave out."""
    path = write("suites/mine.yaml", f"description: x\n{_MATRIX}{text}")
    with pytest.raises(RecipeError) as refusal:
        expand(catalogue, "mine")
    assert str(refusal.value).startswith(f"{path}{fault}")


def test_a_bad_feature_in_a_matrix_has_its_place(write: Write, catalogue: Catalogue) -> None:
    """The place is that of the set of features."""
    path = write("suites/mine.yaml", "description: x\n" + _MATRIX.replace("[opt.O2]", "[+]"))
    with pytest.raises(RecipeError) as refusal:
        expand(catalogue, "mine")
    assert str(refusal.value).startswith(f"{path}:2:91: ")


def test_mlperf_tiny_is_thirty_two_benches_that_all_resolve(catalogue: Catalogue) -> None:
    """Four models, two backends, three chips and the host."""
    benches = expand(catalogue, "mlperf_tiny")
    assert len(benches) == 32
    assert {resolve(bench, catalogue).target.name for bench in benches} == {"stm32f7", "stm32f4", "esp32c3", "host"}
