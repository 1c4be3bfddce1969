"""Backend tinyi: the `.tflite` as it is, in flash, walked by the runtime tinyi over the kernels of tinynn.

What is generated is small: the file, a table of the operators that it uses, so that no other gets linked, and an arena
whose size is what the interpreter's own plan needs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyflow.backends.options import CHASE, NATURAL, Options, has_chase
from tinyflow.backends.tinynn.variants import KERNELS, variant_of, variant_on_chip

if TYPE_CHECKING:
    from tinyflow.backends.refusals import Refusal
    from tinyflow.backends.tinyc.faster import Wanted as PackedWanted
    from tinyflow.model.graph import Graph

OPTIONS: Options = {
    "kernels": KERNELS,
    "cpu": str,
    "processor_kernels": list,
    "dsp": (False, True),
    "arena_bytes": NATURAL,
    "chase": CHASE,
    "packed": (False, True),
}


def check(graph: Graph, backend: str, options: Mapping[str, Any]) -> None:
    """Raise ModelError for the first operator that the interpreter doesn't compute: its name, a tensor, `backend`.

    Raises RecipeError for kernels that the processor can't run.
    """
    from tinyflow.backends.refusals import check_none

    check_none(refusals(graph, options), backend)


def forms() -> Mapping[str, Collection[str]]:
    """Type of the main input → the operators that are interpreted in it."""
    from tinyflow.backends.tinyi.operators import ENTRIES

    return ENTRIES


def refusals(graph: Graph, options: Mapping[str, Any]) -> Iterator[Refusal]:
    """All that speaks against a model. Raises RecipeError for kernels that the processor can't run."""
    from tinyflow.backends.refusals import refused_operators
    from tinyflow.backends.tinyi import calls
    from tinyflow.backends.tinyi.operators import ENTRIES, request

    if options.get("packed"):
        yield from _refusals_packed(graph, variant_of(options))
        return
    variant = variant_on_chip(options)
    yield from refused_operators(graph, ENTRIES, lambda part, operator: request(part, operator, variant))
    yield from calls.refusals(graph)


def _refusals_packed(graph: Graph, variant: str) -> Iterator[Refusal]:
    from tinyflow.backends.refusals import refused_operators
    from tinyflow.backends.tinyc.lowering import LOWERINGS, lower_operator
    from tinyflow.backends.tinyi import packed

    refused = [*refused_operators(graph, LOWERINGS, lambda part, operator: lower_operator(part, operator, variant))]
    yield from refused or packed.refusals(graph, variant)


def _wanted_packed(options: Mapping[str, Any]) -> PackedWanted:
    from tinyflow.backends.tinyc.faster import Wanted

    return Wanted(has_chase=has_chase(options))


def arena_bytes(graph: Graph, options: Mapping[str, Any]) -> int:
    """The arena that a model which nothing speaks against will have."""
    if options.get("packed"):
        from tinyflow.backends.tinyi import packed

        needed = packed.arena_bytes(graph, variant_of(options), _wanted_packed(options))
        return int(options.get("arena_bytes", 0)) or needed
    from tinyflow.backends.tinyi.calls import requests
    from tinyflow.backends.tinyi.planner import plan

    needed = plan(graph, requests(graph, variant_on_chip(options)), has_chase=has_chase(options)).total_bytes
    return int(options.get("arena_bytes", 0)) or needed


def generate(model: Path, graph: Graph, backend: str, options: Mapping[str, Any], out: Path, plan: Path) -> None:
    """Write C sources and the file itself into the folder `out`, the memory plan to the file `plan`.

    Options: kernels (best: the first of processor_kernels), cpu, processor_kernels (its variants, the fastest first),
    dsp (the same as kernels dsp), arena_bytes (0: what the plan needs), chase (on: outputs may lie over inputs that
    their kernels have read), packed (a model prepared beforehand).
    """
    if options.get("packed"):
        from tinyflow.backends.tinyi import packed

        given, wanted = int(options.get("arena_bytes", 0)), _wanted_packed(options)
        packed.write_sources(graph, backend, variant_of(options), wanted, given, out, plan)
        return
    from tinyflow.backends.tinyi import sources

    made = sources.Wanted(variant_on_chip(options), int(options.get("arena_bytes", 0)), has_chase(options))
    sources.write_sources(model.read_bytes(), graph, backend, made, out, plan)
