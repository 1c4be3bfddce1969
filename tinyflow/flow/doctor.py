"""What this machine has of the tools that benches need: found or not, version, who needs it, what to do if missing.

Recipes and the code behind them say what they need. Nothing heavy is imported and nothing is changed: packages are
looked up by their metadata, programs say their version.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Literal, NamedTuple

from tinyflow.core import environments, identity
from tinyflow.core.action import Tool
from tinyflow.core.distribution import NAME
from tinyflow.core.errors import RecipeError
from tinyflow.flow.planning import available
from tinyflow.flow.planning.builds import LINK_TOOLS, plain
from tinyflow.flow.planning.cycle_models import PROFILE_TOOLS
from tinyflow.flow.planning.models import ENGINE, FRONTEND, READER_TOOLS, REFERENCE_TOOLS, onnx_tools
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import cpus_of, processor_of
from tinyflow.recipes.schema import Backend, Frontend, Recipe, Target, Toolchain
from tinyflow.targets.protocol import capabilities

_REQUIREMENT = re.compile(r"""(?P<text>(?P<name>[\w.-]+)[^;]*?) *(; *extra == ['"](?P<extra>[\w-]+)['"])?""")
_MOST_USERS = 4  # to be shown by name
_STAGES = {
    "reading models": READER_TOOLS,
    "reference outputs": REFERENCE_TOOLS,
    "models in ONNX": onnx_tools(),
    "linking": LINK_TOOLS,
    "profiles": PROFILE_TOOLS,
}

Need = tuple[str, Tool]  # who (`target host`), and what


class Finding(NamedTuple):
    """One tool. `state` is `wrong version` where another version than the pinned one is installed."""

    name: str
    kind: Literal["package", "program", "environment"]
    is_required: bool
    state: Literal["ok", "missing", "wrong version"]
    version: str | None
    needed_by: str
    remedy: str  # what to type, or what goes without it

    @property
    def is_fault(self) -> bool:
        """Whether benches fail because of it: what is optional may be missing, but not be another version."""
        return self.state == "wrong version" or (self.is_required and self.state == "missing")


def inspect(catalogue: Catalogue) -> list[Finding]:
    """All tools, packages first, environments of frontends and engines last.

    Programs that don't say their version within 5 s are found all the same.
    """
    requirements = _own_requirements()
    packages: dict[str, list[Need]] = {name: [] for name, each in requirements.items() if not each.extra}
    programs: dict[str, list[Need]] = {}  # by what brings them: the first stands for its fellows
    for user, tool in _needs(catalogue):
        known, name = (programs, tool.hint) if tool.kind == "binary" else (packages, tool.name)
        known.setdefault(name, []).append((user, tool))
    found = [_inspect_package(name, requirements.get(name), needs) for name, needs in packages.items()]
    with ThreadPoolExecutor() as pool:
        found += pool.map(_inspect_program, programs.values())
    for name in catalogue.names(Frontend):
        with contextlib.suppress(RecipeError):  # told elsewhere
            frontend = catalogue.get(Frontend, name)
            found.append(_inspect_environment(f"{FRONTEND}{name}", frontend.packages, f"models in .{name}"))
    for name in catalogue.names(Backend):
        with contextlib.suppress(RecipeError):
            engine = catalogue.get(Backend, name).engine
            if engine is not None and (own := engine.environment) is not None:
                found.append(_inspect_environment(f"{ENGINE}{name}", own.packages, f"backend {name}", own.python or ""))
    return found


def _needs(catalogue: Catalogue) -> Iterator[Need]:
    """What stages and recipes say. A recipe that is wrong is told elsewhere."""
    yield from ((stage, tool) for stage, tools in _STAGES.items() for tool in tools)
    for kind in (Backend, Toolchain, Target):
        for name in catalogue.names(kind):
            with contextlib.suppress(Exception):  # whatever somebody's module raises
                yield from (
                    (f"{kind.__name__.lower()} {name}", tool)
                    for tool in _tools_of(catalogue, catalogue.get(kind, name))
                )


def _tools_of(catalogue: Catalogue, recipe: Recipe) -> list[Tool]:
    if isinstance(recipe, Backend):
        return [tool for tool in available.tools_of(recipe) if tool.kind == "package"]
    if isinstance(recipe, Toolchain):
        module = import_module(recipe.implementation)
        return [tool for cpu in cpus_of(catalogue, recipe).values() for tool in module.tools(plain(cpu))]
    assert isinstance(recipe, Target)
    can = capabilities(recipe.seen(processor_of(catalogue, recipe)))
    return [*can.tools, *can.advised, *(tool for output in can.inputs.values() for tool in output.action.tools)]


class Requirement(NamedTuple):
    """What our own distribution asks of another: `apache-tvm==0.27.0`; `extra` is set where only an extra does."""

    text: str
    extra: str = ""


def _own_requirements() -> Mapping[str, Requirement]:
    """Distribution name → what our own metadata asks of it; empty where we are not installed."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        texts = requires(NAME) or []
    except PackageNotFoundError:
        return {}
    found: dict[str, Requirement] = {}
    for text in texts:
        words = _REQUIREMENT.fullmatch(text)
        if words is not None:  # no marker but an extra's
            found.setdefault(words["name"], Requirement(words["text"], words["extra"] or ""))
    return found


def _inspect_package(name: str, requirement: Requirement | None, needs: Sequence[Need]) -> Finding:
    """What our own distribution requires is required, unless some code goes without it."""
    version = identity.installed_version(name)
    pin = requirement.text.partition("==")[2] if requirement is not None else ""
    state: Literal["ok", "missing", "wrong version"] = "ok"
    if version is None:
        state = "missing"
    elif pin and version != pin:
        state = "wrong version"
    hint = next((tool.hint for _, tool in needs if tool.hint), "")
    wanted = name if requirement is None else requirement.text
    remedy = hint if hint.startswith("pip ") else f"pip install '{wanted}'{hint and f'; {hint}'}"
    is_required = requirement is not None and not requirement.extra
    is_required &= all(tool.kind == "package" for user, tool in needs if user in _STAGES)
    return Finding(name, "package", is_required, state, version, _users(needs) or "every command", remedy)


def _inspect_program(needs: Sequence[Need]) -> Finding:
    tool = needs[0][1]
    path = shutil.which(tool.name)
    version = _program_version(path) if path is not None else None
    state: Literal["ok", "missing"] = "missing" if path is None else "ok"
    return Finding(tool.name, "program", False, state, version, _users(needs), tool.hint)


def _inspect_environment(name: str, requirements: Sequence[str], needed_by: str, python: str = "") -> Finding:
    """The environment of a frontend or an engine; its version is the Python's."""
    found = environments.contents(environments.name_of(requirements, python))
    state: Literal["ok", "missing"] = "missing" if found is None else "ok"
    version = None if found is None else found.partition("\n")[0].removeprefix("python ")
    packages = f": {', '.join(requirements)}" if requirements else ""
    remedy = f"doit fetch {name}{packages}"
    return Finding(name, "environment", False, state, version, needed_by, remedy)


def _users(needs: Sequence[Need]) -> str:
    """`reading models, target host and 9 more`."""
    users = list(dict.fromkeys(user for user, _ in needs))
    more = len(users) - _MOST_USERS
    return ", ".join(users[:_MOST_USERS]) + (f" and {more} more" if more > 0 else "")


def _program_version(path: str) -> str | None:
    """The first number with a dot that the program prints when asked for its version."""
    found = re.search(r"\d+(\.\d+)+", identity.version_output(Path(path)))
    return found.group() if found else None
