"""Where in a recipe or source of the user's something stands that only turned out wrong when a tool met it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from tinyflow.core.action import Action, Output, SourceFile
from tinyflow.core.errors import TinyflowError, ToolError
from tinyflow.recipes.catalogue import Catalogue, spell_path
from tinyflow.recipes.runtime_files import folder_of, place_of_prebuilt, place_of_source
from tinyflow.recipes.schema import Backend, Feature, Frontend, Processor, Runtime, Toolchain

_SOURCE_PLACE = re.compile(r"^([^\s<]+:\d+:\d+): (?:fatal )?error", re.MULTILINE)

_MISSING = 3  # the status that a tool which isn't there ends with


def locate(action: Action, error: Exception, catalogue: Callable[[], Catalogue]) -> None:
    """Give the error of a failed action a place that its user can open, where there is one.

    `catalogue` has the recipes that the action was planned by.
    """
    if isinstance(error, TinyflowError) and action.stage == "run":
        _spell_lines(action, error)
    if not isinstance(error, TinyflowError) or error.where not in ("", action.title):
        return
    _spell_sources(action, error)
    found = _SOURCE_PLACE.search(error.hint)
    if found is not None and "source" in action.parameters:
        error.where = found[1]
    elif isinstance(error, ToolError) and error.refused and action.stage == "compile":
        _place_flag(action, error, catalogue())
    elif error.about:
        _place_input(action, error, catalogue())
    if error.where in ("", action.title):
        _place_command(action, error, catalogue)


def _place_command(action: Action, error: TinyflowError, catalogue: Callable[[], Catalogue]) -> None:
    """The place of the command that generated what doesn't compile or link, or that failed itself."""
    made: Action | None = action
    for name in ("objects/", "sources/"):
        if made is not None and name in made.inputs:
            source = made.inputs[name]
            made = source.action if isinstance(source, Output) else None
    if made is not None and "frontend" in made.parameters:
        if error.exit_status != _MISSING:  # else it is not the recipe that has to change
            error.where = catalogue().where(Frontend, made.parameters["frontend"], "command")
    elif made is not None and "command" in made.parameters:
        error.where = catalogue().where(Backend, made.parameters["backend"], "command")
        error.hint = error.hint.replace("in/sources/", "{out}/")


def _spell_sources(action: Action, error: TinyflowError) -> None:
    """Say the user's own paths instead of those of the folder in which a tool ran."""
    sources = {name: source.path for name, source in action.inputs.items() if isinstance(source, SourceFile)}
    for name in sorted(sources, key=len, reverse=True):
        if f"in/{name}" in error.hint:
            path = spell_path(sources[name]) + ("/" if name.endswith("/") else "")
            error.hint = re.sub(rf"(?<![\w/]){re.escape(f'in/{name}')}", path.replace("\\", r"\\"), error.hint)


def _spell_lines(action: Action, error: TinyflowError) -> None:
    """The same for lines of sources that the firmware knows: those of runtimes and their headers."""

    def spelled(match: re.Match[str]) -> str:
        return next((spell_path(path) for name, path in _linked_sources(action) if match[1] == name), match[1])

    error.what = re.sub(r"(?<=; )in/(\S+?)(?=:\d+:\d+)", spelled, error.what)


def _linked_sources(action: Action) -> Iterator[tuple[str, Path]]:
    """Names and paths of what the libraries of a run's firmware were compiled from."""
    firmware = action.inputs.get("firmware.elf")
    libraries = firmware.action.inputs if isinstance(firmware, Output) else {}
    for library in libraries.values():
        for made in library.action.inputs.values() if isinstance(library, Output) else ():
            for name, source in made.action.inputs.items() if isinstance(made, Output) else ():
                if isinstance(source, SourceFile):
                    yield name, source.path


# Flags


def _place_flag(action: Action, error: ToolError, catalogue: Catalogue) -> None:
    """The place of a flag that the compiler refuses: in the recipe of a runtime, feature or toolchain."""
    flags = list(_flags(action, catalogue))
    for is_meant in (_is_whole, _is_in_parts):
        for where, flag in flags:
            if is_meant(flag, error.refused):
                error.where = where()
                error.what = f"{error.what}: the compiler refuses {flag}; leave it out or take another toolchain"
                return


def _is_whole(flag: str, words: Collection[str]) -> bool:
    return flag in words


