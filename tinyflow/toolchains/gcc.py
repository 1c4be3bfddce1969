"""GNU cross compilers on PATH: arm-none-eabi-gcc with newlib-nano, riscv64-unknown-elf-gcc with picolibc.

It has no `builtins`: libgcc comes with the compiler.
"""

from __future__ import annotations

from pathlib import Path

from tinyflow.core.action import Tool
from tinyflow.toolchains.protocol import CODE_FLAGS, Command, Cpu, Paths, Words, compile_words, script_option, standard


def tools(cpu: Cpu) -> tuple[Tool, ...]:
    """The driver stands for the compiler proper, which comes from the same build. Nothing is looked for yet."""
    package = cpu.get("package")
    hint = f"apt-get install {package}" if package else f"put the folder of {_program(cpu, 'gcc')} on PATH"
    return tuple(
        Tool("binary", _program(cpu, name), f"{hint}, or leave out +toolchain.gcc")
        for name in ("gcc", "as", "ld", "ar")
    )


def _program(cpu: Cpu, name: str) -> str:
    """The full name of one program."""
    return f"{cpu['prefix']}{name}"


def compile_command(
    cpu: Cpu, source: Path, object_path: Path, includes: Paths = (), defines: Words = (), flags: Words = ()
) -> Command:
    """See `protocol.Toolchain`."""
    command: Command = [_program(cpu, "gcc"), "-c", *cpu["flags"], *standard(source), *CODE_FLAGS]
    return command + compile_words(source, object_path, includes, defines, flags)


def archive_command(cpu: Cpu, objects: Paths, archive: Path) -> Command:
    """See `protocol.Toolchain`. `D` leaves out dates and owners."""
    return [_program(cpu, "ar"), "rcsD", archive, *objects]


def join_command(cpu: Cpu, objects: Paths, joined: Path) -> Command:
    """See `protocol.Toolchain`."""
    flags = [flag for flag in cpu["flags"] if not flag.startswith("--specs")]  # picolibc's name a script
    return [_program(cpu, "gcc"), *flags, "-r", "-nostdlib", "-o", joined, *objects]


def link_command(cpu: Cpu, objects: Paths, libraries: Paths, script: Path, firmware: Path, map_path: Path) -> Command:
    """See `protocol.Toolchain`. Through the driver, which knows where the libraries for these flags lie."""
    words: Command = [_program(cpu, "gcc"), *cpu["flags"], "-nostartfiles", "-nodefaultlibs", "-static"]
    for word in ("--gc-sections", "--build-id=none", "--nmagic", "-Map", map_path):
        words += ["-Xlinker", word]
    return [
        *words,
        *cpu.get("link_flags", ()),
        *(script_option(cpu), script, "-o", firmware),
        *objects,
        *("-Wl,--start-group", *libraries, *cpu["libraries"], "-Wl,--end-group"),
    ]
