"""Backend options, checked before anything runs: a refusal names the line of the recipe that sets the option."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tinyflow.backends.options import Options, options_of, typed
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import ResolvedBench
from tinyflow.recipes.schema import Backend, Feature, Runtime, Target
from tinyflow.recipes.suggest import did_you_mean, hint_for

_TINYNN = "tinynn"  # in whose kernels' places others stand


def check_options(resolved: ResolvedBench, catalogue: Catalogue) -> ResolvedBench:
    """The bench with its options in the types that they are to have.

    RecipeError for an option that doesn't exist or can't have its value, UsageError where that is the target's.
    """
    for runtime in resolved.runtimes:
        check_kernels(catalogue, runtime)
    own, lowering = known_options(resolved.backend, catalogue)
    return replace(
        resolved,
        options=_checked(resolved, catalogue, resolved.options, own, resolved.lowering_options),
        lowering_options=_checked(resolved, catalogue, resolved.lowering_options, lowering),
    )


def check_kernels(catalogue: Catalogue, runtime: Runtime) -> None:
    """RecipeError for an entry of a runtime's `kernels` that no layer could have."""
    for index, kernel in enumerate(runtime.kernels):
        from tinyflow.backends.tinyc.own_kernels import OwnKernel  # with numpy

        header = catalogue.path(Runtime, _TINYNN).with_name("include") / "tinynn.h"
        found = OwnKernel(**kernel.given()).complaint(header.read_text(encoding="utf-8"))
        if found is not None:
            key, what, hint = found
            catalogue.refuse(Runtime, runtime.name, ("kernels", index, key), what, hint)


def known_options(backend: Backend, catalogue: Catalogue) -> tuple[Options, Options]:
    """What a backend takes, and what its lowering does. RecipeError for a module that isn't there."""
    found: list[Options] = []
    for part, path in ((backend, ()), (backend.lowering, ("lowering",))):
        if part is None:
            found.append({})
            continue
        try:
            found.append(options_of(part.implementation, part.options))
        except Exception as error:  # whatever somebody's module raises
            what = f"the module {part.implementation} can't be imported: {error}"
            hint = "install it, or put its folder on PYTHONPATH"
            catalogue.refuse(Backend, backend.name, (*path, "implementation"), what, hint)
    return found[0], found[1]


def complaint(backend: str, name: str, value: Any, known: Options, also: Iterable[str] = ()) -> tuple[str, str] | None:
    """What is wrong with an option, and what to type instead; `also` has more names to choose from."""
    if name not in known:
        return f"backend {backend} has no option {name}", hint_for(name, {*known, *also}, "its options")
    try:
        typed(value, known[name])
    except ValueError as error:
        allowed = known[name]
        words = [one for one in allowed if isinstance(one, str)] if isinstance(allowed, tuple) else []
        near = did_you_mean(str(value), words)
        return f"backend {backend}: {name} can't be {value!r}", f"{near} {error}".lstrip()
    return None


def _checked(
    resolved: ResolvedBench,
    catalogue: Catalogue,
    options: Mapping[str, Any],
    known: Options,
    also: Iterable[str] = (),
) -> dict[str, Any]:
    for name, value in options.items():
        found = complaint(resolved.backend.name, name, value, known, also)
        if found is not None:
            _refuse(resolved, catalogue, name, *found, is_unknown=name not in known)
    return {name: typed(value, known[name]) for name, value in options.items()}


def _refuse(
    resolved: ResolvedBench, catalogue: Catalogue, name: str, what: str, hint: str, *, is_unknown: bool
) -> None:
    """Raise the refusal of an option at the place that sets it: a feature's recipe, the target's, the backend's."""
    for feature in resolved.features:
        if name in catalogue.get(Feature, feature).sets.options:
            catalogue.refuse(Feature, feature, ("sets", "options", name), what, hint, is_key=is_unknown)
    backend = resolved.backend
    if name in resolved.target_options:
        steps = ("backend_options", backend.name, name)
        catalogue.refuse(Target, resolved.target.name, steps, what, hint, is_key=is_unknown)
    path: tuple[str, ...] = ("options", name)
    declared = backend.options
    if backend.lowering is not None and name in backend.lowering.options:
        path, declared = ("lowering", *path), backend.lowering.options
    if not is_unknown and str(declared.get(name)).startswith("$"):  # the target's or toolchain's
        resolved.bench.refuse(what, at="target", hint=hint)
    catalogue.refuse(Backend, backend.name, path, what, hint, is_key=is_unknown)
