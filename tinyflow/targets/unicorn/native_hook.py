"""Builds block_table.c for the machine that runs the simulator, with the C compiler inside the `ziglang` wheel."""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec
from pathlib import Path

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ToolError

SOURCE = Path(__file__).with_name("block_table.c")
FLASH_SOURCE = Path(__file__).with_name("flash_model.c")
GUARD_SOURCE = Path(__file__).with_name("guard.c")

_SYSTEMS = {"linux": "linux-gnu.2.17", "darwin": "macos"}  # glibc 2.17: what manylinux2014 wheels ask for
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # other names of the same thing


def host_triple() -> str:
    """The machine that we are on, as zig names it: a parameter, so that a shared cache never mixes machines."""
    machine = platform.machine().lower()
    return f"{_MACHINES.get(machine, machine)}-{_SYSTEMS.get(sys.platform, sys.platform)}"


def build_hook(workspace: Workspace) -> None:
    """Compile the one input `<name>.c` to `<name>.so` for `parameters["triple"]`.

    Code is for the oldest processor of the family and needs no library, so one result serves every such machine.
    """
    cache = str(workspace.folder / "zig-cache")
    ((source, source_path),) = workspace.inputs.items()
    workspace.run(
        [
            *(zig_binary(), "cc", "-target", workspace.parameters["triple"], "-mcpu=baseline"),
            *("-std=c11", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-O2", "-fPIC", "-shared", "-nostdlib", "-s"),
            *(source_path, "-o", workspace.outputs[f"{Path(source).stem}.so"]),
        ],
        environment={"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache},
    )


def zig_binary() -> str:
    """The compiler inside the wheel, found without importing anything. Raises ToolError where it isn't installed."""
    spec = find_spec("ziglang")
    if spec is None or not spec.submodule_search_locations:
        raise ToolError("the package ziglang is not installed", hint="pip install ziglang", missing=True)
    return str(Path(spec.submodule_search_locations[0]) / "zig")
