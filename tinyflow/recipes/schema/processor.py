"""A processor's recipe: its instructions, and what compilers, simulators and backends call it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from tinyflow.recipes.fields import Name, ProcessorName
from tinyflow.recipes.schema.part import Recipe, part
from tinyflow.recipes.schema.toolchain import Compiler, InstructionSet


@part
class Processor(Recipe):
    """A processor, by the name that targets have for it."""

    name: ProcessorName
    isa: InstructionSet
    address_bits: Literal[32, 64] = 32
    features: tuple[str, ...] = ()
    """What features of benches may require: dsp, fpu, fpu_double; mve or rvv, vectors of integers."""
    kernels: tuple[str, ...] = ()
    """Variants of tinynn's kernels for its instructions, the fastest first; `ref` and `c` run on any."""
    llvm: Mapping[str, Any] = field(default_factory=dict)
    """How TVM's LLVM compiles for it, so that objects have the ABI of the toolchains."""
    toolchains: Mapping[Name, Compiler] = field(default_factory=dict)
    """Toolchain → how it compiles for it; a toolchain's own recipe may say that instead."""
    machines: Mapping[Name, Mapping[str, Any]] = field(default_factory=dict)
    """Last word of a target's `implementation` → what that calls it: `unicorn: {model: …}`."""

    def seen_by(self, implementation: str) -> dict[str, Any]:
        """What a target's module is told of it: `cpu`, and `machine` where the recipe has words for the module."""
        words = self.machines.get(implementation.rpartition(".")[2])
        seen = {"implementation": implementation, "cpu": self.name}
        return {**seen, "machine": dict(words)} if words else seen
