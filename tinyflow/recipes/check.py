"""All recipes at once: every file is right, lies where it is read, and names only recipes that exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from tinyflow.core.errors import RecipeError, TinyflowError, UsageError
from tinyflow.recipes.bench import Bench
from tinyflow.recipes.catalogue import KINDS, Catalogue, spell_path
from tinyflow.recipes.mirrors import Mirrors, find_model, find_samples
from tinyflow.recipes.resolve import cpu_of, parts_of, resolve, whole_core
from tinyflow.recipes.runtime_files import (
    adapter_of,
    files_of,
    folder_of,
    headers_of,
    missing_for,
    place_of_prebuilt,
    prebuilt_of,
    sources_of,
    used_by,
)
from tinyflow.recipes.schema import (
    Backend,
    Case,
    Core,
    Feature,
    Figures,
    Frontend,
    Matrix,
    Model,
    Processor,
    Published,
    Recipe,
    Requirements,
    Runtime,
    Settings,
    Suite,
    Target,
    Toolchain,
)
from tinyflow.recipes.schema.part import Part
from tinyflow.recipes.suggest import hint_for
from tinyflow.recipes.suite import expand

Look = Callable[[Catalogue, Recipe], Iterable[Callable[[], object]]]  # what may raise, of one recipe


def check_all(catalogue: Catalogue, mirrors: Mirrors | None = None, more: Look = lambda catalogue, recipe: ()) -> None:
    """RecipeError with all that is wrong with any recipe in the catalogue's folders, one line or more for each.

    `more` gives further checks, of a recipe whose names and files are right.
    """
    faults = [f"{spell_path(path)}: {why}" for path, why in _strays(catalogue)]
    for kind in KINDS:
        for name in catalogue.names(kind):
            found = _faults(catalogue, kind, name)
            if not found:
                recipe = catalogue.get(kind, name)
                found = _raised(_files(catalogue, recipe, mirrors or Mirrors())) or _raised(more(catalogue, recipe))
            faults += found
    if faults:
        raise RecipeError("\n".join(dict.fromkeys(faults)))


def _raised(checks: Iterable[Callable[[], object]]) -> list[str]:
    """What these checks refuse, each once."""
    found: list[str] = []
    for check in checks:
        try:
            check()
        except TinyflowError as error:
            found.append(str(error))
    return list(dict.fromkeys(found))


def _files(catalogue: Catalogue, recipe: Recipe, mirrors: Mirrors) -> Iterator[Callable[[], object]]:
    """Whether what a recipe names is there: files, folders, a processor, benches."""
    if isinstance(recipe, Runtime):
        yield from _of_runtime(catalogue, recipe)
    elif isinstance(recipe, Backend):
        yield partial(files_of, catalogue, recipe)
        if recipe.engine is not None:
            yield partial(adapter_of, catalogue, recipe)
        yield partial(_check_linked, catalogue, recipe)
    elif isinstance(recipe, Frontend):
        yield partial(files_of, catalogue, recipe)
    elif isinstance(recipe, Target):
        yield partial(cpu_of, catalogue, recipe)
        yield partial(_check_script, catalogue, recipe)
    elif isinstance(recipe, Core):
        yield partial(whole_core, catalogue, recipe)
    elif isinstance(recipe, Feature):
        yield partial(_check_feature, catalogue, recipe)
    elif isinstance(recipe, Model):
        yield partial(_check_model, catalogue, recipe, mirrors)
    elif isinstance(recipe, Suite):
        for bench in expand(catalogue, recipe.name):
            yield partial(_check_bench, catalogue, recipe, bench)


def _of_runtime(catalogue: Catalogue, runtime: Runtime) -> Iterator[Callable[[], object]]:
    yield partial(headers_of, catalogue, runtime)
    yield lambda: used_by(catalogue, catalogue.chain(runtime))
    yield partial(sources_of, catalogue, runtime, runtime.sources)
    yield partial(_check_prebuilt, catalogue, runtime)
    yield partial(_check_excluded, catalogue, runtime)
    yield partial(files_of, catalogue, runtime)


def _check_linked(catalogue: Catalogue, backend: Backend) -> None:
    """Whether what a backend's runtimes use is linked with them."""
    missing = missing_for(catalogue, [catalogue.get(Runtime, name) for name in backend.runtimes])
    if missing is not None:
        runtime, used = missing
        what = f'runtime {runtime.name} uses "{used.name}", which is not linked'
        steps = ("runtimes", backend.runtimes.index(runtime.name))
        catalogue.refuse(Backend, backend.name, steps, what, f"add {used.name} to `runtimes`")


def _check_excluded(catalogue: Catalogue, runtime: Runtime) -> None:
    """Only here: an archive has no file that nobody needs."""
    for index, pattern in enumerate(runtime.exclude):
        if not any(any(folder_of(catalogue, one).glob(pattern)) for one in catalogue.chain(runtime)):
            what, hint = f'no file matches "{pattern}"', "leave it out"
            catalogue.refuse(Runtime, runtime.name, ("exclude", index), what, hint)


def _check_prebuilt(catalogue: Catalogue, runtime: Runtime) -> None:
    for file in prebuilt_of(catalogue, runtime, runtime.prebuilt):
        found = sha256(file.path.read_bytes()).hexdigest()
        if found != file.sha256:
            where = place_of_prebuilt(catalogue, file.owner.name, file.name)
            raise RecipeError(
                f"{file.name} has another digest: {found}", where=where, hint="write it there if it is right"
            )


def _check_script(catalogue: Catalogue, target: Target) -> None:
    try:
        catalogue.data_file(target.linker_script)
    except RecipeError as error:
        error.where = catalogue.where(Target, target.name, "linker_script")
        raise


