"""Suites to benches: a matrix, more benches by name, less those that a pattern leaves out; in the recipe's order."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import product

from tinyflow.core.errors import RecipeError, UsageError
from tinyflow.recipes.bench import Bench, parse
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Figures, Matrix, Published, Suite
from tinyflow.recipes.suggest import hint_for


def expand(catalogue: Catalogue, name: str) -> tuple[Bench, ...]:
    """The benches of a suite, each once. RecipeError for a name that is none and a pattern that leaves out nothing."""
    suite = catalogue.get(Suite, name)
    found = combine(suite.matrix) if suite.matrix is not None else []
    found += [(text, ("include", index)) for index, text in enumerate(suite.include)]
    benches = [_parse(catalogue, suite, text, path) for text, path in found]
    kept = list(dict.fromkeys(benches))
    for index, pattern in enumerate(suite.exclude):
        left = [bench for bench in kept if not fnmatchcase(str(bench), pattern)]
        if len(left) == len(kept):
            what, hint = f'"{pattern}" leaves out nothing', "correct the pattern or remove it"
            catalogue.refuse(Suite, name, ("exclude", index), what, hint)
        kept = left
    for pattern in suite.refused:
        if not any(fnmatchcase(str(bench), pattern) for bench in kept):
            what, hint = f'"{pattern}" is none of its benches', "correct the pattern or remove it"
            catalogue.refuse(Suite, name, ("refused", pattern), what, hint, is_key=True)
    return tuple(kept)


def expects(suite: Suite, bench: str, reason: str) -> bool:
    """Whether a suite's recipe says that a bench may have no result for this reason."""
    return any(fnmatchcase(bench, pattern) and words in reason for pattern, words in suite.refused.items())


def with_published(catalogue: Catalogue, suite: Suite) -> Suite:
    """The suite with its published figures in place.

    RecipeError for a name that is none.
    """
    return replace(suite, published=tuple(_filled(catalogue, suite, index) for index in range(len(suite.published))))


def _filled(catalogue: Catalogue, suite: Suite, index: int) -> Published:
    published = suite.published[index]
    if published.figures is not None:
        if not catalogue.has(Figures, published.figures):
            hint = hint_for(published.figures, catalogue.names(Figures), "published figures")
            steps = ("published", index, "figures")
            catalogue.refuse(Suite, suite.name, steps, f'unknown figures "{published.figures}"', hint)
        found = catalogue.get(Figures, published.figures)
        published = Published(source=found.source, notes=found.notes, clocks_hz=found.clocks_hz, numbers=found.numbers)
    for name in published.numbers:
        _parse_figure(name)
    return published


def _parse_figure(name: str) -> Bench:
    try:
        return parse(name)
    except UsageError as error:
        raise RecipeError(f'published figures of "{name}": {error.what}', hint=error.hint) from error


def combine(matrix: Matrix) -> list[tuple[str, tuple[str | int, ...]]]:
    """Every combination as text, and which part of the recipe it comes from."""
    return [
        ("+".join(["-".join(point), *features]), ("matrix", "features", index))
        for *point, (index, features) in product(
            matrix.models, matrix.backends, matrix.targets, enumerate(matrix.features)
        )
    ]


def _parse(catalogue: Catalogue, suite: Suite, text: str, path: tuple[str | int, ...]) -> Bench:
    try:
        return parse(text)
    except UsageError as error:
        catalogue.refuse(Suite, suite.name, path, f'"{text}": {error.what}', error.hint)
