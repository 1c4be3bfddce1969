"""What a runtime is made of: its own files, those of the runtime that it extends, and which of them it replaces.

Its folder is that of its recipe, or what the recipe's `root` says: anywhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from tinyflow.core import environments
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Backend, Frontend, Processor, Runtime
from tinyflow.recipes.schema.runtime import Git
from tinyflow.recipes.schema.toolchain import InstructionSet
from tinyflow.recipes.suggest import hint_for

ROOTS = "roots"
FETCHED = "runtime:"  # before what `doit fetch` calls the files of a runtime
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_SUFFIXES = (".c", ".cpp", ".cc", ".cxx", ".S", ".s")  # what the compile stage knows a language for


class RuntimeFile(NamedTuple):
    """One file of a runtime: `owner` is the runtime whose recipe names it."""

    owner: Runtime
    name: str  # below the runtime's folder
    path: Path
    sha256: str | None = None  # of a prebuilt one


def folder_of(catalogue: Catalogue, runtime: Runtime) -> Path:
    """Where a runtime's files lie. RecipeError where that is no folder, or a variable that names it isn't set.

    An archive has them in a folder of its recipes.
    """
    folder = catalogue.path(Runtime, runtime.name).parent
    if runtime.root is None and runtime.git is None:
        return folder
    kept = folder.parent.parent / ROOTS / runtime.name
    if kept.is_dir():
        return kept
    if runtime.git is not None:
        folder = fetched_folder(runtime.git)
        if not folder.is_dir():
            hint = f"`doit fetch {FETCHED}{runtime.name}` gets them"
            catalogue.refuse(Runtime, runtime.name, ["git"], "its files were never fetched", hint)
    root = runtime.root or "."
    for variable in _VARIABLE.findall(root):
        if not os.environ.get(variable):
            hint = f"export {variable}=<folder with the files of {runtime.name}>"
            catalogue.refuse(Runtime, runtime.name, ["root"], f"{variable} is not set", hint)
    spelled = _VARIABLE.sub(lambda found: os.environ[found[1]], root)
    path = Path(os.path.normpath(folder / spelled))
    if not path.is_dir():
        hint = "a path starts at the recipe's folder" + (f"; there is no {path}" if spelled != root else "")
        catalogue.refuse(Runtime, runtime.name, ["root"], f'there is no folder "{root}"', hint)
    return path


def fetched_folder(git: Git) -> Path:
    """Where a state of a repository lies once it was fetched, for all projects of a user."""
    return environments.home().with_name("checkouts") / git.sha256[:16]


def left_out(catalogue: Catalogue, runtime: Runtime) -> frozenset[Path]:
    """The files that its recipe excludes."""
    return frozenset(_globbed(catalogue, runtime, runtime.exclude))


def _globbed(catalogue: Catalogue, runtime: Runtime, patterns: Iterable[str]) -> Iterator[Path]:
    for pattern in patterns:
        yield from folder_of(catalogue, runtime).glob(pattern)


def settings_of(catalogue: Catalogue, runtime: Runtime, owner: Runtime) -> list[Runtime]:
    """Whose flags, defines and headers one of a runtime's sources is compiled with, the strongest first.

    Those of the runtime that has the source and of what it extends; before them those of runtimes that extend these
    as a whole. One that replaces or excludes some shares all other sources with what it extends, as they are.
    """
    chain = catalogue.chain(runtime)
    index = [one.name for one in chain].index(owner.name)
    return [*(one for one in chain[:index] if not (one.overrides or one.exclude)), *chain[index:]]


def sources_of(catalogue: Catalogue, runtime: Runtime, kinds: Collection[str]) -> list[RuntimeFile]:
    """All sources for a processor, sorted: those of what it extends but for the replaced ones, then its own.

    `kinds`: see `Processor`. RecipeError for a file that isn't there, for a key that no processor has, and for an
    override of what the extended runtime lacks.
    """
    chain = catalogue.chain(runtime)
    found: dict[tuple[str, str], RuntimeFile] = {}
    for one in reversed(chain):
        _check_kinds(catalogue, one)
        own = _matching(catalogue, one, one.sources_for(kinds), "sources")
        for replaced, name in one.overrides.items():
            place = next((key for key in found if key[1] == replaced), None)
            if place is not None:
                del found[place]
                own |= _matching(catalogue, one, [name], "overrides", replaced)
            else:
                _check_replaced(catalogue, one, chain, replaced)
        if one.exclude:
            gone = {path for base in chain[chain.index(one) :] for path in _globbed(catalogue, base, one.exclude)}
            found = {place: file for place, file in found.items() if file.path not in gone}
        found |= {(one.name, name): RuntimeFile(one, name, path) for name, path in own.items()}
    return sorted(found.values(), key=lambda file: ([one.name for one in chain].index(file.owner.name), file.name))


def prebuilt_of(catalogue: Catalogue, runtime: Runtime, kinds: Collection[str]) -> list[RuntimeFile]:
    """Objects and libraries that are linked as they are. RecipeError for one that isn't there."""
    found = []
    for one in catalogue.chain(runtime):
        _check_kinds(catalogue, one)
        for key, files in one.prebuilt.items():
            for name, sha256 in files.items() if key in ("all", *kinds) else ():
                path = folder_of(catalogue, one) / name
                if not path.is_file():
                    steps, what = ("prebuilt", key, name), f'there is no file "{name}"'
                    catalogue.refuse(Runtime, one.name, steps, what, _where_to_look(one))
                found.append(RuntimeFile(one, name, path, sha256))
    return found


