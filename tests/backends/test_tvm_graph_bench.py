"""tvmrt and tvmcg from end to end: chips and this machine, both forms of the graph, and what features do to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from model.planted_networks import planted_network
from tests_support import exact_reports, write_models

from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]
MODELS = {
    "residual": synthesize({"graph": "resnet", "size": 11, "channels": 6, "stacks": 2}),
    "planted": write(planted_network(5)),
}
BENCHES = [
    *(f"sine-{backend}-{target}" for backend in ("tvmrt", "tvmcg") for target in ("stm32f7", "esp32c3", "host")),
    "sine-tvmrt-stm32f7+graph.binary",
    *(f"residual-{backend}" for backend in ("tvmrt-stm32f7+dsp", "tvmcg-stm32f7+dsp", "tvmrt-esp32c3+graph.binary")),
    *(f"planted-{backend}-stm32f7+opt.Os+shrink" for backend in ("tvmrt", "tvmcg")),
    "toycar-tvmrt-stm32f7",
]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The reports of all benches, exact on every chip with every feature."""
    place = tmp_path_factory.mktemp("user")
    write_models(place, MODELS)
    return exact_reports(place, BENCHES)


def test_rom_and_ram_are_the_sums_of_their_parts(rows: dict[str, dict[str, Any]]) -> None:
    """The layout of the published report: code, constants, data; data, zeros, stack, heap. Nothing needs a heap."""
    for bench, row in rows.items():
        metrics = row["metrics"]
        assert metrics["rom_bytes"] == metrics["rom_code"] + metrics["rom_rodata"] + metrics["rom_data"]
        if "host" not in bench:
            parts = [metrics[f"{part}"] for part in ("ram_data", "ram_bss", "stack_peak_bytes", "heap_peak_bytes")]
            assert metrics["ram_bytes"] == sum(parts)
            assert parts[3] == 0


def test_static_runtime_has_nothing_to_set_up(rows: dict[str, dict[str, Any]]) -> None:
    """Its variables are the arena; the executor's are also what it keeps of the graph, and it has to read that."""
    static, executor = (rows[f"sine-{backend}-stm32f7"]["metrics"] for backend in ("tvmcg", "tvmrt"))
    assert static["setup_instructions"] < 10 < executor["setup_instructions"]
    assert static["ram_bss"] == static["arena_bytes"] < executor["arena_bytes"] < executor["ram_bss"]


def test_binary_graph_is_smaller_and_read_faster(rows: dict[str, dict[str, Any]]) -> None:
    """At the same memory and with the same calls."""
    text, binary = (rows[f"sine-tvmrt-stm32f7{feature}"]["metrics"] for feature in ("", "+graph.binary"))
    assert binary["rom_bytes"] < text["rom_bytes"] - 1000
    assert 10 * binary["setup_instructions"] < text["setup_instructions"]
    assert binary["ram_bss"] == text["ram_bss"]
    assert binary["invoke_instructions"] == text["invoke_instructions"]
