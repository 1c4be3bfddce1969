"""Finds recipes by kind and name in the recipe folders, and loads only those that are asked for.

The first folder that has a name wins: those of `TINYFLOW_RECIPES` (colon-separated, from left to right), then
`recipes/` of the project's folder, then the built-in ones. So a user's recipe hides the built-in one of its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar, cast

import tinyflow
from tinyflow.core.errors import RecipeError, UsageError
from tinyflow.recipes.memo import Memo, take_stamp
from tinyflow.recipes.schema import (
    Backend,
    Core,
    Feature,
    Figures,
    Frontend,
    Model,
    Processor,
    Recipe,
    Runtime,
    Suite,
    Target,
    Toolchain,
)
from tinyflow.recipes.suggest import hint_for

R = TypeVar("R", bound=Recipe)

# Bench names spell all names but those of processors, which are the makers'.
_NAME = re.compile("[a-z0-9_]+")
_PROCESSOR = re.compile("[a-z0-9_-]+")


class Kind(NamedTuple):
    """How a kind of recipe is spoken of and where its files lie."""

    noun: str
    plural: str  # the folder's name too
    pattern: str  # of a recipe's file within that folder
    name: re.Pattern[str] = _NAME


KINDS: dict[type[Recipe], Kind] = {
    Model: Kind("model", "models", "{}.yaml"),
    Frontend: Kind("frontend", "frontends", "{}.yaml"),
    Backend: Kind("backend", "backends", "{}.yaml"),
    Runtime: Kind("runtime", "runtimes", "{}/runtime.yaml"),
    Target: Kind("target", "targets", "{}.yaml"),
    Processor: Kind("processor", "processors", "{}.yaml", _PROCESSOR),
    Core: Kind("core", "cores", "{}.yaml", _PROCESSOR),
    Toolchain: Kind("toolchain", "toolchains", "{}.yaml"),
    Feature: Kind("feature", "features", "{}.yaml"),
    Suite: Kind("suite", "suites", "{}.yaml"),
    Figures: Kind("figures", "published", "{}.yaml"),
}


def data_folder() -> Path:
    """Where `recipes/` and `templates/` lie: in the installed package, or beside it in a checkout."""
    package = Path(tinyflow.__file__).resolve().parent
    installed = package / "_data"
    return installed if installed.is_dir() else package.parent


def project_root(start: Path) -> Path | None:
    """The nearest folder upwards that has recipes of its own."""
    return next((folder for folder in (start, *start.parents) if _has_kinds(folder / "recipes")), None)


def _has_kinds(folder: Path) -> bool:
    return any((folder / kind.plural).is_dir() for recipe, kind in KINDS.items() if recipe is not Figures)


def recipe_folders(environment: Mapping[str, str], root: Path) -> tuple[Path, ...]:
    """The recipe folders in the order of search. UsageError for a wrong `TINYFLOW_RECIPES`."""
    text = environment.get("TINYFLOW_RECIPES", "")
    if "://" in text:
        raise UsageError("TINYFLOW_RECIPES names an address, and may name folders alone", hint="correct or unset it")
    named = [Path.cwd() / folder for folder in text.split(":") if folder]
    for folder in named:
        if not folder.is_dir():
            raise UsageError(f"TINYFLOW_RECIPES names {folder}, which is not a folder", hint="correct or unset it")
        if _has_kinds(folder / "recipes") and not _has_kinds(folder):
            raise UsageError(f"TINYFLOW_RECIPES names {folder}, which has none", hint=f"name {folder / 'recipes'}")
    local = root / "recipes"
    found = [*named, *([local] if local.is_dir() else []), data_folder() / "recipes"]
    return tuple(dict.fromkeys(folder.resolve() for folder in found))


class Catalogue:
    """All recipes that can be named. One object reads each file once."""

    def __init__(self, folders: Sequence[Path], memo_folder: Path | None = None) -> None:
        self.folders = tuple(folders)
        self._memo = Memo(memo_folder) if memo_folder is not None else None
        self._found: dict[tuple[type[Recipe], str], Path] = {}
        self._loaded: dict[tuple[type[Recipe], str], Recipe] = {}
        self._typed: dict[tuple[type[Recipe], str], Recipe] = {}

    def names(self, kind: type[Recipe]) -> tuple[str, ...]:
        """Names of all recipes of a kind, sorted, without those that no bench can spell; see `check`."""
        _, plural, pattern, spelled = KINDS[kind]
        paths = (path for folder in self.folders for path in (folder / plural).glob(pattern.format("*")))
        found = {path.parent.name if "/" in pattern else path.stem for path in paths}
        return tuple(sorted(name for name in found if spelled.fullmatch(name)))

    def afresh(self) -> Catalogue:
        """The same recipes, none of them read yet."""
        fresh = Catalogue(self.folders)
        fresh._memo, fresh._typed = self._memo, self._typed
        return fresh

    @property
    def used(self) -> tuple[Path, ...]:
        """The files of all recipes that were asked for, sorted."""
        return tuple(sorted(self.path(kind, name) for kind, name in self._loaded))

    def has(self, kind: type[Recipe], name: str) -> bool:
        """Whether there is such a recipe; it is not read."""
        return (kind, name) in self._typed or self._find(kind, name) is not None

    def add(self, recipe: Recipe) -> None:
        """Know a recipe that has no file, but was typed. UsageError where there is one of its name."""
        kind, name = type(recipe), recipe.name
        if not KINDS[kind].name.fullmatch(name):
            raise UsageError(
                f'"{name}" can\'t be the name of a {KINDS[kind].noun}', hint="it is made of a-z, 0-9 and _"
            )
        if (path := self._find(kind, name)) is not None:
            raise UsageError(f"there is a {KINDS[kind].noun} {name}: {spell_path(path)}", hint="take another name")
        self._typed[kind, name] = recipe

    def path(self, kind: type[Recipe], name: str) -> Path:
        """The recipe's file. UsageError for an unknown name."""
        path = self._find(kind, name)
        if path is None:
            noun, plural, *_ = KINDS[kind]
            raise UsageError(f'unknown {noun} "{name}"', hint=hint_for(name, self.names(kind), plural))
        return path

    def get(self, kind: type[R], name: str) -> R:
        """One recipe. UsageError for an unknown name, RecipeError for a file that is wrong."""
        key = (kind, name)
        if key in self._typed:
            return cast(R, self._typed[key])
        if key not in self._loaded:
            self._loaded[key] = self._load(kind, name)
        return cast(R, self._loaded[key])

    def where(self, kind: type[Recipe], name: str, *path: Any, is_key: bool = False) -> str:
        """`file:line:column` of a value within a recipe, or of its key, for errors that only show when recipes meet."""
        from tinyflow.recipes import yaml

        file = self.path(kind, name)
        document = yaml.parse(file.read_bytes())
        place = document.keys.get(path) if is_key else None
        place = place or document.place(path)
        return f"{spell_path(file)}:{place.line}:{place.column}"

    def refuse(
        self, kind: type[Recipe], name: str, path: Sequence[Any], what: str, hint: str = "", *, is_key: bool = False
    ) -> NoReturn:
        """Raise RecipeError at a value within a recipe, or at its key."""
        raise RecipeError(what, where=self.where(kind, name, *path, is_key=is_key), hint=hint)

    def named(self, kind: type[R], name: str, by: Recipe, *path: Any) -> R:
        """The recipe that another one names at a place. RecipeError where there is none."""
        if not self.has(kind, name):
            noun, plural, *_ = KINDS[kind]
            hint = hint_for(name, self.names(kind), plural)
            self.refuse(type(by), by.name, path, f'unknown {noun} "{name}"', hint)
        return self.get(kind, name)

    def chain(self, recipe: R) -> list[R]:
        """A recipe, the one that it `extends`, and so on. RecipeError for a chain without an end."""
        found, kind = [recipe], type(recipe)
        while (extended := getattr(found[-1], "extends")) is not None:  # noqa: B009 (not every kind has it)
            if extended in (one.name for one in found):
                noun = KINDS[kind].noun
                way = "" if found[-1].name == extended else f", by way of {found[-1].name}"
                what, hint = f"a {noun} can't extend itself{way}", f"name the {noun} that it changes"
                self.refuse(kind, extended, ["extends"], what, hint)
            found.append(self.named(kind, extended, found[-1], "extends"))
        return found

    def data_file(self, relative: str) -> Path:
        """A file that a recipe names, such as `templates/link/x.ld`: beside the first recipe folder that has it."""
        for folder in (*(folder.parent for folder in self.folders), data_folder()):
            if (folder / relative).is_file():
                return folder / relative
        raise RecipeError(
            f'there is no file "{relative}"', hint="looked beside: " + ", ".join(map(spell_path, self.folders))
        )

    def _find(self, kind: type[Recipe], name: str) -> Path | None:
        _, plural, pattern, spelled = KINDS[kind]
        if (kind, name) not in self._found and spelled.fullmatch(name):
            paths = (folder / plural / pattern.format(name) for folder in self.folders)
            if (path := next(filter(Path.is_file, paths), None)) is not None:
                self._found[kind, name] = path
        return self._found.get((kind, name))

    def _load(self, kind: type[R], name: str) -> R:
        path = self.path(kind, name)
        known = self._memo.load(kind, path) if self._memo else None
        if known is not None:
            return known
        from tinyflow.recipes.validate import validate

        stamp = take_stamp(path)  # before it is read: a change in between makes the entry useless, not wrong
        try:
            content = path.read_bytes()
        except OSError as error:
            raise RecipeError(f"can't be read: {error.strerror}", where=spell_path(path)) from error
        recipe = validate(kind, name, content, spell_path(path))
        if self._memo is not None:
            self._memo.store(path, stamp, recipe)
        return recipe


def spell_path(path: Path) -> str:
    """A path as errors show it: relative where it lies below the working directory."""
    working_folder = Path.cwd()
    return str(path.relative_to(working_folder) if path.is_relative_to(working_folder) else path)
