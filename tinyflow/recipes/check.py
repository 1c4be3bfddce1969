"""All recipes at once: every file is right, lies where it is read, and names only recipes that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tinyflow.core.errors import RecipeError
from tinyflow.recipes.catalogue import KINDS, Catalogue, spell_path
from tinyflow.recipes.schema import (
    Backend,
    Feature,
    Figures,
    Matrix,
    Model,
    Recipe,
    Requirements,
    Runtime,
    Suite,
    Target,
    Toolchain,
)
from tinyflow.recipes.suggest import hint_for
from tinyflow.recipes.suite import expand


def check_all(catalogue: Catalogue) -> None:
    """RecipeError with all that is wrong with any recipe in the catalogue's folders, one line or more for each."""
    faults = [f"{spell_path(path)}: {why}" for path, why in _strays(catalogue)]
    for kind in KINDS:
        for name in catalogue.names(kind):
            faults += _faults(catalogue, kind, name)
    if faults:
        raise RecipeError("\n".join(faults))


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


_Reference = tuple[type[Recipe], str, tuple[str | int, ...]]  # kind and name of another recipe, and where it is named


def _references(recipe: Recipe) -> Iterator[_Reference]:
    if isinstance(recipe, Backend):
        yield from _each(Runtime, recipe.runtimes, "runtimes")
        yield from _each(Target, recipe.targets, "targets")
    elif isinstance(recipe, Target):
        yield Toolchain, recipe.toolchain, ("toolchain",)
        for name in recipe.backend_options:
            yield Backend, name, ("backend_options", name)
    elif isinstance(recipe, Runtime):
        if recipe.base is not None:
            yield Runtime, recipe.base, ("base",)
        yield from _each(Runtime, recipe.uses, "uses")
    elif isinstance(recipe, Feature):
        for name, other in recipe.sets.runtimes.items():
            yield Runtime, other, ("sets", "runtimes", name)
        yield from _of_requirements(recipe.requires, recipe.conflicts)
        for value, case in recipe.cases.items():
            yield from _of_requirements(case.requires, case.conflicts, "cases", value)
    elif isinstance(recipe, Suite):
        for index, published in enumerate(recipe.published):
            if published.figures is not None:
                yield Figures, published.figures, ("published", index, "figures")
        if recipe.matrix is not None:
            yield from _of_matrix(recipe.matrix)


def _of_requirements(needs: Requirements, conflicts: tuple[str, ...], *path: str) -> Iterator[_Reference]:
    yield from _each(Backend, needs.backends, *path, "requires", "backends")
    yield from _each(Target, needs.targets, *path, "requires", "targets")
    yield from _each(Toolchain, needs.toolchains, *path, "requires", "toolchains")
    yield from _each(Feature, tuple(word.partition(".")[0] for word in conflicts), *path, "conflicts")


def _of_matrix(matrix: Matrix) -> Iterator[_Reference]:
    yield from _each(Model, matrix.models, "matrix", "models")
    yield from _each(Backend, matrix.backends, "matrix", "backends")
    yield from _each(Target, matrix.targets, "matrix", "targets")
    for index, features in enumerate(matrix.features):
        names = tuple(word.partition(".")[0] for word in features)
        yield from _each(Feature, names, "matrix", "features", index)


def _each(kind: type[Recipe], names: tuple[str, ...], *path: str | int) -> Iterator[_Reference]:
    return ((kind, name, (*path, index)) for index, name in enumerate(names))


def _strays(catalogue: Catalogue) -> Iterator[tuple[Path, str]]:
    """Files that look like recipes but are never read, and why."""
    plurals = [kind.plural for kind in KINDS.values()]
    for path in sorted(path for folder in catalogue.folders for path in folder.glob("*/*.y*ml")):
        if path.parent.name not in plurals:
            yield (
                path,
                f'no recipes are looked for in "{path.parent.name}"; {hint_for(path.parent.name, plurals, "folders")}',
            )
        elif path.suffix != ".yaml":
            yield path, "a recipe's file ends in .yaml"
        elif not re.fullmatch("[a-z0-9_]+", path.stem):
            yield path, "a recipe's name is made of a-z, 0-9 and _, so that bench names can spell it"
