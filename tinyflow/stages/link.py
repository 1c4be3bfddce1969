"""Link: objects and libraries to firmware that fits its target, with its map and its sizes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tinyflow.core.action import Workspace
from tinyflow.core.errors import DoesNotFit, ToolError
from tinyflow.stages import oversize
from tinyflow.stages.link_errors import UNDEFINED, explain, listing, names, objects_of, source_of
from tinyflow.stages.prebuilt import PREBUILT, check_prebuilt
from tinyflow.stages.toolchain import toolchain_of
from tinyflow.targets import elf
from tinyflow.toolchains import compiler_rt, script

# The input with this name is searched last: it has weak, slow versions of what a runtime may define.
_BUILTINS = "lib/builtins.a"
# LLD names no more.
_LISTED = 20
# What a backend generated, and a program around it with a `main` of its own.
_TREES = ("objects/", "example/")
# The objects with constructors in a map: GNU ld's (which drops them unless a script keeps them), LLD's.
_CONSTRUCTORS = re.compile(
    r"^ \.(?:pre|)(?:init_array|ctors)\S*\s+0x[0-9a-f]+\s+0x0*[1-9a-f][0-9a-f]*\s+(\S+)$"
    r"|(\S+):\(\.(?:pre|)(?:init_array|ctors)\S*\)$",
    re.MULTILINE,
)


def link(workspace: Workspace) -> None:
    """Link both trees, other `*.o` and `lib/…*.a` by the script template `link.ld.j2`; write firmware, map and sizes.

    Raises DoesNotFit with what was needed, and ToolError naming the symbols that are missing or there twice.
    """
    target = workspace.parameters["target"]
    check_prebuilt(workspace)
    try:
        _link(workspace, target["memory"], workspace.outputs["firmware.elf"], workspace.outputs["firmware.map"])
    except ToolError as error:
        if not oversize.is_overflow(error.log):
            raise explain(error) from error
        raise _does_not_fit(workspace) from error
    if target["memory"]:
        _check_constructors(workspace.outputs["firmware.map"])
    sizes = elf.sizes(elf.read(workspace.outputs["firmware.elf"]), target["memory"])
    workspace.write_json("sizes.json", sizes, ensure_ascii=True)


def resolve(workspace: Workspace) -> None:
    """Link without the compiler's builtins: `needed.txt` is empty where that leaves no symbol undefined.

    It says only whether, and whether of rare ones, so that all firmware for a processor shares one library or two. What
    else is wrong, `link` tells.
    """
    needed = ""
    try:
        _link(workspace, workspace.parameters["target"]["memory"], workspace.folder / "x.elf", workspace.folder / "map")
    except ToolError as error:
        if error.status is None or error.killed_by is not None:
            raise
        undefined = names(UNDEFINED, error.log)
        is_rare = len(undefined) >= _LISTED or any(map(compiler_rt.is_rare, undefined))
        needed = "" if not undefined else compiler_rt.ALL if is_rare else compiler_rt.NEEDED
    workspace.outputs["needed.txt"].write_text(needed, encoding="utf-8")


def _check_constructors(map_path: Path) -> None:
    """ToolError for C++ objects that only code before `main` could make: a chip's start-up runs none."""
    text = map_path.read_text(encoding="utf-8", errors="replace")
    about = objects_of("\n".join(one or other for one, other in _CONSTRUCTORS.findall(text)))
    if about:
        error = ToolError(
            f"a static constructor in {listing([source_of(name) for name in about])}, which nothing would run",
            hint="make the object constexpr, or fill it in when it is first used: docs/kernels.md",
        )
        error.about = tuple(about)
        raise error


def _link(workspace: Workspace, memory: Sequence[oversize.Region], firmware: Path, map_path: Path) -> None:
    toolchain, cpu = toolchain_of(workspace)
    script_path = workspace.folder / "link.ld"
    target = {**workspace.parameters["target"], "memory": memory}
    script_path.write_text(script.render(workspace.inputs["link.ld.j2"], target, cpu["isa"]), encoding="utf-8")
    own = [path for name, path in sorted(workspace.inputs.items()) if name.endswith(".o")]
    trees = [workspace.inputs[name] for name in _TREES if name in workspace.inputs]
    objects = [*(path for tree in trees for path in sorted(tree.rglob("*.o"))), *own]
    # What is prebuilt is before what is compiled: whoever brings a library means it.
    libraries = sorted(
        (name == _BUILTINS, not name.startswith(PREBUILT), name) for name in workspace.inputs if name.endswith(".a")
    )
    paths = [workspace.inputs[name] for *_, name in libraries]
    workspace.run(toolchain.link_command(cpu, objects, paths, script_path, firmware, map_path))


def _does_not_fit(workspace: Workspace) -> DoesNotFit:
    """Link again with room for everything, to learn what is needed."""
    target = workspace.parameters["target"]
    memory = oversize.enlarged(target["memory"])
    firmware = workspace.folder / "too_big.elf"
    try:
        _link(workspace, memory, firmware, workspace.folder / "too_big.map")
    except ToolError as error:
        raise explain(error) from error
    return oversize.explain(elf.sizes(elf.read(firmware), memory), target)
