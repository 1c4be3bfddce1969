"""A toolchain's recipe: how it compiles for each processor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from tinyflow.recipes.fields import Duration, Module
from tinyflow.recipes.schema.part import Part, Recipe, part


@part
class Builtins(Part):
    """How a compiler's own support library is built for one processor, in the words of the compiler."""

    target: str | None = None
    cpu: str | None = None
    flags: tuple[str, ...] = ()


@part
class Cpu(Part):
    """How a toolchain compiles for one processor."""

    isa: Literal["thumb", "riscv", "host"]
    prefix: str | None = None
    """Of the names of its programs: `arm-none-eabi-`."""
    package: str | None = None
    """Where a missing compiler comes from."""
    flags: tuple[str, ...] = ()
    """For compiling; they choose processor and ABI."""
    link_flags: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    """The toolchain's own ones, in link order."""
    headers: str | None = None
    """The toolchain's folder of C headers for it."""
    builtins: Builtins | None = None
    """Absent where the toolchain brings its support library ready."""


@part
class Toolchain(Recipe):
    """A compiler, linker and archiver."""

    implementation: Module
    cpus: Mapping[str, Cpu]
    timeout_s: Duration = 600.0
    """For one call of a tool."""
