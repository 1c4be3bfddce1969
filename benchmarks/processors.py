"""What the recipes of processors and toolchains say, as mappings: for what builds and runs firmware without a plan."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import whole_core
from tinyflow.recipes.schema import Core, Processor, Toolchain

_CATALOGUE = Catalogue([Path(__file__).parents[1] / "recipes"])
NAMES = _CATALOGUE.names(Processor)


def processor(cpu: str) -> Processor:
    """Its recipe."""
    return _CATALOGUE.get(Processor, cpu)


def compiler(cpu: str, toolchain: str = "zig") -> dict[str, Any]:
    """How a toolchain compiles for a processor: `cpu` of the toolchains' functions."""
    made = processor(cpu).compiled_by(_CATALOGUE.get(Toolchain, toolchain))
    assert made is not None, f"{toolchain} doesn't know {cpu}"
    return {name: value for name, value in asdict(made).items() if value is not None}


def core(cpu: str) -> dict[str, Any]:
    """How its cycles are estimated: a parameter of the stage `profile`."""
    return asdict(whole_core(_CATALOGUE, _CATALOGUE.get(Core, cpu)))


def described(cpu: str, machine: str = "unicorn") -> dict[str, Any]:
    """A processor as `target` of `open_machine` has it."""
    return processor(cpu).seen_by(f"tinyflow.targets.{machine}")
