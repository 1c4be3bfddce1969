"""LLVM's programs on PATH with GNU's linker, for instruction sets that the zig wheel's LLVM lacks: Xtensa.

clang writes assembly, and llvm-mc assembles it: clang 22's own assembler puts a function's literals into the section of
the function before, where they aren't aligned. C headers are those of the zig wheel, and so is compiler_rt: zig
translates it to C.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from tinyflow.core.action import Tool, Workspace
from tinyflow.core.identity import package_folder
from tinyflow.toolchains import compiler_rt, libcxx
from tinyflow.toolchains.protocol import CODE_FLAGS, Command, Cpu, Paths, Words, compile_words, script_option, standard

# $0 is the object, the others are clang's.
_COMPILE = '{clang} "$@" -S -o "$0.s" && {assembler} {target} -filetype=obj "$0.s" -o "$0" && rm "$0.s"'


def tools(cpu: Cpu) -> tuple[Tool, ...]:
    """See `protocol.Toolchain`."""
    hint = f"apt-get install {cpu['package']} (Debian)"
    names = (_llvm(cpu, "clang"), _llvm(cpu, "llvm-mc"), *(f"{cpu['prefix']}{name}" for name in ("ld", "ar")))
    return (*(Tool("binary", name, hint) for name in names), Tool("package", "ziglang"))


def _llvm(cpu: Cpu, name: str) -> str:
    """The full name of one of LLVM's programs."""
    return f"{name}{cpu['suffix']}"


def compile_command(
    cpu: Cpu, source: Path, object_path: Path, includes: Paths = (), defines: Words = (), flags: Words = ()
) -> Command:
    """See `protocol.Toolchain`."""
    library = package_folder("ziglang") / "lib"
    folders = (library / "include", *(library / "libc" / "include" / f"{name}-musl" for name in _musl(cpu)))
    headers = [word for folder in folders for word in ("-isystem", folder)]
    words = compile_words(source, object_path, includes, defines, flags)[:-2]
    features = [f"+{feature}" for feature in cpu["features"]]
    # -I for what assembly includes
    target = f"-triple={cpu['isa']} -mattr={','.join(features)} -I {shlex.quote(str(source.parent))}"
    script = _COMPILE.format(clang=_llvm(cpu, "clang"), assembler=_llvm(cpu, "llvm-mc"), target=target)
    return [
        *("sh", "-c", script, object_path, f"--target={cpu['isa']}"),
        *(word for feature in features for word in ("-Xclang", "-target-feature", "-Xclang", feature)),
        *cpu["flags"],
        *(*standard(source), *CODE_FLAGS, "-nostdlibinc", *libcxx.words(source)),
        *headers,
        *words,
    ]


def _musl(cpu: Cpu) -> tuple[str, str]:
    return f"{cpu['headers']}-linux", "generic"


def archive_command(cpu: Cpu, objects: Paths, archive: Path) -> Command:
    """See `protocol.Toolchain`. `D` leaves out dates and owners."""
    return [f"{cpu['prefix']}ar", "rcsD", archive, *objects]


def join_command(cpu: Cpu, objects: Paths, joined: Path) -> Command:
    """See `protocol.Toolchain`."""
    return [f"{cpu['prefix']}ld", "-r", "-o", joined, *objects]


def link_command(cpu: Cpu, objects: Paths, libraries: Paths, script: Path, firmware: Path, map_path: Path) -> Command:
    """See `protocol.Toolchain`."""
    return [
        *(f"{cpu['prefix']}ld", "-static", "--gc-sections", "--build-id=none", "--nmagic"),
        *cpu.get("link_flags", ()),
        *(script_option(cpu), script, "-Map", map_path, "-o", firmware),
        *objects,
        *("--start-group", *libraries, "--end-group"),
    ]


def builtins(workspace: Workspace) -> None:
    """Build compiler_rt: soft float, 64-bit multiplication, division and shifts."""
    cpu: Cpu = workspace.parameters["toolchain"]["cpu"]
    zig, folder = package_folder("ziglang"), workspace.folder
    source, made = folder / "compiler_rt.c", folder / "compiler_rt.o"
    workspace.run(
        [
            *(zig / "zig", "build-obj", compiler_rt.root(workspace), "--name", "compiler_rt", "-ofmt=c"),
            *("-target", cpu["builtins"]["target"], "-O", "ReleaseFast", "-fstrip", "-fsingle-threaded"),
            f"-femit-bin={source.relative_to(folder)}",
            *("--cache-dir", folder / "zig-cache", "--global-cache-dir", folder / "zig-cache"),
        ]
    )
    workspace.run(compile_command(cpu, source, made, [zig / "lib"], flags=["-O2", "-ffreestanding", "-w"]))
    workspace.run(archive_command(cpu, [made], workspace.outputs["library.a"]))
