"""tinyc and tinyi from end to end: small networks on simulated chips with the kernels made for them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from model.planted_networks import planted_network
from tests_support import exact_reports, write_models

from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]
# odd sizes, so that every kernel meets its edges
MODELS = {
    "mobile": synthesize({"graph": "vww", "size": 27, "width": 0.13, "blocks": 5}),
    "residual": synthesize({"graph": "resnet", "size": 11, "channels": 6, "stacks": 2}),
    "speech": synthesize({"graph": "aww", "height": 13, "width": 9, "channels": 11, "blocks": 2}),
    "dense": synthesize({"graph": "toycar", "features": 37, "hidden": 18, "depth": 2}),
    "planted": write(planted_network(5)),
}
# of a dense layer's inputs and outputs: whole words of the one, an odd number of the other
ROWS = synthesize({"graph": "toycar", "features": 40, "hidden": 25, "depth": 2})
# Each instruction set for all models; stm32f4 has stm32f7's, and another schedule of instructions.
PLACES = [
    *((model, chip) for chip in ("stm32f7", "esp32c3") for model in MODELS),
    *((model, "stm32f4") for model in ("mobile", "planted")),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with these models."""
    place = tmp_path_factory.mktemp("user")
    write_models(place, {**MODELS, "rows": ROWS})
    return place


def test_every_variant_is_exact_on_its_chip(place: Path) -> None:
    """Models by chips by kernels, shrunk or not: all outputs are TFLM's, and the planned arena is what is linked."""
    benches = [f"{model}-tinyc-{chip}{feature}" for model, chip in PLACES for feature in ("", "+kernels.c")]
    _run_exactly(place, [*benches, *(f"planted-tinyc-{chip}+shrink" for model, chip in PLACES if model == "planted")])


def test_the_interpreter_is_exact_on_every_chip(place: Path) -> None:
    """tinyi over the same kernels, its plan made on the chip in what the tool found it to need."""
    benches = [f"{model}-tinyi-{chip}" for model, chip in PLACES]
    more = ["speech-tinyi-stm32f7+kernels.ref", "planted-tinyi-stm32f7+shrink", "rows-tinyi-stm32f7"]
    _run_exactly(place, [*benches, *more])


@pytest.mark.parametrize(
    ("program", "target", "feature"),
    [("qemu-system-arm", "corstone300", "mve"), ("qemu-system-riscv32", "riscv_qemu", "rvv")],
)
def test_vector_variants_are_exact_on_qemu(program: str, target: str, feature: str, place: Path) -> None:
    """The same with the vector kernels, which are the default there: asked for by name it is the same firmware."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    _run_exactly(place, [*(f"{model}-tinyc-{target}" for model in MODELS), f"mobile-tinyc-{target}+{feature}"])
    firmware = [place / "build" / f"mobile-tinyc-{target}{end}" / "firmware.elf" for end in ("", f"+{feature}")]
    assert firmware[0].read_bytes() == firmware[1].read_bytes()
    plan = json.loads((place / "build" / f"mobile-tinyc-{target}" / "plan.json").read_text())
    assert sum(name.endswith(f"_{feature}") for layer in plan["layers"] for name in layer["functions"]) > 10


def _run_exactly(place: Path, benches: list[str]) -> None:
    for bench, report in exact_reports(place, benches).items():
        metrics = report["metrics"]
        assert metrics["arena_bytes"] <= metrics["ram_bss"] < metrics["arena_bytes"] + 128
        assert ("tinyi" in bench) == (metrics["setup_instructions"] > 1000)
