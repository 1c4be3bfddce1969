"""What only the code behind recipes can tell of them: modules that are there, options, processors, templates."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any

from tinyflow.backends.options import Options
from tinyflow.core.errors import RecipeError
from tinyflow.flow.planning.cycle_models import capabilities_of
from tinyflow.flow.planning.options import check_kernels, complaint, known_options
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import cpu_of
from tinyflow.recipes.schema import Backend, Feature, Model, Recipe, Requirements, Runtime, Target, Toolchain
from tinyflow.recipes.suggest import hint_for

_Steps = tuple[Any, ...]


def checks(catalogue: Catalogue, recipe: Recipe) -> Iterator[Callable[[], object]]:
    """Each raises RecipeError for one thing that is wrong with a recipe, at its line."""
    missing = [(module, steps, why) for module, steps in _modules(recipe) if (why := _why_missing(module)) is not None]
    for module, steps, why in missing:
        what, hint = f"there is no module {module}{why}", "install it, or put its folder on PYTHONPATH"
        yield partial(catalogue.refuse, type(recipe), recipe.name, steps, what, hint)
    if missing:
        return
    if isinstance(recipe, Backend):
        yield partial(_check_backend, catalogue, recipe)
    elif isinstance(recipe, Runtime):
        yield partial(check_kernels, catalogue, recipe)
    elif isinstance(recipe, Feature):
        yield from _of_feature(catalogue, recipe)
    elif isinstance(recipe, Target):
        yield partial(_check_target, catalogue, recipe)
        for name, options in recipe.backend_options.items():
            backend = catalogue.get(Backend, name)
            yield partial(_check_options, catalogue, recipe, backend, options, ("backend_options", name))
    elif isinstance(recipe, Model) and recipe.synthesize is not None:
        yield partial(_check_graph, catalogue, recipe)


def _modules(recipe: Recipe) -> Iterator[tuple[str | None, _Steps]]:
    if isinstance(recipe, Backend):
        yield from ((getattr(recipe, name), (name,)) for name in ("implementation", "machine", "tuning"))
        if recipe.lowering is not None:
            yield recipe.lowering.implementation, ("lowering", "implementation")
    elif isinstance(recipe, (Target, Toolchain)):
        yield recipe.implementation, ("implementation",)
    elif isinstance(recipe, Feature):
        for index, name in enumerate(recipe.sets.transforms):
            yield f"tinyflow.stages.{name}", ("sets", "transforms", index)


def _why_missing(module: str | None) -> str | None:
    """Why a module can't be found; None where it can."""
    try:
        return None if not module or find_spec(module) is not None else ""
    except Exception as error:  # somebody's package fails when it is imported
        return f": {error}"


def _check_backend(catalogue: Catalogue, backend: Backend) -> None:
    own, lowering = known_options(backend, catalogue)
    parts: list[tuple[Mapping[str, Any], Options, _Steps]] = [(backend.options, own, ("options",))]
    if backend.lowering is not None:
        parts.append((backend.lowering.options, lowering, ("lowering", "options")))
    for options, known, steps in parts:
        # what stands for a fact of the bench has its value only there
        checked = {
            name: value for name, value in options.items() if not str(value).startswith("$") or name not in known
        }
        _refuse_wrong(catalogue, backend, backend, checked, known, steps)


def _check_options(
    catalogue: Catalogue, recipe: Recipe, backend: Backend, options: Mapping[str, Any], steps: _Steps
) -> None:
    """Options that another recipe sets for a backend."""
    own, lowering = known_options(backend, catalogue)
    _refuse_wrong(catalogue, recipe, backend, options, {**lowering, **own}, steps)


def _refuse_wrong(
    catalogue: Catalogue, recipe: Recipe, backend: Backend, options: Mapping[str, Any], known: Options, steps: _Steps
) -> None:
    for name, value in options.items():
        if found := complaint(backend.name, name, value, known):
            catalogue.refuse(type(recipe), recipe.name, (*steps, name), *found, is_key=name not in known)


def _of_feature(catalogue: Catalogue, feature: Feature) -> Iterator[Callable[[], object]]:
    """Options must suit every backend that the feature asks for; where it asks for none, one of all."""
    spelled: list[tuple[str | None, Requirements]] = [(None, feature.requires)]
    if feature.values:
        cases = feature.cases
        spelled = [(value, cases[value].requires if value in cases else feature.requires) for value in feature.values]
    for value, requires in spelled:
        options = {name: value if wanted == "$value" else wanted for name, wanted in feature.sets.options.items()}
        if feature.value:
            options = {name: wanted for name, wanted in options.items() if wanted is not None}
        names = requires.backends or feature.requires.backends
        for name in names:
            backend = catalogue.get(Backend, name)
            yield partial(_check_options, catalogue, feature, backend, options, ("sets", "options"))
        if not names:
            yield partial(_check_any, catalogue, feature, options)


def _check_any(catalogue: Catalogue, feature: Feature, options: Mapping[str, Any]) -> None:
    """Whether at least one backend takes each of these options."""
    known: dict[str, Options] = {}
    for backend in catalogue.names(Backend):
        with contextlib.suppress(RecipeError):  # told of the backend itself
            own, lowering = known_options(catalogue.get(Backend, backend), catalogue)
            known[backend] = {**lowering, **own}
    for name, value in options.items():
        takers = [backend for backend, of_it in known.items() if name in of_it]
        if not takers:
            every = {option for of_it in known.values() for option in of_it}
            what, hint = f"no backend has an option {name}", hint_for(name, every, "options")
            catalogue.refuse(Feature, feature.name, ("sets", "options", name), what, hint, is_key=True)
        complaints = [complaint(backend, name, value, known[backend]) for backend in takers]
        if (found := complaints[0]) is not None and all(complaints):
            catalogue.refuse(Feature, feature.name, ("sets", "options", name), *found)


def _check_target(catalogue: Catalogue, target: Target) -> None:
    """The processor as the machine sees it, and the linker's script with the target's memory in it."""
    from tinyflow.toolchains import script

    capabilities_of(catalogue, target)
    memory = [
        {name: getattr(one, name) for name in ("name", "kind", "origin", "length_bytes")} for one in target.memory
    ]
    facts = {"name": target.name, "memory": memory, "stack_bytes": target.reserved_stack_bytes}
    try:
        template = catalogue.data_file(target.linker_script)
        script.render(template, {**facts, "heap_bytes": target.heap_bytes}, cpu_of(catalogue, target).isa)
    except RecipeError as error:
        what = f"{target.linker_script}: {error.what}"
        catalogue.refuse(Target, target.name, ["linker_script"], what, error.hint)


def _check_graph(catalogue: Catalogue, model: Model) -> None:
    from tinyflow.model.zoo import graphs

    graph = "" if model.synthesize is None else model.synthesize.graph
    if graph not in graphs():
        what, hint = f'no graph is called "{graph}"', hint_for(graph, graphs(), "graphs")
        catalogue.refuse(Model, model.name, ("synthesize", "graph"), what, hint)
