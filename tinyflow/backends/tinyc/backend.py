"""The way through: a graph becomes a program, the program gets its memory, both become files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinyflow.backends import generated
from tinyflow.backends.generated import ARENA
from tinyflow.backends.programs import own_placement, tables
from tinyflow.backends.programs.memory import Memory
from tinyflow.backends.programs.steps import Chain, Program, Step
from tinyflow.backends.tinyc import faster, sources
from tinyflow.backends.tinyc.faster import Wanted
from tinyflow.model.graph import Graph
from tinyflow.model.plan_document import PlanDocument


def write_sources(
    lowered: Program, backend: str, wanted: Wanted, out: Path, plan: Path, own: tuple[str, str] | None = None
) -> None:
    """Write the C files and `plan`, the memory plan as JSON; `own`: name and text of a user's placement."""
    program, placed = faster.placed(lowered, wanted)
    if own is not None:
        placed = own_placement.placed(
            program, *own, wanted.alignment, has_chase=wanted.has_chase, keeps_input=wanted.keeps_input
        )
    constants = sources.write(program, placed, backend, out, keeps_inputs=wanted.keeps_input)
    plan_of(lowered.graph, backend, program, placed, wanted, weights_bytes=constants.size_bytes).write(plan)


def plan_of(
    graph: Graph, backend: str, program: Program, placed: Memory, wanted: Wanted, *, arena_bytes: int = 0, **said: Any
) -> PlanDocument:
    """The plan of a program; `arena_bytes`: 0 for what its memory needs."""
    steps = [(step.operator, step.call) for step in program.steps if isinstance(step, Step)]
    chains = [step for step in program.steps if isinstance(step, Chain)]
    # the last one is not a step's where it only reshapes; outputs live up to it
    operators = [*(step.operator for step in program.steps), graph.operators[-1].index]
    parts = [part for one in chains for part in one.parts]
    every = [*steps, *((part.operator, part.calls[0]) for part in parts)]
    return generated.plan_document(
        graph,
        backend,
        inputs=[_symbol(program, placed, index) for index in graph.inputs],
        outputs=[_symbol(program, placed, index) for index in graph.outputs],
        calls=[
            *((operator, call.function) for operator, call in steps),
            *((one.operator, one.function) for one in chains),
        ],
        notes=[(operator, note) for operator, call in every for note in call.notes],
        references={operator: call.reference for operator, call in every if call.reference},
        feed=tables.feed_of(program),
        keeps_inputs=wanted.keeps_input,
        arena=generated.arena(
            arena_bytes or placed.total_bytes,
            wanted.alignment,
            [place for place in (*placed.tensors.values(), *placed.scratch.values()) if place.first < len(operators)],
            operators,
            {program.tensors[index].name: program.writers(index) for index in program.initial},
            # those behind are of other graphs
            holding={index: placed.tensors[index] for index in range(len(graph.tensors)) if index in placed.tensors},
        ),
        reset="model_reset" if program.initial else "",
        forks=len(steps) + len(chains) < len(program.steps),
        paths={part.operator: "row by row" for part in parts},
        chains=tables.documents(program),
        **generated.real_tolerances(graph),
        **said,
    )


def _symbol(program: Program, placed: Memory, index: int) -> str:
    """Where an input or output lies; an input that is fed lies nowhere."""
    if program.owner(index) not in placed.tensors:
        return ""
    return f"{ARENA}+{placed.tensors[program.owner(index)].offset}"
