"""What docs/results.md quotes of others is what the recipes quote, to the digits that it shows; README repeats it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.schema import Figures

CHECKOUT = Path(__file__).parents[2]
RESULTS = (CHECKOUT / "docs" / "results.md").read_text(encoding="utf-8")
CATALOGUE = Catalogue([data_folder() / "recipes"])
QUOTED = [
    ("engines_m7", "{}-cmsis_nn-stm32f7", "CMSIS-NN, no interpreter"),
    ("engines_m7", "{}-cmsis_nn-stm32f7+shrink", "the same, dead channels removed"),
    ("engines_m7", "{}-tflm_cmsis_nn-stm32f7", "TFLM + CMSIS-NN"),
    ("engines_m7", "{}-tflm-stm32f7", "TFLM reference kernels"),
    ("engines_m7", "{}-tflm-stm32f7+opt.O3", "TFLM reference kernels, -O3"),
    ("engines_rv32", "{}-muriscv_nn-esp32c3", "muRISCV-NN scalar, no interpreter"),
    ("engines_rv32", "{}-muriscv_nn-esp32c3+shrink", "the same, dead channels removed"),
    ("engines_rv32", "{}-tflm-esp32c3", "TFLM reference kernels"),
    ("engines_rv32", "{}-muriscv_nn-esp32c3", "muRISCV-NN scalar, by our counter"),
    ("engines_rv32", "{}-tflm-esp32c3", "TFLM reference kernels, by our counter"),
]


@pytest.mark.parametrize(("figures", "bench", "label"), QUOTED)
def test_a_quoted_row_is_that_of_the_recipe(figures: str, bench: str, label: str) -> None:
    """Millions of instructions of the four networks, KiB of flash and RAM of vww; a dash where it has nothing."""
    numbers = CATALOGUE.get(Figures, figures).numbers
    rows = re.findall(rf"^\| {re.escape(label)} \| (.*) \|$", RESULTS, re.MULTILINE)
    *_, found = rows if figures == "engines_rv32" else rows[:1]
    cells = found.split(" | ")
    for model, cell in zip(("aww", "vww", "resnet", "toycar"), cells, strict=False):
        value = numbers.get(bench.format(model), {}).get("invoke_instructions")
        digits = len(cell.partition(".")[2])
        assert cell == ("–" if value is None else f"{value / 1e6:.{digits}f}")
    if len(cells) > 4:
        sizes = [numbers[bench.format("vww")].get(name) for name in ("rom_bytes", "ram_bytes")]
        told = [float(number) for number in re.findall(r"[\d.]+", cells[4])]
        assert told == [round(size / 1024, 1) for size in sizes if size is not None]


def test_readme_repeats_rows_of_the_results() -> None:
    """Word by word, and enough of them."""
    _, _, text = (CHECKOUT / "README.md").read_text(encoding="utf-8").partition("## Results at a glance")
    rows = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("|")]
    assert len(rows) > 8 and set(rows) <= set(RESULTS.splitlines())