def _check_feature(catalogue: Catalogue, feature: Feature) -> None:
    """What no name of another recipe tells: toolchains by value, features of processors, conflicting values."""
    chosen = feature.sets.toolchain
    for index, name in enumerate(feature.values if chosen == "$value" else filter(None, [chosen])):
        catalogue.named(Toolchain, name, feature, *(("values", index) if chosen == "$value" else ("sets", "toolchain")))
    known = {word for name in catalogue.names(Processor) for word in catalogue.get(Processor, name).features}
    parts: list[tuple[tuple[str, ...], Requirements, tuple[str, ...]]] = [((), feature.requires, feature.conflicts)]
    parts += [(("cases", value), case.requires, case.conflicts) for value, case in feature.cases.items()]
    for path, needs, conflicts in parts:
        for index, word in enumerate(needs.cpu_features):
            if word not in known:
                steps, hint = (*path, "requires", "cpu_features", index), hint_for(word, known, "features")
                catalogue.refuse(Feature, feature.name, steps, f'no processor has "{word}"', hint)
        for index, word in enumerate(conflicts):
            other, dot, value = word.partition(".")
            values = catalogue.get(Feature, other).values
            if dot and value not in values:
                steps, what = (*path, "conflicts", index), f'{other} has no value "{value}"'
                catalogue.refuse(Feature, feature.name, steps, what, hint_for(value, values, "values"))


def _check_model(catalogue: Catalogue, model: Model, mirrors: Mirrors) -> None:
    """A user's own file and samples; what can be downloaded or made need not be there."""
    folder = catalogue.path(Model, model.name).parent
    if model.chain:
        parts_of(catalogue, model)
        return
    if model.urls or model.synthesize is not None:
        return
    hint = "it lies beside the recipe, or below a folder of TINYFLOW_MIRRORS"
    if find_model(model, folder, mirrors) is None:
        catalogue.refuse(Model, model.name, ["file"], f'there is no file "{model.file}"', hint)
    if model.samples.folder is not None and not find_samples(model, folder, mirrors):
        what = f'there is no file "{model.samples.folder}/0.bin", the first sample'
        catalogue.refuse(Model, model.name, ("samples", "folder"), what, hint)


def _check_bench(catalogue: Catalogue, suite: Suite, bench: Bench) -> None:
    try:
        resolve(bench, catalogue)
    except UsageError as error:
        group = "include" if str(bench) in suite.include else "matrix"
        steps = (group, suite.include.index(str(bench))) if group == "include" else (group,)
        catalogue.refuse(Suite, suite.name, steps, f"{bench}: {error.what}", error.hint.rpartition("\n")[2])


def _faults(catalogue: Catalogue, kind: type[Recipe], name: str) -> list[str]:
    try:
        recipe = catalogue.get(kind, name)
        dangling = [
            f"{catalogue.where(kind, name, *path)}: unknown {KINDS[other].noun} "
            f'"{named}"; {hint_for(named, catalogue.names(other), KINDS[other].plural)}'
            for other, named, path in _references(recipe)
            if not catalogue.has(other, named)
        ]
        if not dangling and isinstance(recipe, Suite):
            expand(catalogue, name)
    except RecipeError as error:
        return [str(error)]
    return dangling


# Where recipes and their parts name others: a text, texts, or what a mapping leads from and to.
_NAMED: dict[type[Part], dict[str, type[Recipe]]] = {
    Backend: {"runtimes": Runtime, "targets": Target},
    Target: {"toolchain": Toolchain, "cpu": Processor, "backend_options": Backend},
    Core: {"extends": Core},
    Runtime: {"extends": Runtime, "depends": Runtime},
    Feature: {"conflicts": Feature},
    Case: {"conflicts": Feature},
    Settings: {"runtimes": Runtime, "links": Runtime},
    Requirements: {"backends": Backend, "targets": Target, "toolchains": Toolchain},
    Published: {"figures": Figures},
    Matrix: {"models": Model, "backends": Backend, "targets": Target, "features": Feature},
}


def _references(part: Part, *path: str | int) -> Iterator[tuple[type[Recipe], str, tuple[str | int, ...]]]:
    """Kind and name of every other recipe that a recipe or a part of one names, and where."""
    for field, value in vars(part).items():
        kind = _NAMED.get(type(part), {}).get(field)
        for found, place in _leaves(value, (*path, field)):
            if isinstance(found, Part):
                yield from _references(found, *place)
            elif kind is Feature:
                yield kind, found.partition(".")[0], place
            elif kind is not None:
                yield kind, found, place


def _leaves(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[Any, tuple[str | int, ...]]]:
    """Texts and parts in a value, and where; what a mapping leads to stands where its key does."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield key, (*path, key)
            yield from _leaves(item if isinstance(item, (str, Part)) else (), (*path, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    elif value is not None:
        yield value, path


def _strays(catalogue: Catalogue) -> Iterator[tuple[Path, str]]:
    """Files that look like recipes but are never read, and why."""
    plurals = {kind.plural: kind for kind in KINDS.values()}
    for path in sorted(path for folder in catalogue.folders for path in folder.glob("*/*.y*ml")):
        if path.parent.name not in plurals:
            yield (
                path,
                f'no recipes are looked for in "{path.parent.name}"; {hint_for(path.parent.name, plurals, "folders")}',
            )
        elif path.suffix != ".yaml":
            yield path, "a recipe's file ends in .yaml"
        elif not plurals[path.parent.name].name.fullmatch(path.stem):
            yield path, "a recipe's name is made of a-z, 0-9 and _, so that bench names can spell it"
