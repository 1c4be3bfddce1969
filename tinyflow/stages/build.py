"""Compile and archive: C, C++ and assembly to objects and libraries, through whichever toolchain the recipe names.

Tools run in the workspace's folder with relative paths, so that no object learns where it was made.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ToolError
from tinyflow.stages import library
from tinyflow.stages.link_errors import explain
from tinyflow.stages.toolchain import first_lines, refused_words, shorter, toolchain_of

_EMPTY_LIBRARY = b"!<arch>\n"
# A header without a suffix is C++'s own.
_CPP_HEADER = re.compile(r"fatal error: [a-z_]+: No such file or directory")
_NO_CPP = (
    "this compiler has no headers of C++: install its libstdc++ (Debian: libstdc++-arm-none-eabi-newlib), "
    "or take toolchain zig, which has them"
)
SOURCE_SUFFIXES = frozenset({".c", ".cpp", ".cc", ".cxx", ".S", ".s"})


def compile_source(workspace: Workspace) -> None:
    """Compile the input that the parameter `source` names.

    The parameter `include` lists folders of headers: inputs, or where some of these lie.
    """
    source = workspace.inputs[workspace.parameters["source"]]
    _compile(workspace, source, workspace.outputs["object.o"])


def compile_tree(workspace: Workspace) -> None:
    """Compile every C, C++ and assembly file below `sources/` to `objects/<its path>.o`, a few at a time.

    Objects that a backend made itself are handed on.
    """
    root, objects = workspace.inputs["sources/"], workspace.outputs["objects/"]
    for made in sorted(root.rglob("*.o")):
        copy = objects / made.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, copy)
    sources = sorted(path for path in root.rglob("*") if path.suffix in SOURCE_SUFFIXES)
    logs = [workspace.folder / f"log{index}" for index in range(len(sources))]

    def compile_one(source: Path, log_path: Path) -> None:
        object_path = objects / f"{source.relative_to(root)}.o"
        object_path.parent.mkdir(parents=True, exist_ok=True)
        log_path.touch()
        # A log of its own: what a compiler says is found by its place in the log.
        _compile(replace(workspace, log_path=log_path), source, object_path)

    try:
        _in_parallel(compile_one, sources, logs)
    finally:
        for path in filter(Path.exists, logs):
            workspace.log(path.read_text(encoding="utf-8", errors="replace").rstrip("\n"))


def _in_parallel(work: Callable[[Path, Path], None], *arguments: Sequence[Path]) -> None:
    """Call `work` for each row of arguments, a few at a time; an error keeps the rest from starting."""
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        running = [pool.submit(work, *row) for row in zip(*arguments, strict=True)]
        try:
            for future in running:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _compile(workspace: Workspace, source: Path, object_path: Path) -> None:
    toolchain, cpu = toolchain_of(workspace)
    # The folder is nobody's business, and differs each time: debugging information starts at "." instead.
    flags = [f"-ffile-prefix-map={workspace.folder}=.", *workspace.parameters["flags"]]
    # Generated code finds its own headers first.
    names = ["sources/"] if "sources/" in workspace.inputs else []
    names += workspace.parameters.get("include", ())
    folders = [workspace.inputs.get(name) or workspace.folder / "in" / name for name in names]
    try:
        workspace.run(
            toolchain.compile_command(cpu, source, object_path, folders, workspace.parameters["defines"], flags)
        )
    except ToolError as error:
        if error.status is None:
            raise
        if error.killed_by is not None:  # not a word against the source
            error.where = source.name
            raise
        hint = first_lines(error.log, "error:")
        if _CPP_HEADER.search(error.log) is not None:
            hint += f"\n{_NO_CPP}"
        told = shorter(error, f"{source.name} does not compile", hint)
        told.refused = refused_words(error.log)
        raise told from error


def archive(workspace: Workspace) -> None:
    """Put all inputs, in the order of their names, into `library.a`.

    Raises ToolError for a symbol that two of them define: of a library a linker takes the first, and says nothing.
    """
    toolchain, cpu = toolchain_of(workspace)
    objects = [path for _, path in sorted(workspace.inputs.items())]
    workspace.run(toolchain.archive_command(cpu, objects, workspace.outputs["library.a"]))
    if library.symbols_twice(workspace.outputs["library.a"].read_bytes()):
        try:  # the linker knows which of them are weak
            workspace.run(toolchain.join_command(cpu, objects, workspace.folder / "joined.o"))
        except ToolError as error:
            raise explain(error) from error


def builtins(workspace: Workspace) -> None:
    """Make `library.a` of what the compiler calls for operations that the CPU lacks; empty where `needed.txt` is."""
    needed = workspace.inputs.get("needed.txt")
    if needed is not None and not needed.read_bytes():
        workspace.outputs["library.a"].write_bytes(_EMPTY_LIBRARY)
        return
    toolchain, _ = toolchain_of(workspace)
    toolchain.builtins(workspace)
