"""Firmware for the simulator's tests: built once per session by the real stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import kept
import pytest
from processors import described
from python_table import PythonBlockTable
from small_firmware import MODEL, Bench

from tinyflow.targets.unicorn import capabilities
from tinyflow.targets.unicorn import machine as machine_module
from tinyflow.targets.unicorn.machine import Simulator

SOURCES = Path(__file__).parent / "programs"


@pytest.fixture(scope="session")
def block_table_library() -> Path:
    """The native block counter, built by its stage."""
    return kept.path(capabilities(described("cortex-m7")).inputs["block_table.so"])


Build = Callable[..., tuple[Bench, Path]]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """(cpu, program, **of Bench) -> the bench and its firmware, with `programs/<program>.c` linked in; kept."""
    made: dict[object, tuple[Bench, Path]] = {}

    def build_once(cpu: str, program: str, **options: object) -> tuple[Bench, Path]:
        key = (cpu, program, *sorted(options.items()))
        if key not in made:
            bench = Bench(tmp_path_factory.mktemp(program), cpu=cpu, **options)  # type: ignore[arg-type]
            sources = {"model.c": MODEL, "program.c": (SOURCES / f"{program}.c").read_text()}
            made[key] = (bench, bench.link(sources)["firmware.elf"])
        return made[key]

    return build_once


Start = Callable[..., Simulator]


@pytest.fixture
def start(build: Build, block_table_library: Path) -> Iterator[Start]:
    """(cpu, program, is_native=True, **of Bench) -> a simulator at the entry of `main`."""
    opened: list[Simulator] = []

    def start_one(cpu: str, program: str, is_native: bool = True, **options: object) -> Simulator:
        bench, firmware = build(cpu, program, **options)
        machine = Simulator(bench.machine_target, block_table_library)
        opened.append(machine)
        with nullcontext() if is_native else patch.object(machine_module, "BlockTable", PythonBlockTable):
            machine.load(firmware)
        return machine

    yield start_one
    for machine in opened:
        machine.close()
