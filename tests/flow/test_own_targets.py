"""Chips of a user's own: recipes with no more than what has no default, and memory of odd sizes."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from tests_support import doit

from tinyflow.core.errors import RecipeError
from tinyflow.flow.planning.available import missing_on
from tinyflow.flow.planning.cycle_models import no_cycles
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.schema import Target

RECIPE = "description: x\nimplementation: tinyflow.targets.unicorn\ncpu: cortex-m7\nmemory:\n"
MEMORY = {
    "plain": ("0x08000000, length: 300KiB", "0x20000000, length: 64KiB"),
    "small": ("0x08000000, length: 16KiB", "0x20000000, length: 2KiB"),
    "odd": ("0x08000200, length: 12345B", "0x200003b0, length: 6KiB"),
}


@pytest.mark.slow
def test_the_least_recipe_runs(tmp_path: Path) -> None:
    """With the defaults, on chips that share all objects; a runtime that changes its base's flags is another."""
    for name, (flash, ram) in MEMORY.items():
        path = tmp_path / "recipes" / "targets" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        regions = f"  - {{name: rom, kind: flash, origin: {flash}}}\n  - {{name: ram, kind: ram, origin: {ram}}}\n"
        path.write_text(RECIPE + regions)
    for kind, text in (
        ("features", "sets: {runtimes: {support: mine}}\n"),
        ("runtimes/mine", "extends: support\nflags: [-O0]\n"),
    ):
        path = tmp_path / "recipes" / kind / ("runtime.yaml" if "/" in kind else "mine.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("description: x\n" + text)
    benches = [*(f"sine-tinyc-{name}" for name in MEMORY), "sine-tinyc-small+mine"]
    done = doit(tmp_path, *(f"bench:{name}" for name in benches))
    assert done.returncode == 0, done.stdout + done.stderr
    reports = [json.loads((tmp_path / "build" / name / "report.json").read_bytes()) for name in benches]
    assert {report["validation"]["result"] for report in reports} == {"exact"}
    counts = [report["metrics"]["invoke_instructions"] for report in reports]
    assert len(set(counts[:3])) == 1
    sizes = [report["metrics"]["rom_bytes"] for report in reports]
    assert sizes[3] > sizes[1]


QEMUS_LINE = """port: socket://127.0.0.1:{port}
  server: [qemu-system-arm, -M, netduinoplus2, -display, none, -monitor, none, -serial, "null", -serial, "null",
           -serial, "tcp:127.0.0.1:{port},server=on,wait=off,nodelay=on", -kernel, "{elf}"]
  baud: 9600
  repetitions: 2
"""


@pytest.mark.slow
def test_a_board_at_a_serial_line_runs_benches(tmp_path: Path) -> None:
    """The shipped recipe's firmware, on QEMU's chip: outputs and stack are those of the built-in simulator."""
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")
    pytest.importorskip("serial")
    text = (data_folder() / "recipes" / "targets" / "pyboard.yaml").read_text()
    text = re.sub(r"  loader: .*\n", "", text).replace("port: /dev/ttyUSB0\n", QEMUS_LINE)
    for kind, name, recipe in (
        ("targets", "own", text),
        ("models", "net", "description: x\nsynthesize: {graph: sine}\nsamples: {count: 2}\n"),
    ):
        path = tmp_path / "recipes" / kind / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(recipe)
    done = doit(tmp_path, "bench:net-tinyc-own", "bench:net-tinyc-stm32f4", "firmware:net-tinyc-own")
    assert done.returncode == 0, done.stdout + done.stderr
    reports = [
        json.loads((tmp_path / f"build/net-tinyc-{name}/report.json").read_bytes()) for name in ("own", "stm32f4")
    ]
    own, other = (report["metrics"] for report in reports)
    assert [report["validation"]["result"] for report in reports] == ["exact", "exact"]
    for metric in ("stack_peak_bytes", "arena_bytes"):
        assert own[metric] == other[metric], metric
    assert 0 < own["rom_bytes"] - other["rom_bytes"] < 2500 and 0 < own["ram_bytes"] - other["ram_bytes"] < 500
    assert own.get("invoke_instructions") is None


EXTERNAL = """description: a simulator that runs programs to their end
implementation: tinyflow.targets.external
cpu: rv32imc
memory:
  - {{name: rom, kind: flash, origin: 0x42000000, length: 2MiB}}
  - {{name: ram, kind: ram, origin: 0x3fc80000, length: 384KiB}}
external:
  command: {command}
  exit: tohost
  counts: {{instructions: '^([\\d,]+) instructions$'}}
"""


def test_a_target_that_nothing_can_run_is_told_with_its_place(tmp_path: Path) -> None:
    """In the list of targets beside all others, and of a bench before anything is done."""
    text = EXTERNAL.format(command="[sim, '{elf}']").replace("'^([\\d,]+) instructions$'", "minstret")
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "mine.yaml").write_text(text.replace("cpu: rv32imc", "cpu: cortex-m4"))
    catalogue = Catalogue([tmp_path, data_folder() / "recipes"])
    target = catalogue.get(Target, "mine")
    place = "mine.yaml:3:6: cortex-m4 has no counter minstret"
    assert missing_on(catalogue, target).endswith(place)
    with pytest.raises(RecipeError, match=place):
        no_cycles(catalogue, target)
    assert missing_on(catalogue, catalogue.get(Target, "stm32f7")) == ""


@pytest.mark.slow
def test_a_simulator_of_a_users_own_runs_benches(tmp_path: Path) -> None:
    """By its command: instructions, stack and outputs are those of the built-in simulator."""
    simulator = Path(__file__).parents[1] / "targets" / "htif_simulator.py"
    for kind, name, text in (
        ("targets", "own", EXTERNAL.format(command=json.dumps([sys.executable, str(simulator), "{elf}"]))),
        ("models", "net", "description: x\nsynthesize: {graph: sine}\nsamples: {count: 2}\n"),
    ):
        path = tmp_path / "recipes" / kind / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    done = doit(tmp_path, "bench:net-tinyc-own", "bench:net-tinyc-esp32c3")
    assert done.returncode == 0, done.stdout + done.stderr
    reports = [
        json.loads((tmp_path / f"build/net-tinyc-{name}/report.json").read_bytes()) for name in ("own", "esp32c3")
    ]
    own, other = (report["metrics"] for report in reports)
    assert [report["validation"]["result"] for report in reports] == ["exact", "exact"]
    for metric in ("invoke_instructions", "setup_instructions", "stack_peak_bytes", "arena_bytes"):
        assert own[metric] == other[metric], metric
    assert 0 < own["rom_bytes"] - other["rom_bytes"] < 3000
