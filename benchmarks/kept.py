"""What tests and benchmarks build of C: actions of tinyflow's own, kept in one cache from run to run, by content.

An edited source, stage or flag, or another compiler, makes only what depends on it anew; processes may build at once.
"""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any, Union

from tinyflow.core import cache_maintenance, digest
from tinyflow.core.action import Action, Output, SourceFile, Tool, Workspace, in_order
from tinyflow.core.execute import Session

Source = Union[Path, Output]
_CHECKOUT = Path(__file__).parents[1]
_MOST_BYTES = 500 << 20
_FILES = (".c", ".o", ".a")
# sources that are compiled by one action, and so anew together
_AT_ONCE = 8
# What C doesn't define ends the process, as a null pointer does anyhow; -Og compiles in two thirds of the time of -O1.
TRAPS = ("-Og", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error", "-fno-sanitize=null")

# what stages import
STAGE_TOOLS = (Tool("package", "jinja2"), Tool("package", "pyelftools"))
# threads that build at once have one session
_OPENING = threading.Lock()
# Where the cache lies; unless somebody says so, it ends with this process.
place: Path | None = None


@cache
def scratch() -> Path:
    """A folder that ends with this process."""
    folder = tempfile.mkdtemp(prefix="kept")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def folder() -> Path:
    """The cache, for others to use."""
    return place or scratch() / "cache"


def _session() -> Session:
    with _OPENING:
        return _opened()


@cache
def _opened() -> Session:
    session = Session(folder(), scratch() / "state")
    atexit.register(session.close)
    return session


def made(
    function: str,
    output: str,
    inputs: Mapping[str, Source],
    parameters: Mapping[str, Any],
    tools: Iterable[Tool] = (),
    others: Sequence[str] = (),
) -> Output:
    """An output of the stage `module:name`, made if nobody has before. Raises what the stage raises.

    `others` are more outputs; a parameter `toolchain` tells what it is built with.
    """
    chosen = parameters.get("toolchain", {})
    implementation = [chosen["implementation"]] if "implementation" in chosen else []
    action = Action(
        stage=function.rpartition(":")[2],
        title=f"{function} {', '.join(inputs)}",
        function=function,
        outputs=(output, *others),
        parameters=parameters,
        inputs={name: source if isinstance(source, Output) else _file(name, source) for name, source in inputs.items()},
        tools=(*(tool for name in implementation for tool in import_module(name).tools(chosen["cpu"])), *tools),
        implementation=tuple(implementation),
    )
    _session().execute(action)
    return action.output(output)


def _file(name: str, source: Path) -> SourceFile:
    """An input that a session, which reads a path once and takes a name for one file, can't mistake for another."""
    if source.is_relative_to(_CHECKOUT):
        return SourceFile(source, f"{name} {source.relative_to(_CHECKOUT)}")
    if source.is_dir():
        content = digest.of_bytes(
            digest.tree_listing((name, digest.of_file(path)) for name, path in digest.tree_files(source))
        )
    else:
        content = digest.of_file(source)
    own = scratch() / "sources" / content.rpartition(":")[2]
    if not own.exists():
        own.parent.mkdir(exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, own)
    return SourceFile(own, f"{name} {content}")


def built(
    stage: str, output: str, inputs: Mapping[str, Source], parameters: Mapping[str, Any], others: Sequence[str] = ()
) -> Output:
    """The same of a stage in `tinyflow.stages` that a toolchain does."""
    return made(f"tinyflow.stages.{stage}", output, inputs, parameters, STAGE_TOOLS, others)


def path(output: Output) -> Path:
    """An output file, to be read only; it is made if nobody has before."""
    for action in in_order([output.action]).values():
        _session().execute(action)
    return _session().output_path(output.action, output.name)


def copy(output: Output, target: Path) -> Path:
    """An output, file or tree, in a place of one's own."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _session().copy_output(output.action, output.name, target)
    return target


# With the compiler of this machine


def made_here(inputs: Mapping[str, Source], flags: Sequence[str], include: Sequence[str] = ()) -> Output:
    """What the compiler makes of all C, objects and libraries; `include` names those for `#include`."""
    return _made_here("compile_here", inputs, flags, include, ["made"])


def objects_here(sources: Iterable[Path], headers: Iterable[Path], flags: Sequence[str]) -> dict[str, Output]:
    """An object of each source, as an input of what is made of them all."""
    include: dict[str, Source] = {f"include{number}/": folder for number, folder in enumerate(headers)}
    found: dict[str, Output] = {}
    for some in some_at_once(sources):
        names = [f"{source.stem}.o" for source in some]
        inputs = {**{source.name: source for source in some}, **include}
        first = _made_here("compile_each_here", inputs, ("-c", *flags), [*include], names)
        found |= {f"{len(found) + index}_{name}": first.action.output(name) for index, name in enumerate(names)}
    return found


def some_at_once(sources: Iterable[Path]) -> Iterator[list[Path]]:
    """Sources of a folder that are one action: to lay out all headers takes as long as to compile one."""
    for _, beside in groupby(sources, lambda source: source.parent):
        left = list(beside)
        while left:
            some, left = left[:_AT_ONCE], left[_AT_ONCE:]
            yield some


def _made_here(
    stage: str, inputs: Mapping[str, Source], flags: Sequence[str], include: Sequence[str], outputs: Sequence[str]
) -> Output:
    gcc = shutil.which("gcc")
    parameters = {"flags": [*flags], "include": [*include], "compiler": "gcc" if gcc else "zig"}
    tools = (Tool("binary", "gcc") if gcc else Tool("package", "ziglang"),)
    return made(f"{__name__}:{stage}", outputs[0], inputs, parameters, tools, outputs[1:])


def compile_here(workspace: Workspace) -> None:
    """The stage of `made_here`."""
    include = _include(workspace)
    roots = [path for path in workspace.inputs.values() if path not in include]
    files = sorted(file for root in roots for file in (root.rglob("*") if root.is_dir() else [root]))
    files = [file for file in files if file.suffix in _FILES]
    files.sort(key=lambda file: file.suffix == ".a")  # behind what wants them
    _compile(workspace, ["-o", workspace.outputs["made"], *files])


def compile_each_here(workspace: Workspace) -> None:
    """The stage of `objects_here`."""
    include = _include(workspace)
    sources = [path for path in workspace.inputs.values() if path not in include]
    _compile(workspace, sources)
    for source in sources:
        name = f"{source.stem}.o"
        (workspace.folder / name).rename(workspace.outputs[name])


def _include(workspace: Workspace) -> list[Path]:
    return [workspace.inputs[name] for name in workspace.parameters["include"]]


def _compile(workspace: Workspace, words: Sequence[str | Path]) -> None:
    compiler = ["gcc"] if workspace.parameters["compiler"] == "gcc" else [sys.executable, "-m", "ziglang", "cc"]
    include = [word for folder in _include(workspace) for word in ("-I", folder)]
    workspace.run(
        [*compiler, *workspace.parameters["flags"], *include, *words],
        # its headers and C library are compiled once
        environment={"ZIG_GLOBAL_CACHE_DIR": str(folder() / "zig")},
    )


def drop_oldest() -> None:
    """Keep the cache from growing for ever."""
    store = _session().store
    if cache_maintenance.contents(store).size_bytes > _MOST_BYTES:
        cache_maintenance.collect(store, _MOST_BYTES // 2, ())
