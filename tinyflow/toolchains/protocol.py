"""What a toolchain is: a module whose functions turn a recipe's entry for a CPU into command lines, as pure functions.

Such an entry (`cpu` below) is a mapping with at least `isa` (thumb, riscv, host …) and `flags`; the rest is the
module's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Union

from tinyflow.core.action import Tool, Workspace

Cpu = Mapping[str, Any]
Command = list[Union[str, Path]]
Paths = Sequence[Path]
Words = Sequence[str]

# Code for a chip, whatever compiler makes it: one section for each function and variable, so that the linker can drop
# what nobody needs; no tables for exceptions that C does not have; sqrtf may be one instruction, as nobody reads errno.
CODE_FLAGS = (
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-common",
    "-fno-ident",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-fno-stack-protector",
    "-fno-math-errno",
)


# C++ for a chip: what would need an unwinder, type information or a lock that a freestanding program has not.
_CPP_FLAGS = ("-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics")


def standard(source: Path) -> tuple[str, ...]:
    """The language of a source file, where one has to be named: C11, C++17, nothing for assembly."""
    # clang complains of flags that plain assembly has no use for
    words = {".c": ("-std=c11",), ".S": (), ".s": ("-Wno-unused-command-line-argument",)}
    return words.get(source.suffix, _CPP_FLAGS)


def compile_words(source: Path, object_path: Path, includes: Paths, defines: Words, flags: Words) -> Command:
    """The end of a command that compiles, which is any compiler's: `flags` come last, so that they win."""
    folders = [word for folder in includes for word in ("-I", folder)]
    return [*folders, *(f"-D{define}" for define in defines), *flags, source, "-o", object_path]


def script_option(cpu: Cpu) -> str:
    """How a linker takes the script: a chip's says where everything lies, the host's only what is exported."""
    return "--version-script" if cpu["isa"] == "host" else "-T"


class Toolchain(Protocol):
    """The functions that a toolchain module has."""

    def tools(self, cpu: Cpu) -> tuple[Tool, ...]:
        """What decides the output, for keys. Raises ToolError (missing) with what to install."""

    def compile_command(
        self, cpu: Cpu, source: Path, object_path: Path, includes: Paths = (), defines: Words = (), flags: Words = ()
    ) -> Command:
        """Compile one C, C++ or assembly file; `flags` come last, so that they win."""

    def archive_command(self, cpu: Cpu, objects: Paths, archive: Path) -> Command:
        """Put objects into a static library that tells neither date nor owner."""

    def join_command(self, cpu: Cpu, objects: Paths, joined: Path) -> Command:
        """Make one object of several; it fails where two define one symbol."""

    def link_command(
        self, cpu: Cpu, objects: Paths, libraries: Paths, script: Path, firmware: Path, map_path: Path
    ) -> Command:
        """Link firmware; of two libraries that define a symbol, the first wins."""

    def builtins(self, workspace: Workspace) -> None:
        """Make `library.a`: what the compiler calls for operations that the CPU has not.

        Called only for a CPU whose entry has `builtins`: elsewhere it comes with the compiler.
        """