def place_of_source(catalogue: Catalogue, owner: str, name: str) -> str:
    """The line of a runtime's recipe that brings in one of its sources."""
    runtime = catalogue.get(Runtime, owner)
    for replaced, own in runtime.overrides.items():
        if own == name:
            return catalogue.where(Runtime, owner, "overrides", replaced)
    folder = folder_of(catalogue, runtime)
    for kind, patterns in runtime.sources.items():
        for index, pattern in enumerate(patterns):
            if folder / name in folder.glob(pattern):
                return catalogue.where(Runtime, owner, "sources", kind, index)
    return catalogue.where(Runtime, owner)


def place_of_prebuilt(catalogue: Catalogue, owner: str, name: str) -> str:
    """The line of a runtime's recipe that names a prebuilt file."""
    groups = catalogue.get(Runtime, owner).prebuilt
    kind = next((key for key, files in groups.items() if name in files), None)
    return catalogue.where(Runtime, owner, *(("prebuilt", kind, name) if kind is not None else ()))


def files_of(catalogue: Catalogue, recipe: Backend | Frontend | Runtime) -> dict[str, Path]:
    """The files and folders that a recipe's command needs. RecipeError for one that isn't there."""
    folder = catalogue.path(type(recipe), recipe.name).parent
    place: tuple[str, ...] = ("files",)
    if isinstance(recipe, Runtime):
        place, names = ("generated", "files"), recipe.generated.files if recipe.generated is not None else ()
    else:
        names = recipe.files
    for index, name in enumerate(names):
        if not ((folder / name).is_dir() if name.endswith("/") else (folder / name).is_file()):
            what = f'there is no "{name}" beside the recipe'
            catalogue.refuse(type(recipe), recipe.name, (*place, index), what, "a folder ends in /")
    return {name: folder / name for name in names}


def adapter_of(catalogue: Catalogue, backend: Backend) -> Path:
    """The file that an engine is called by. RecipeError where it isn't there."""
    assert backend.engine is not None
    path = catalogue.path(Backend, backend.name).parent / backend.engine.adapter
    if not path.is_file():
        what = f'there is no "{backend.engine.adapter}" beside the recipe'
        catalogue.refuse(Backend, backend.name, ("engine", "adapter"), what)
    return path


def used_by(catalogue: Catalogue, runtimes: Iterable[Runtime]) -> list[Runtime]:
    """The other runtimes whose headers the sources of these include, and so on, in order.

    RecipeError for one that doesn't exist.
    """
    waiting = list(runtimes)
    own = {one.name for one in waiting}
    found: dict[str, Runtime] = {}
    for one in waiting:  # which grows
        for index, name in enumerate(one.depends):
            used = catalogue.named(Runtime, name, one, "depends", index)
            if name not in own and name not in found:
                found[name] = used
                waiting += catalogue.chain(used)
    return list(found.values())


