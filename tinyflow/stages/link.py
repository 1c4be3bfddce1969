"""Link: objects and libraries to firmware that fits its target, with its map and its sizes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from tinyflow.core.action import Workspace
from tinyflow.core.errors import DoesNotFit, RecipeError, ToolError
from tinyflow.stages import fit
from tinyflow.stages.toolchain import first_lines, shorter, toolchain_of
from tinyflow.targets import elf
from tinyflow.toolchains import script

# The input with this name is searched last: it has weak, slow versions of what a runtime may define.
_BUILTINS = "lib/builtins.a"


def link(workspace: Workspace) -> None:
    """Link `objects/`, other `*.o` and `lib/…*.a` by the script template `link.ld.j2`; write firmware, map and sizes.

    Raises DoesNotFit with what was needed, and ToolError naming the symbols that are missing or there twice.
    """
    target = workspace.parameters["target"]
    _check_pinned(workspace)
    try:
        _link(workspace, target["memory"], workspace.outputs["firmware.elf"], workspace.outputs["firmware.map"])
    except ToolError as error:
        if not fit.is_overflow(error.log):
            raise _link_error(error) from error
        raise _does_not_fit(workspace) from error
    sizes = elf.sizes(elf.read(workspace.outputs["firmware.elf"]), target["memory"])
    workspace.outputs["sizes.json"].write_text(json.dumps(sizes, indent=1) + "\n", encoding="utf-8")


def _check_pinned(workspace: Workspace) -> None:
    """RecipeError for a prebuilt file that isn't the one that its recipe names by digest."""
    for name, sha256 in workspace.parameters.get("pinned", {}).items():
        got = hashlib.sha256(workspace.inputs[name].read_bytes()).hexdigest()
        if got != sha256:
            raise RecipeError(
                f"the prebuilt {name.partition('/')[2]} has another digest than the runtime's recipe says",
                hint=f"if it is the right file, write {got}",
            )


def _link(workspace: Workspace, memory: Sequence[fit.Region], firmware: Path, map_path: Path) -> None:
    toolchain, cpu = toolchain_of(workspace)
    script_path = workspace.folder / "link.ld"
    target = {**workspace.parameters["target"], "memory": memory}
    script_path.write_text(script.render(workspace.inputs["link.ld.j2"], target, cpu["isa"]), encoding="utf-8")
    own = [path for name, path in sorted(workspace.inputs.items()) if name.endswith(".o")]
    objects = [*sorted(workspace.inputs["objects/"].rglob("*.o")), *own]
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
        return shorter(
            error, f"undefined: {undefined}", "a source, a runtime or `heap` in the backend's recipe is missing"
        )
    twice = _names(r"duplicate symbol: (\S+)|multiple definition of `([^']+)'", error.log)
    if twice:
        return shorter(error, f"defined twice: {twice}", "make one of them static, or leave out one of the runtimes")
    return shorter(error, "the firmware does not link", first_lines(error.log, "error"))


def _names(pattern: str, log: str) -> str:
    """The symbols that a pattern finds in a linker's words, each once."""
    found = dict.fromkeys(next(filter(None, match.groups())) for match in re.finditer(pattern, log))
    names = list(found)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
