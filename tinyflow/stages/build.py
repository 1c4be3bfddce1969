"""Compile, archive and link: C sources to firmware, through whichever toolchain the recipe names.

Tools run in the workspace's folder with relative paths, so that no object learns where it was made.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

from tinyflow.core.action import Workspace
from tinyflow.core.errors import DoesNotFit, ToolError
from tinyflow.stages import fit
from tinyflow.targets import elf
from tinyflow.toolchains import script
from tinyflow.toolchains.protocol import Cpu, Toolchain

_SOURCE_SUFFIXES = {".c", ".S"}
_SHOWN_LINES = 12
# The input with this name is searched last: it has weak, slow versions of what a runtime may define.
_BUILTINS = "lib/builtins.a"


def compile_source(workspace: Workspace) -> None:
    """Compile the input that the parameter `source` names; inputs that are folders are include paths."""
    source = workspace.inputs[workspace.parameters["source"]]
    _compile(workspace, source, workspace.outputs["object.o"])


def compile_tree(workspace: Workspace) -> None:
    """Compile every C and assembly file below `sources/` to `objects/<its path>.o`, a few at a time."""
    root, objects = workspace.inputs["sources/"], workspace.outputs["objects/"]
    sources = sorted(path for path in root.rglob("*") if path.suffix in _SOURCE_SUFFIXES)
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
    toolchain, cpu = _toolchain(workspace)
    # The folder is nobody's business, and differs each time: debugging information starts at "." instead.
    flags = [f"-ffile-prefix-map={workspace.folder}=.", *workspace.parameters["flags"]]
    # Generated code finds its own headers first.
    names = sorted(filter(_is_tree, workspace.inputs), key=lambda name: (name != "sources/", name))
    folders = [workspace.inputs[name] for name in names]
    try:
        workspace.run(
            toolchain.compile_command(cpu, source, object_path, folders, workspace.parameters["defines"], flags)
        )
    except ToolError as error:
        if error.status is None:
            raise
        raise _shorter(error, f"{source.name} does not compile", _first_lines(error.log, "error:")) from error


def _is_tree(name: str) -> bool:
    return name.endswith("/")


def archive(workspace: Workspace) -> None:
    """Put all inputs, in the order of their names, into `library.a`."""
    toolchain, cpu = _toolchain(workspace)
    objects = [path for _, path in sorted(workspace.inputs.items())]
    workspace.run(toolchain.archive_command(cpu, objects, workspace.outputs["library.a"]))


def builtins(workspace: Workspace) -> None:
    """Make `library.a` of what the compiler calls for operations that the CPU has not."""
    toolchain, _ = _toolchain(workspace)
    toolchain.builtins(workspace)


def link(workspace: Workspace) -> None:
    """Link `objects/` and `lib/*.a` by the script template `link.ld.j2`; write firmware, map and sizes.

    Raises DoesNotFit with what was needed, and ToolError naming the symbols that are missing or there twice.
    """
    target = workspace.parameters["target"]
    try:
        _link(workspace, target["memory"], workspace.outputs["firmware.elf"], workspace.outputs["firmware.map"])
    except ToolError as error:
        if not fit.is_overflow(error.log):
            raise _link_error(error) from error
        raise _does_not_fit(workspace) from error
    sizes = elf.sizes(elf.read(workspace.outputs["firmware.elf"]), target["memory"])
    workspace.outputs["sizes.json"].write_text(json.dumps(sizes, indent=1) + "\n", encoding="utf-8")


def _link(workspace: Workspace, memory: Sequence[fit.Region], firmware: Path, map_path: Path) -> None:
    toolchain, cpu = _toolchain(workspace)
    script_path = workspace.folder / "link.ld"
    target = {**workspace.parameters["target"], "memory": memory}
    script_path.write_text(script.render(workspace.inputs["link.ld.j2"], target, cpu["isa"]), encoding="utf-8")
    objects = sorted(workspace.inputs["objects/"].rglob("*.o"))
    libraries = sorted((name == _BUILTINS, name) for name in workspace.inputs if name.endswith(".a"))
    paths = [workspace.inputs[name] for _, name in libraries]
    workspace.run(toolchain.link_command(cpu, objects, paths, script_path, firmware, map_path))


def _does_not_fit(workspace: Workspace) -> DoesNotFit:
    """Link again with room for everything, to learn what is needed."""
    target = workspace.parameters["target"]
    memory = fit.enlarged(target["memory"])
    firmware = workspace.folder / "too_big.elf"
    try:
        _link(workspace, memory, firmware, workspace.folder / "too_big.map")
    except ToolError as error:
        raise _link_error(error) from error
    return fit.explain(elf.sizes(elf.read(firmware), memory), target)


def _link_error(error: ToolError) -> ToolError:
    """The same error, with the symbols that it is about and what to do."""
    undefined = _names(r"undefined symbol: (\S+)|undefined reference to `([^']+)'", error.log)
    if undefined:
        return _shorter(
            error, f"undefined: {undefined}", "a source, a runtime or `heap` in the backend's recipe is missing"
        )
    twice = _names(r"duplicate symbol: (\S+)|multiple definition of `([^']+)'", error.log)
    if twice:
        return _shorter(error, f"defined twice: {twice}", "make one of them static, or leave out one of the runtimes")
    return _shorter(error, "the firmware does not link", _first_lines(error.log, "error"))


def _names(pattern: str, log: str) -> str:
    """The symbols that a pattern finds in a linker's words, each once."""
    found = dict.fromkeys(next(filter(None, match.groups())) for match in re.finditer(pattern, log))
    names = list(found)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _first_lines(log: str, word: str) -> str:
    """The tool's own message: a few lines from the first one with `word` on."""
    lines = log.splitlines()
    start = next((index for index, line in enumerate(lines) if word in line), 0)
    return "\n".join(lines[start : start + _SHOWN_LINES])


def _shorter(error: ToolError, what: str, hint: str) -> ToolError:
    return ToolError(what, hint=hint, command=error.command, status=error.status, log=error.log)


def _toolchain(workspace: Workspace) -> tuple[Toolchain, Cpu]:
    chosen = workspace.parameters["toolchain"]
    return cast(Toolchain, importlib.import_module(chosen["implementation"])), chosen["cpu"]