def _is_in_parts(flag: str, words: Collection[str]) -> bool:
    """`-mcpu=foo`, where a compiler speaks of -mcpu, of foo, or of both; and `--param foo` for `--param=foo`."""
    option, sign, value = flag.partition("=")
    return (bool(sign) and (f"{option}=" in words or value in words)) or any(w.startswith(f"{flag}=") for w in words)


def _flags(action: Action, catalogue: Catalogue) -> Iterator[tuple[Callable[[], str], str]]:
    """Flags with which an action may have been run, and how to find their places."""

    def place(kind: Any, name: str, *steps: Any) -> Callable[[], str]:
        return lambda: catalogue.where(kind, name, *steps)

    source = action.inputs.get(str(action.parameters.get("source")))
    if isinstance(source, SourceFile):
        owner = source.name.partition("/")[0]
        used = set(action.parameters["flags"])
        chains = [_chain(name, catalogue) for name in (owner, *catalogue.names(Runtime))]
        for runtime in (one for chain in chains if owner in (base.name for base in chain) for one in chain):
            for index, flag in enumerate(runtime.flags if used.issuperset(runtime.flags) else ()):
                yield place(Runtime, runtime.name, "flags", index), flag
    else:
        for name in catalogue.names(Feature):
            for index, flag in enumerate(catalogue.get(Feature, name).sets.flags):
                yield place(Feature, name, "sets", "flags", index), flag
    toolchain = action.parameters["toolchain"]
    name, flags = toolchain["name"], list(toolchain["cpu"]["flags"])
    for cpu, compiler in catalogue.get(Toolchain, name).cpus.items():
        for index, flag in enumerate(flags if list(compiler.flags) == flags else ()):
            yield place(Toolchain, name, "cpus", cpu, "flags", index), flag
    for cpu in catalogue.names(Processor):
        own = catalogue.get(Processor, cpu).toolchains.get(name)
        for index, flag in enumerate(flags if own is not None and list(own.flags) == flags else ()):
            yield place(Processor, cpu, "toolchains", name, "flags", index), flag


def _chain(name: str, catalogue: Catalogue) -> list[Runtime]:
    return catalogue.chain(catalogue.get(Runtime, name))


# Inputs of a link


def _place_input(action: Action, error: TinyflowError, catalogue: Catalogue) -> None:
    """The line that brought a source or a prebuilt file into the link; of those that replace others rather these."""
    for name in error.about:
        if name.startswith("prebuilt/"):
            error.where = place_of_prebuilt(catalogue, *name.partition("(")[0].split("/", 2)[1:])
            return
    sources = [source.name.split("/", 1) for name in error.about for source in _sources_of(action, name)]
    replacing = _replacing(action, error, catalogue)
    if replacing:
        sources = replacing
        error.hint = f"{replacing[0][1]} is in place of a source that defines it: it must, too"
    if sources:
        error.where = place_of_source(catalogue, *sources[0])


def _sources_of(action: Action, name: str) -> Iterator[SourceFile]:
    """The sources that an object of a link or an archive was compiled from; several where names don't tell."""
    library, _, member = name.rstrip(")").rpartition("(")
    made = action.inputs.get(library or name)
    if not isinstance(made, Output):
        return
    objects = made.action.inputs if library else {name: made}
    for path, compiled in objects.items():
        if isinstance(compiled, Output) and "source" in compiled.action.parameters:
            source = compiled.action.inputs[compiled.action.parameters["source"]]
            if isinstance(source, SourceFile) and (not library or Path(path).name == member):
                yield source


def _replacing(action: Action, error: TinyflowError, catalogue: Catalogue) -> list[list[str]]:
    """Sources that stand for others which define a symbol that is now missing."""
    undefined = [name.partition("(")[0] for name in getattr(error, "undefined", ())]
    found = []
    for name in action.inputs if undefined else ():
        if not name.startswith("lib/") or name == "lib/builtins.a":
            continue
        chain = _chain(name.removeprefix("lib/").removesuffix(".a"), catalogue)
        for index, runtime in enumerate(chain):
            for replaced, own in runtime.overrides.items():
                paths = [folder_of(catalogue, base) / replaced for base in chain[index + 1 :]]
                text = "".join(path.read_text("utf-8", "replace") for path in paths if path.is_file())
                if any(re.search(rf"\b{re.escape(symbol)}\b", text) for symbol in undefined):
                    found.append([runtime.name, own])
    return found
