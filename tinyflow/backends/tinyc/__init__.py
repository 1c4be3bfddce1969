"""Backend tinyc: a `.tflite` becomes static C that calls the kernels of the runtime tinynn, one after the other.

Weights are packed for the kernels, biases folded, multipliers and memory planned at build time: on the chip there is no
interpreter, no heap and no flatbuffer.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyflow.backends.options import CHASE, INPUT, ORDERS, Options, alignments, has_chase
from tinyflow.backends.tinynn.variants import KERNELS, WINOGRAD, variant_of
from tinyflow.recipes.objective import OBJECTIVES

if TYPE_CHECKING:
    from tinyflow.backends.programs.steps import Program
    from tinyflow.backends.refusals import Refusal
    from tinyflow.backends.tinyc.faster import Wanted
    from tinyflow.model.graph import Graph

OPTIONS: Options = {
    "kernels": KERNELS,
    "cpu": str,
    "processor_kernels": list,
    "dsp": (False, True),
    "alignment": alignments(4),
    "chase": CHASE,
    "winograd": WINOGRAD,
    "stream": None,
    "goal": tuple(OBJECTIVES),
    "feed": (False, True),
    "rows": range(1, 1 << 10),
    "order": ORDERS,
    "input": INPUT,
    "memplan": str,
    "own_kernels": list,
    "own": str,
}


def check(graph: Graph, backend: str, options: Mapping[str, Any]) -> None:
    """Raise ModelError for the first operator that can't be compiled: its name, version, a tensor, `backend`.

    Raises RecipeError for kernels that the processor can't run.
    """
    from tinyflow.backends.refusals import check_none

    check_none(refusals(graph, options), backend)


def forms() -> Mapping[str, Collection[str]]:
    """Type of the main input → the operators that are compiled in it."""
    from tinyflow.backends.tinyc.lowering import LOWERINGS

    return LOWERINGS


def refusals(graph: Graph, options: Mapping[str, Any]) -> Iterator[Refusal]:
    """All that speaks against a model. Raises RecipeError for kernels that the processor can't run."""
    from tinyflow.backends.refusals import refused_operators
    from tinyflow.backends.tinyc.lowering import LOWERINGS, lower_operator

    variant = variant_of(options)
    refused = [*refused_operators(graph, LOWERINGS, lambda part, operator: lower_operator(part, operator, variant))]
    yield from refused
    if not refused:
        from tinyflow.backends.tinyc.own_kernels import own_kernels

        own_kernels(options)
    if ("rows" in options or "order" in options) and not (options.get("stream") or options.get("feed")):
        from tinyflow.backends.refusals import Refusal

        yield Refusal("rows and order say how layers go row by row, and none does", "add +stream or +feed")
    if options.get("feed") and not refused:
        from tinyflow.backends.programs.streaming import why_not_fed
        from tinyflow.backends.tinyc.rows import by_rows

        yield from filter(None, [why_not_fed(_program(graph, options), by_rows)])


def arena_bytes(graph: Graph, options: Mapping[str, Any]) -> int:
    """The arena that a model which nothing speaks against will have."""
    from tinyflow.backends.tinyc.faster import placed

    return placed(_program(graph, options), _memory_of(options))[1].total_bytes


def choices(graph: Graph, options: Mapping[str, Any]) -> Iterator[tuple[str, int, float]]:
    """All that option stream can lead to, the first without it: its value, the arena, about how many instructions."""
    from tinyflow.backends.tinyc.faster import choices

    return choices(_program(graph, options), _memory_of(options))


def generate(
    model: Path,  # noqa: ARG001
    graph: Graph,
    backend: str,
    options: Mapping[str, Any],
    out: Path,
    plan: Path,
    memplan: Path | None = None,
    scratch: Path | None = None,
) -> None:
    """Write C sources of `graph` into the folder `out` and its memory plan to the file `plan`.

    Options: kernels (best: the first of processor_kernels), cpu, processor_kernels (its variants, the fastest first),
    dsp (the same as kernels dsp), alignment, chase (on: outputs may lie over inputs that their kernels have read),
    winograd (see `faster`), stream (see `streaming`), goal (an objective: ram and flash leave out what wants more),
    feed (the application hands over the rows of the first input), rows (of each call of a chain) and order (ORDERS of
    options.py), input (kept: no invoke changes it), memplan (the name of `memplan`, a user's placement), own_kernels
    (a user's, see `own_kernels`), own (of which operator they are to be). `scratch`: what the functions that
    `write_scratch` calls have said, as JSON.
    """
    from tinyflow.backends.tinyc.backend import write_sources
    from tinyflow.backends.tinyc.own_kernels import with_scratch

    own = None if memplan is None else (str(options["memplan"]), memplan.read_text(encoding="utf-8", errors="replace"))
    program = _program(graph, options)
    if scratch is not None:
        program = with_scratch(program, json.loads(scratch.read_bytes()))
    write_sources(program, backend, _memory_of(options), out, plan, own)


def write_scratch(graph: Graph, backend: str, options: Mapping[str, Any], out: Path) -> dict[str, tuple[str, str]]:
    """Write a program whose `model_setup` leaves in `model_arena` the scratch that own kernels need, as int32.

    Returns of each, in that order, the number of its step, the function that tells, and the layer.
    """
    from tinyflow.backends.tinyc import sources
    from tinyflow.backends.tinyc.own_kernels import calls_to_size

    steps = calls_to_size(_program(graph, options))
    sources.write_scratch(steps, backend, out)
    names = graph.operators
    return {
        number: (step.call.sized_by, f"layer {step.operator} {names[step.operator].name}")
        for number, step in steps.items()
    }


def _program(graph: Graph, options: Mapping[str, Any]) -> Program:
    from tinyflow.backends.tinyc.own_kernels import own_kernels
    from tinyflow.backends.tinyc.program import lower

    return lower(graph, variant_of(options), own_kernels(options))


def _memory_of(options: Mapping[str, Any]) -> Wanted:
    """What the options say of memory."""
    from tinyflow.backends.programs.streaming import Manner
    from tinyflow.backends.tinyc.faster import Wanted

    alignment, winograd = int(options.get("alignment", 4)), str(options.get("winograd", WINOGRAD[0]))
    manner = Manner(
        is_fed=bool(options.get("feed")),
        rows=int(options.get("rows", 0)),
        order=str(options.get("order", ORDERS[0])),
    )
    return Wanted(
        *(alignment, has_chase(options), winograd, str(options.get("stream") or "")),
        manner=manner,
        keeps_input=options.get("input") == "kept",
        goal=str(options.get("goal", "")),
    )
