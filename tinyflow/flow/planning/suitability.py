"""Will it run? Which backends take a model for which targets, why not, and what memory it will need. Builds nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from tinyflow.backends.refusals import Refusal
from tinyflow.core.errors import ModelError, RecipeError, UsageError
from tinyflow.flow.planning.options import check_options
from tinyflow.model.graph import Graph
from tinyflow.model.summary import least_arena_bytes
from tinyflow.recipes.bench import Bench
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import ResolvedBench, resolve
from tinyflow.recipes.schema import Backend, Target

# decides nothing of a model but the words of errors
_NAME_ONLY = "cpu"


@dataclass(frozen=True)
class Suitability:
    """One backend on one target. Without refusals, what the memory must hold at least."""

    backend: str
    target: str
    refusals: tuple[Refusal, ...] = ()
    arena_bytes: int = 0
    is_least: bool = False  # the arena is that or more: only a build tells
    needs: Mapping[str, int] = field(default_factory=dict)  # kind of memory → bytes: weights; arena, stack and heap
    has: Mapping[str, int] = field(default_factory=dict)  # the same of the target; none on a machine without limits

    @property
    def shortages(self) -> dict[str, int]:
        """Kind of memory → bytes that are missing."""
        return {kind: self.needs[kind] - size for kind, size in self.has.items() if self.needs[kind] > size}

    @property
    def is_suitable(self) -> bool:
        """Whether nothing speaks against a build."""
        return not self.refusals and not self.shortages


def tidied(content: bytes, name: str) -> tuple[Graph, Graph, int]:
    """A `.tflite` as it came, as backends get it, and how many bytes that has. Raises ModelError."""
    from tinyflow.model import tflite_reader, tflite_writer
    from tinyflow.model.transforms.tidy import tidy

    graph = tflite_reader.read(content, name)
    change = tidy(graph)
    if not change.has_effect:
        return graph, graph, len(content)
    return graph, change.graph, len(tflite_writer.write(change.graph))


def assess(
    catalogue: Catalogue, model: str, graph: Graph, file_bytes: int, targets: Sequence[str] = ()
) -> list[Suitability]:
    """All backends that compile, on these targets, or all that are no boards only. Raises RecipeError for bad recipes.

    `graph` is what backends get: the tidied model of `file_bytes`. Raises UsageError for a target that isn't there.
    """
    chips = targets or catalogue.names(Target)
    asked = _Asked(graph, file_bytes)
    compiling = [name for name in catalogue.names(Backend) if name not in interpreters(catalogue)]
    return [asked.about(catalogue, Bench(model, name, chip)) for name in compiling for chip in chips]


def takes(catalogue: Catalogue, bench: Bench, graph: Graph) -> bool:
    """Whether a bench's backend compiles all operators of what it gets, `graph`; memory isn't asked about."""
    try:
        resolved = check_options(resolve(bench, catalogue), catalogue)
    except (UsageError, RecipeError):
        return False
    implementation = (resolved.backend.lowering or resolved.backend).implementation
    if implementation is None or resolved.backend.machine is not None:  # which alone knows
        return False
    return not any(True for _ in _refusals(import_module(implementation), graph, resolved.kernel_options))


class _Asked:
    """What backends say of one model: equal questions are asked once."""

    def __init__(self, graph: Graph, file_bytes: int) -> None:
        self._graph = graph
        self._file_bytes = file_bytes
        self._known: dict[str, tuple[tuple[Refusal, ...], int, bool]] = {}

    def about(self, catalogue: Catalogue, bench: Bench) -> Suitability:
        """One backend and target."""
        try:
            resolved = check_options(resolve(bench, catalogue), catalogue)
        except UsageError as error:
            if not catalogue.has(Target, bench.target):
                raise
            return Suitability(bench.backend, bench.target, (Refusal(error.what, error.hint.rpartition("\n")[2]),))
        refused, arena_bytes, is_least = self._answer(resolved)
        target = resolved.target
        needs = {
            "flash": self._file_bytes if resolved.backend.name == "tinyi" else self._graph.weights_bytes,
            "ram": arena_bytes + target.reserved_stack_bytes + resolved.heap_bytes,
        }
        has: dict[str, int] = {}
        for region in target.memory:
            has[region.kind] = has.get(region.kind, 0) + region.length_bytes
        return Suitability(bench.backend, target.name, refused, arena_bytes, is_least, needs, has)

    def _answer(self, resolved: ResolvedBench) -> tuple[tuple[Refusal, ...], int, bool]:
        """Refusals, the arena, and whether that is only the least that it can be."""
        backend = resolved.backend
        lowering = backend.lowering
        implementation = backend.implementation if lowering is None else lowering.implementation
        options = {k: v for k, v in resolved.kernel_options.items() if k != _NAME_ONLY}
        key = json.dumps([implementation, options], sort_keys=True, default=str)
        if key not in self._known:
            self._known[key] = self._ask(implementation, resolved.kernel_options)
        return self._known[key]

    def _ask(self, implementation: str | None, options: Mapping[str, Any]) -> tuple[tuple[Refusal, ...], int, bool]:
        least = least_arena_bytes(self._graph)
        if implementation is None:  # a command of the user's, which alone knows
            return (), least, True
        module = import_module(implementation)
        refused = tuple(_refusals(module, self._graph, options))
        tell: Callable[..., int] | None = getattr(module, "arena_bytes", None)
        if refused or tell is None:
            return refused, least, True
        try:
            return (), tell(self._graph, options), False
        except (ModelError, ValueError) as error:
            return (Refusal(str(getattr(error, "what", error)), getattr(error, "hint", "")),), least, True


def interpreters(catalogue: Catalogue) -> list[str]:
    """The backends that nobody is asked about: an interpreter runs what it runs. Other people's engines come last."""
    found = [name for name in catalogue.names(Backend) if catalogue.get(Backend, name).machine is not None]
    return sorted(found, key=lambda name: catalogue.get(Backend, name).engine is not None)


def _refusals(module: Any, graph: Graph, options: Mapping[str, Any]) -> Iterable[Refusal]:
    """All that speaks against a model; of a backend that only has `check`, the first."""
    if hasattr(module, "refusals"):
        yield from module.refusals(graph, options)
        return
    try:
        module.check(graph, "", options)
    except ModelError as error:
        yield Refusal(error.what, error.hint)


def reasons(found: Sequence[Suitability]) -> dict[tuple[str, str], list[tuple[str, Refusal]]]:
    """What is refused and what to do about it → by whom, and where, each once."""
    told: dict[tuple[str, str], dict[tuple[str, object], tuple[str, Refusal]]] = {}
    for each in found:
        for refusal in each.refusals:
            place = (each.backend, (refusal.subgraph, refusal.operator.index if refusal.operator else None))
            told.setdefault((refusal.what, refusal.hint), {}).setdefault(place, (each.backend, refusal))
    return {reason: list(places.values()) for reason, places in told.items()}
