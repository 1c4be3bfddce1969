"""A processor's recipe: its instructions, and what compilers, simulators and backends call it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from tinyflow.recipes.fields import Name, ProcessorName
from tinyflow.recipes.schema.part import Recipe, part
from tinyflow.recipes.schema.toolchain import Compiler, Cpu, InstructionSet, Toolchain


@part
class Processor(Recipe):
    """A processor, by the name that targets have for it."""

    name: ProcessorName
    isa: InstructionSet
    address_bits: Literal[32, 64] = 32
    features: tuple[str, ...] = ()
    """What features of benches may require: dsp, fpu, fpu_double; mve or rvv, vectors of integers."""
    kernel_variants: tuple[str, ...] = ()
    """Variants of tinynn's kernels for its instructions, the fastest first; `ref` and `c` run on any."""
    tvm_llvm: Mapping[str, Any] = field(default_factory=dict)
    """How TVM's LLVM compiles for it, so that objects have the ABI of the toolchains."""
    toolchains: Mapping[Name, Compiler] = field(default_factory=dict)
    """Toolchain → how it compiles for it; a toolchain's own recipe may say that instead."""
    simulators: Mapping[Name, Mapping[str, Any]] = field(default_factory=dict)
    """Last word of a target's `implementation` → what that calls it: `unicorn: {model: …}`."""

    @property
    def kinds(self) -> frozenset[str]:
        """Whose sources of a runtime are compiled for it."""
        return frozenset({self.name, self.isa, *self.features, *self.kernel_variants})

    def compiled_by(self, toolchain: Toolchain) -> Cpu | None:
        """How a toolchain does: what is said of the processor, or of its instruction set. None where nothing is."""
        own = toolchain.cpus.get(self.name) or self.toolchains.get(toolchain.name)
        if own is None:
            return None
        shared = toolchain.isas.get(self.isa) or Compiler()
        return Cpu(isa=self.isa, **{name: getattr(own, name) or value for name, value in vars(shared).items()})

    def seen_by(self, implementation: str) -> dict[str, Any]:
        """What a target's module is told of it: `cpu`, `isa`, `machine` where the recipe has words for the module."""
        words = self.simulators.get(implementation.rpartition(".")[2])
        seen = {"implementation": implementation, "cpu": self.name, "isa": self.isa}
        return {**seen, "machine": dict(words)} if words else seen
