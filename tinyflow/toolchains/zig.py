"""The `ziglang` wheel used as plain LLVM: clang, LLD, llvm-ar, and compiler_rt built for any CPU.

`zig cc` is not used: it turns -O3 into -O2, keeps frame pointers and rejects `-Map`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tinyflow.core.action import Tool, Workspace
from tinyflow.core.errors import ToolError
from tinyflow.core.identity import architecture, package_folder
from tinyflow.toolchains import compiler_rt, libcxx
from tinyflow.toolchains.protocol import CODE_FLAGS, Command, Cpu, Paths, Words, compile_words, script_option, standard

# Globals merged into one would be kept, and counted, together: needed or not. (The driver's -mno-global-merge does
# nothing for RISC-V in clang 22.)
_CODE_FLAGS = (*CODE_FLAGS, "-mllvm", "-enable-global-merge=false")

# compiler_rt is speed-critical where a CPU has no FPU; what nobody calls is dropped at the link.
_BUILTINS_FLAGS = ("-O", "ReleaseFast", "-fstrip", "-fsingle-threaded", "-ffunction-sections", "-fdata-sections")


def _zig() -> Path:
    """The program itself: through `python -m ziglang` every file would cost a start of Python."""
    return package_folder("ziglang") / "zig"


def tools(cpu: Cpu) -> tuple[Tool, ...]:
    """One wheel has it all. Raises ToolError (missing) for the host where programs are not ELF files."""
    if cpu["isa"] == "host" and sys.platform != "linux":
        raise ToolError(
            f"the host target needs Linux, not {sys.platform}",
            hint="take a simulated target, such as stm32f7",
            missing=True,
        )
    return (Tool("package", "ziglang"),)


def _header_folders(cpu: Cpu) -> tuple[Path, ...]:
    """Clang's own headers, then those of the C library (musl) for the architecture."""
    library = package_folder("ziglang") / "lib"
    include = library / "libc" / "include"
    machine = architecture() if cpu["isa"] == "host" else cpu["headers"]
    return (library / "include", include / f"{machine}-linux-musl", include / "generic-musl")


def _host_target(cpu: Cpu) -> tuple[str, ...]:
    """For this machine whatever it is; the recipe names the target of every other CPU."""
    return (f"--target={architecture()}-linux-musl",) if cpu["isa"] == "host" else ()


def compile_command(
    cpu: Cpu, source: Path, object_path: Path, includes: Paths = (), defines: Words = (), flags: Words = ()
) -> Command:
    """See `protocol.Toolchain`."""
    command: Command = [_zig(), "clang", "-c", *_host_target(cpu), *cpu["flags"]]
    command += [*standard(source), *_CODE_FLAGS, "-nostdlibinc", *libcxx.words(source)]
    for folder in _header_folders(cpu):
        command += ["-isystem", folder]
    return command + compile_words(source, object_path, includes, defines, flags)


def archive_command(cpu: Cpu, objects: Paths, archive: Path) -> Command:  # noqa: ARG001 (the protocol's)
    """See `protocol.Toolchain`. `D` leaves out dates and owners."""
    return [_zig(), "ar", "rcsD", archive, *objects]


def join_command(cpu: Cpu, objects: Paths, joined: Path) -> Command:  # noqa: ARG001 (the protocol's)
    """See `protocol.Toolchain`."""
    return [_zig(), "ld.lld", "-r", "--color-diagnostics=never", "-o", joined, *objects]


def link_command(cpu: Cpu, objects: Paths, libraries: Paths, script: Path, firmware: Path, map_path: Path) -> Command:
    """See `protocol.Toolchain`. The host's firmware is a shared object that needs no other."""
    kind = ("-shared",) if cpu["isa"] == "host" else ("-static", "--nmagic")
    return [
        *(_zig(), "ld.lld", *kind, "--gc-sections", "--build-id=none", "--color-diagnostics=never"),
        *cpu.get("link_flags", ()),
        *(script_option(cpu), script, "-Map", map_path, "-o", firmware),
        *objects,
        *libraries,
    ]


def builtins(workspace: Workspace) -> None:
    """Build compiler_rt: soft float, 64-bit division, and the single-precision part of libm."""
    cpu: Cpu = workspace.parameters["toolchain"]["cpu"]
    spelling = cpu["builtins"]
    object_path = workspace.folder / "compiler_rt.o"
    target = spelling.get("target") or f"{architecture()}-linux-musl"
    # An object, not a library: the members of a library that zig makes are named at random.
    workspace.run(
        [
            *(_zig(), "build-obj", compiler_rt.root(workspace), "--name", "compiler_rt"),
            *("-target", target, f"-mcpu={spelling['cpu']}", *_BUILTINS_FLAGS, *spelling.get("flags", ())),
            # `-femit-bin=` takes its path in the same word, which only a path relative to the folder may be.
            f"-femit-bin={object_path.relative_to(workspace.folder)}",
            *("--cache-dir", workspace.folder / "zig-cache", "--global-cache-dir", workspace.folder / "zig-cache"),
        ]
    )
    workspace.run(archive_command(cpu, [object_path], workspace.outputs["library.a"]))
