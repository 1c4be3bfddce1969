"""A toolchain's recipe: how it compiles for each processor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Literal

from tinyflow.recipes.fields import Duration, Module
from tinyflow.recipes.schema.part import Part, Recipe, part

InstructionSet = Literal["thumb", "riscv", "xtensa", "arm", "aarch64", "x86_64", "host"]

# RISC-V P, packed SIMD, in a name of an architecture and among LLVM's features
_PACKED = re.compile(r"rv(32|64)([a-oq-wy]*p|[a-z0-9]*(_[a-z0-9]+)*_(p|zp[a-z]*)(?![a-z]))")
_P = ("p", "experimental-p")


@part
class Builtins(Part):
    """How a compiler's own support library is built for one processor, in the words of the compiler."""

    target: str | None = None
    cpu: str | None = None
    flags: tuple[str, ...] = ()


@part
class Compiler(Part):
    """How a toolchain compiles for one processor, or for all of an instruction set."""

    renamed = MappingProxyType({"isa": "isa, in recipes/processors/<cpu>.yaml"})

    prefix: str | None = None
    """Of the names of its programs: `arm-none-eabi-`."""
    suffix: str | None = None
    """Of LLVM's, where they have a version: `-22`."""
    package: str | None = None
    """Where a missing compiler comes from."""
    flags: tuple[str, ...] = ()
    """For compiling; they choose processor and ABI."""
    features: tuple[str, ...] = ()
    """LLVM's features of the core, for its compiler and its assembler: `mul32`."""
    link_flags: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    """The toolchain's own ones, in link order."""
    headers: str | None = None
    """The toolchain's folder of C headers for it."""
    builtins: Builtins | None = None
    """Absent where the toolchain brings its support library ready."""

    def __post_init__(self) -> None:
        words = [flag.removeprefix("-march=") for flag in self.flags if flag.startswith("-march=rv")]
        asked = [word for word in words if _PACKED.match(word)] + [name for name in self.features if name in _P]
        if asked:
            raise ValueError(
                f'"{asked[0]}" asks for RISC-V P, packed SIMD, which is a draft: clang has it as an experiment, and no '
                'simulator here runs it; leave it out: kernels of "rv32" have two pixels in a word without'
            )


@part
class Cpu(Compiler):
    """All of it for one processor."""

    isa: InstructionSet


@part
class Toolchain(Recipe):
    """A compiler, linker and archiver."""

    implementation: Module
    isas: Mapping[InstructionSet, Compiler] = field(default_factory=dict)
    """What all processors of an instruction set share, where their recipes say nothing else."""
    cpus: Mapping[str, Compiler] = field(default_factory=dict)
    """Processors whose recipes know nothing of it."""
    timeout_s: Duration = 600.0
    """For one call of a tool."""