def missing_for(catalogue: Catalogue, linked: Iterable[Runtime]) -> tuple[Runtime, Runtime] | None:
    """Of runtimes that are linked, one that uses another which isn't, and that."""
    names = {one.name for runtime in linked for one in catalogue.chain(runtime)}
    for runtime in linked:
        for used in used_by(catalogue, catalogue.chain(runtime)):
            if used.name not in names:
                return runtime, used
    return None


def headers_of(catalogue: Catalogue, runtime: Runtime) -> dict[str, Path]:
    """Its folders of headers by name. RecipeError for one that isn't there."""
    folder = folder_of(catalogue, runtime)
    for index, name in enumerate(runtime.include):
        if not (folder / name).is_dir():
            what = f'there is no folder "{name}"'
            catalogue.refuse(Runtime, runtime.name, ("include", index), what, _where_to_look(runtime))
    return {name: folder / name for name in runtime.include}


def _matching(catalogue: Catalogue, runtime: Runtime, patterns: Iterable[str], *place: Any) -> dict[str, Path]:
    """Files below the runtime's folder: name → path. RecipeError for a pattern that none matches."""
    folder, excluded = folder_of(catalogue, runtime), left_out(catalogue, runtime)
    found: dict[str, Path] = {}
    for pattern in patterns:
        matches = [path for path in sorted(folder.glob(pattern)) if path not in excluded and path.is_file()]
        if not matches:
            what, hint = f'no file matches "{pattern}"', _where_to_look(runtime)
            catalogue.refuse(Runtime, runtime.name, _place_of(runtime, pattern, place), what, hint)
        for path in matches:
            if path.suffix not in _SUFFIXES:
                what = f"{path.name} is not a source that can be compiled"
                hint = f"sources end in {', '.join(_SUFFIXES)}; headers are found by `include`"
                catalogue.refuse(Runtime, runtime.name, _place_of(runtime, pattern, place), what, hint)
        found |= {path.relative_to(folder).as_posix(): path for path in matches}
    return found


def _where_to_look(runtime: Runtime) -> str:
    return "paths start at " + ("the recipe's folder" if runtime.root is None else f"{runtime.root}, its root")


def _place_of(runtime: Runtime, pattern: str, place: tuple[Any, ...]) -> tuple[Any, ...]:
    """Where in the recipe a pattern stands."""
    groups: Mapping[Any, tuple[str, ...]] = runtime.sources
    kind = next((key for key, group in groups.items() if pattern in group), None) if place == ("sources",) else None
    return place if kind is None else (*place, kind, groups[kind].index(pattern))


def _check_kinds(catalogue: Catalogue, runtime: Runtime) -> None:
    """RecipeError for a key of `sources` or `prebuilt` that no processor has."""
    known = {"all", *get_args(InstructionSet)}
    for group, keys in (("sources", runtime.sources), ("prebuilt", runtime.prebuilt)):
        for key in keys:
            if key not in known:
                known.update(*(catalogue.get(Processor, name).kinds for name in catalogue.names(Processor)))
            if key not in known:
                what, hint = f'no processor is "{key}"', hint_for(key, sorted(known), group)
                catalogue.refuse(Runtime, runtime.name, (group, key), what, hint)


def _check_replaced(catalogue: Catalogue, runtime: Runtime, chain: list[Runtime], replaced: str) -> None:
    """RecipeError unless some extended runtime has this source, if only for another instruction set."""
    extended = chain[chain.index(runtime) + 1 :]
    known = [
        name
        for each in extended
        for group in each.sources.values()
        for name in _matching(catalogue, each, group, "sources")
    ]
    if replaced not in known:
        what, hint = f'{extended[0].name} has no source "{replaced}"', hint_for(replaced, known, "its sources")
        catalogue.refuse(Runtime, runtime.name, ("overrides", replaced), what, hint)
