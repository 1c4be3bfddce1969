"""What goes with what: backends, targets and features, by what recipes and options say. Nothing is planned or built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, cached_property

from tinyflow.core.errors import RecipeError, UsageError
from tinyflow.flow.planning.options import check_options, known_options
from tinyflow.recipes.bench import Bench
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import resolve
from tinyflow.recipes.schema import Backend, Feature, Model, Target

# of a feature that takes any value of a kind, one that most take
_VALUES = {"integer": "1", "size": "512KiB", "grid": "2"}
# what a feature sets that an interpreter on this machine sees: the model itself
_OF_MODELS = frozenset({"layer", "patch", "quantised", "tidy", "transforms"})

Features = tuple[tuple[str, str | None], ...]


class Matching:
    """Asks `resolve` about combinations, each once; no model's file is looked at."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._model = catalogue.names(Model)[0]  # whichever: its name alone is needed

    @cached_property
    def pairs(self) -> Mapping[str, tuple[str, ...]]:
        """Backend → the targets that it compiles for or runs on."""
        names = self._catalogue.names(Target)
        return {
            backend: tuple(target for target in names if self._goes(Bench(self._model, backend, target, ())))
            for backend in self._catalogue.names(Backend)
        }

    @cache  # noqa: B019 (one for each command)
    def takers(self, feature: str) -> Mapping[str, tuple[str, ...]]:
        """Backend → the targets on which it takes a feature, with one value or another; none that takes it on none."""
        recipe = self._catalogue.get(Feature, feature)
        of_models = _OF_MODELS & {key for key, _ in recipe.sets.given()}
        found = {}
        for backend, targets in self.pairs.items():
            asked = self._catalogue.get(Backend, backend)
            if (asked.machine is None or of_models) and self._may_take(asked, recipe):
                benches = {target: self._variants(recipe, backend, target) for target in targets}
                if taken := tuple(name for name, each in benches.items() if any(map(self._goes, each))):
                    found[backend] = taken
        return found

    def _may_take(self, backend: Backend, feature: Feature) -> bool:
        """What can be told at a glance: asking for each target what it has no option for would take long."""
        try:
            own, lowering = known_options(backend, self._catalogue)
        except RecipeError:  # its module isn't there, which `doctor` tells
            return False
        named = feature.requires.backends
        return (not named or backend.name in named) and {*feature.sets.options} <= {*own, *lowering}

    def features(self, backend: str) -> list[str]:
        """The features that a backend takes on one target or another."""
        return [name for name in self._catalogue.names(Feature) if backend in self.takers(name)]

    def _variants(self, feature: Feature, backend: str, target: str) -> Iterator[Bench]:
        """Benches with a feature: each value, and each toolchain that it needs."""
        others: list[Features] = [(("toolchain", name),) for name in feature.requires.toolchains]
        values: list[str | None] = [*feature.values] or [_VALUES[feature.value] if feature.value else None]
        for other in others or [()]:
            yield from (Bench(self._model, backend, target, ((feature.name, value), *other)) for value in values)

    def _goes(self, bench: Bench) -> bool:
        try:
            check_options(resolve(bench, self._catalogue), self._catalogue)
        except (UsageError, RecipeError):  # of what a backend has no option for, the feature's recipe is told
            return False
        return True
