"""Builds C that looks on for the machine that we are on, with the C compiler inside the `ziglang` wheel."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from tinyflow.core.action import Action, Output, SourceFile, Tool, Workspace
from tinyflow.core.identity import architecture, package_folder

_PACKAGE = Path(__file__).parents[1]
_SYSTEMS = {"linux": "linux-gnu.2.17", "darwin": "macos"}  # glibc 2.17: what manylinux2014 wheels ask for


def host_triple() -> str:
    """The machine that we are on, as zig names it: a parameter, so that a shared cache never mixes machines."""
    return f"{architecture()}-{_SYSTEMS.get(sys.platform, sys.platform)}"


def compiled(source: Path, title: str, *, has_libc: bool = False, headers: Iterable[str] = ()) -> Output:
    """`<name>.so` of `<name>.c`, which lies beside the module that wants it, as its `headers` do.

    With `has_libc` it may call the C library of the process that loads it.
    """
    name = f"{source.stem}.so"
    action = Action(
        stage="compile",
        title=title,
        function=f"{__name__}:build_hook",
        outputs=(name,),
        parameters={"triple": host_triple(), **({"has_libc": True} if has_libc else {})},
        inputs={
            path.name: SourceFile(path, path.relative_to(_PACKAGE).as_posix())
            for path in (source, *(source.with_name(name) for name in headers))
        },
        tools=(Tool("package", "ziglang"),),
    )
    return action.output(name)


def build_hook(workspace: Workspace) -> None:
    """Compile the one input `<name>.c`, beside which its headers lie, to `<name>.so` for `parameters["triple"]`.

    Code is for the oldest processor of the family and links no library, so one result serves every such machine.
    """
    cache = str(workspace.folder / "zig-cache")
    (source,) = (name for name in workspace.inputs if name.endswith(".c"))
    folders = dict.fromkeys(path.parent for path in workspace.inputs.values())
    workspace.run(
        [
            *(package_folder("ziglang") / "zig", "cc", "-target", workspace.parameters["triple"], "-mcpu=baseline"),
            *("-std=c11", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-O2", "-fPIC", "-shared", "-nostdlib", "-s"),
            *(_libc_flags(workspace.parameters["triple"]) if workspace.parameters.get("has_libc") else ()),
            *(f"-I{folder}" for folder in folders),
            *(workspace.inputs[source], "-o", workspace.outputs[f"{Path(source).stem}.so"]),
        ],
        environment={"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache},
    )


def _libc_flags(triple: str) -> list[str]:
    """Headers of glibc, which zig leaves out with `-nostdlib`; the library itself is found when it is loaded."""
    include = package_folder("ziglang") / "lib" / "libc" / "include"
    family = triple.partition("-")[0].replace("x86_64", "x86")
    names = (f"{family}-linux-gnu", "generic-glibc", f"{family}-linux-any", "any-linux-any")
    return [word for name in names for word in ("-isystem", str(include / name))] + ["-Wl,-z,undefs"]
