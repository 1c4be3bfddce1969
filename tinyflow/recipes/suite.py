"""Suites to benches: a matrix, more benches by name, less those that a pattern leaves out; in the recipe's order."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import product

from tinyflow.core.errors import RecipeError, UsageError
from tinyflow.recipes.bench import Bench, parse
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Matrix, Suite


def expand(catalogue: Catalogue, name: str) -> tuple[Bench, ...]:
    """The benches of a suite, each once. RecipeError for a name that is none and a pattern that leaves out nothing."""
    suite = catalogue.get(Suite, name)
    found = _combine(suite.matrix) if suite.matrix is not None else []
    benches = [_parse(catalogue, suite, text, path) for text, path in [*found, *_included(suite)]]
    kept = list(dict.fromkeys(benches))
    for index, pattern in enumerate(suite.exclude):
        left = [bench for bench in kept if not fnmatchcase(str(bench), pattern)]
        if len(left) == len(kept):
            where = catalogue.where(Suite, name, "exclude", index)
            raise RecipeError(f'"{pattern}" leaves out nothing', where=where, hint="correct the pattern or remove it")
        kept = left
    return tuple(kept)


def _combine(matrix: Matrix) -> list[tuple[str, tuple[str | int, ...]]]:
    """Every combination as text, and which part of the recipe it comes from."""
    return [
        ("+".join(["-".join(point), *features]), ("matrix", "features", index))
        for *point, (index, features) in product(
            matrix.models, matrix.backends, matrix.targets, enumerate(matrix.features)
        )
    ]


def _included(suite: Suite) -> list[tuple[str, tuple[str | int, ...]]]:
    return [(text, ("include", index)) for index, text in enumerate(suite.include)]


def _parse(catalogue: Catalogue, suite: Suite, text: str, path: tuple[str | int, ...]) -> Bench:
    try:
        return parse(text)
    except UsageError as error:
        where = catalogue.where(Suite, suite.name, *path)
        raise RecipeError(f'"{text}": {error.what}', where=where, hint=error.hint) from error
