"""From a graph to C sources and a memory plan: lower, choose kernels, plan memory, write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyflow.backends.generated import ARENA, arena, held, plan_document
from tinyflow.backends.options import has_chase
from tinyflow.backends.programs import tables
from tinyflow.backends.tvm import OPTIONS
from tinyflow.backends.tvm.emit import debug, sources
from tinyflow.backends.tvm.emit.sources import Convention
from tinyflow.backends.tvm.frontend import layouts, network
from tinyflow.backends.tvm.frontend.layers import Network
from tinyflow.backends.tvm.frontend.supported import plan_facts
from tinyflow.backends.tvm.kernels.kernel import Machine, Style
from tinyflow.backends.tvm.program import faster, least, memory, operations, relax_module, streamed
from tinyflow.backends.tvm.program.operations import Chooser, Program
from tinyflow.model.graph import Graph

if TYPE_CHECKING:
    from tinyflow.backends.tvm.tuning.records import Known


def write_sources(
    graph: Graph,
    backend: str,
    options: Mapping[str, Any],
    out: Path,
    plan: Path,
    tuning: Known | None = None,
    relax: Path | None = None,
) -> None:
    """See `tinyflow.backends.tvm.generate`."""
    chosen = with_defaults(options)
    convention = _convention(chosen)
    layers, selected = _selected(graph, chosen, tuning.choose if tuning is not None else lambda question: None)
    if chosen["winograd"] != "none":
        place = partial(_memory, chosen=chosen, convention=convention)
        selected = faster.with_winograd(layers, selected, chosen["winograd"], place)
    if relax is not None:
        write_relax(selected, relax)
    chains, facts = None, plan_facts(graph)
    if chosen["stream"]:
        made_for, planned = (_style(chosen), machine_of(chosen)), (chosen["alignment"], has_chase(chosen))
        selected, placed, chains = streamed.streamed(graph, layers, selected, chosen["stream"], made_for, planned)
        kernels = chains.kernels
        facts["chains"] = tables.documents(
            chains.program, lambda part: (kernel.function for kernel in kernels[part.operator])
        )
        facts["paths"] = {**facts["paths"], **dict.fromkeys(chains.kernels, "row by row")}
    else:
        placed = _memory(selected, chosen, convention)
    has_debug = chosen["debug"]
    sources.write(selected, placed, convention, backend, out, chosen["llvm"], has_debug=has_debug, chains=chains)
    document = plan_document(
        graph,
        backend,
        inputs=[f"{ARENA}+{placed.places[value].offset}" for value in selected.inputs],
        outputs=[f"{ARENA}+{placed.places[value].offset}" for value in selected.outputs],
        calls=[(step.operator, step.function) for step in selected.steps],
        # views alone, without a step, take none
        arena=arena(
            placed.total_bytes,
            placed.alignment,
            placed.places.values(),
            [step.operator for step in selected.steps] or [0],
            {placed.places[value].name: selected.writers(value) for value in selected.initial},
            **held(
                graph,
                [
                    (step.operator, step.which, step.layout, placed.places[step.output])
                    for step in selected.steps
                    if step.output not in selected.initial
                ],
            ),
        ),
        reset="model_reset" if selected.initial else "",
        weights_bytes=sum(array.nbytes for array in selected.constants.values()),
        **facts,
    )
    document.write(plan, **({} if tuning is None else {"tuning": tuning.summary()}))


def write_relax(program: Program, path: Path) -> None:
    """Write what TVM's passes make of a program, chains layer by layer, as a graph for people to look at."""
    path.write_text(json.dumps(relax_module.document(program), sort_keys=True) + "\n", encoding="utf-8")


def _convention(chosen: Mapping[str, Any]) -> Convention:
    if chosen["variant"] == "llvm":
        return "objects"
    return "packed" if chosen["variant"] == "aot" and chosen["api"] == "default" else "unpacked"


def _memory(selected: Program, chosen: Mapping[str, Any], convention: Convention) -> memory.Memory:
    """Where everything lies. Arguments of packed calls lie in flash, so that they can't point into a stack."""
    if chosen["variant"] == "aot" and chosen["usmp"] == "default":
        return memory.plan_blocks(selected, chosen["alignment"])
    has_stack = convention != "packed" and not chosen["debug"]  # guards are in the arena only
    guard_bytes = debug.GUARD_BYTES if chosen["debug"] else 0
    return memory.plan_offsets(
        selected,
        chosen["alignment"],
        chosen["usmp"],
        has_stack=has_stack,
        guard_bytes=guard_bytes,
        has_chase=has_chase(chosen),
    )


def select(graph: Graph, chosen: Mapping[str, Any], choose: Chooser = lambda question: None) -> Program:
    """Layers in the layout, and kernels of the schedule, that all these options ask for. Raises ModelError."""
    return _selected(graph, chosen, choose)[1]


def _selected(graph: Graph, chosen: Mapping[str, Any], choose: Chooser) -> tuple[Network, Program]:
    layers = layouts.carry(network.lower(graph, chosen["rounding"]), chosen["layout"])
    style, machine = _style(chosen), machine_of(chosen)
    scratch = None
    if chosen["chase"] == "least":
        place = partial(_memory, chosen=chosen, convention=_convention(chosen))
        scratch = least.least_scratch(layers, style, machine, place)
    return layers, operations.select(layers, style, machine, choose, scratch)


def machine_of(chosen: Mapping[str, Any]) -> Machine:
    """What kernels are made for, by all options."""
    return Machine(chosen["isa"], chosen["toolchain"], chosen["vectors"])


def with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """All options: those that are not given have their defaults."""
    others: Mapping[Any, Any] = {dict: {}, None: None}
    defaults = {name: values[0] if isinstance(values, tuple) else others[values] for name, values in OPTIONS.items()}
    return {**defaults, **options}


def _style(options: Mapping[str, Any]) -> Style:
    """The best kernels that a schedule has with a variant; SMLAD is the Cortex-M's alone."""
    if options["schedule"] == "default":
        return "plain"
    if (options["dsp"] or options["schedule"] == "cortexm") and options["isa"] == "thumb":
        return "smlad" if options["variant"] == "llvm" else "dsp"
    return "aot" if options["variant"] == "aot" else "aotplus"
