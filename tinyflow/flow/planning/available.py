"""What this machine lacks of the tools that plans and recipes name. Metadata and PATH tell; nothing is imported."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from tinyflow.core import environments, identity
from tinyflow.core.action import Action, Tool
from tinyflow.core.errors import RecipeError, ToolError
from tinyflow.flow.planning.builds import plain
from tinyflow.flow.planning.cycle_models import capabilities_of
from tinyflow.flow.planning.generation import engine_tools, package_tools
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import ResolvedBench
from tinyflow.recipes.schema import Backend, Target


def is_here(tool: Tool) -> bool:
    """Whether a tool is installed, in whatever version."""
    if tool.kind == "binary":
        return shutil.which(tool.name) is not None
    if tool.kind == "environment":
        return environments.contents(tool.name) is not None
    return identity.installed_version(tool.name) is not None


def tools_of(backend: Backend) -> list[Tool]:
    """The packages and environments that a backend works with."""
    lowering = backend.lowering.tools if backend.lowering is not None else ()
    return [
        *package_tools(backend, dict.fromkeys((*backend.tools, *lowering))),
        *(engine_tools(backend) if backend.engine is not None else ()),
    ]


def lacking(catalogue: Catalogue, backends: Iterable[str]) -> dict[str, list[str]]:
    """What to type (or else what is missing) → the backends that wait for it."""
    found: dict[str, list[str]] = {}
    for name in backends:
        tool = next((tool for tool in tools_of(catalogue.get(Backend, name)) if not is_here(tool)), None)
        if tool is not None:
            found.setdefault(tool.hint or f"the Python package {tool.name} is missing", []).append(name)
    return found


class Board(NamedTuple):
    """A target that is a real board."""

    name: str
    through: str  # a host and port, a command, a serial port, or ssh and a host
    here: str  # what is missing on this machine, or `ok`
    description: str


def boards(catalogue: Catalogue) -> Iterator[Board]:
    """The boards that recipes know."""
    for name in catalogue.names(Target):
        target = catalogue.get(Target, name)
        how = f"ssh {target.ssh.host}" if target.ssh is not None else ""
        if target.gdb is not None:
            how = target.gdb.connect or target.gdb.server[0]
        if target.monitor is not None:
            how = target.monitor.port
        if how:
            yield Board(name, how, missing_on(catalogue, target) or "ok", target.description)


def missing_on(catalogue: Catalogue, target: Target) -> str:
    """What a target lacks on this machine, as `no qemu-system-arm`, or what is wrong with it; else empty."""
    try:
        can = capabilities_of(catalogue, target)
    except RecipeError as error:
        return str(error).partition("\n")[0]
    inputs = (tool for output in can.inputs.values() for tool in output.action.tools)
    port = Path(target.monitor.port if target.monitor is not None and not target.monitor.server else "")
    return _lacks((*can.tools, *inputs)) or (f"no {port}" if port.is_absolute() and not port.exists() else "")


def missing_for(catalogue: Catalogue, resolved: ResolvedBench) -> str:
    """The same of a bench's target and toolchain."""
    is_interpreted = resolved.backend.machine is not None
    compilers = () if is_interpreted else import_module(resolved.toolchain.implementation).tools(plain(resolved.cpu))
    return _lacks(compilers) or ("" if is_interpreted else missing_on(catalogue, resolved.target))


def _lacks(tools: Iterable[Tool]) -> str:
    names = dict.fromkeys(tool.name for tool in tools if not is_here(tool))
    return f"no {', '.join(names)}" if names else ""


def refuse_what_cant_run(wholes: Iterable[Collection[Action]]) -> None:
    """Raise ToolError (missing) where each of these wholes needs a package that isn't here: nothing is begun for them.

    Where one of them can be made, it is, and the others' rows say what is missing.
    """
    first: Tool | None = None
    for actions in wholes:
        tools = dict.fromkeys(tool for action in actions for tool in action.tools if tool.kind == "package")
        missing = next((tool for tool in tools if not is_here(tool)), None)
        if missing is None:
            return
        first = first or missing
    if first is not None:
        raise ToolError(f"the Python package {first.name} is not installed", hint=first.hint, missing=True)
