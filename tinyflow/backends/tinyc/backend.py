"""The way through: a graph becomes a program, the program gets its memory, both become files."""

from __future__ import annotations

from pathlib import Path

from tinyflow.backends import generated
from tinyflow.backends.generated import ARENA
from tinyflow.backends.tinyc import memory, sources
from tinyflow.backends.tinyc.lowering import lower
from tinyflow.backends.tinyc.memory import Memory
from tinyflow.backends.tinyc.steps import Program
from tinyflow.model.graph import Graph
from tinyflow.model.plan_document import Arena, Resident


def write_sources(graph: Graph, backend: str, variant: str, alignment: int, out: Path, plan: Path) -> None:
    """Write the C files and `plan`, the memory plan as JSON."""
    program = lower(graph, variant)
    placed = memory.plan(program, alignment)
    constants = sources.write(program, placed, backend, out)
    steps = [(step.operator, step.call) for step in program.steps]
    document = generated.plan_document(
        graph,
        backend,
        inputs=[_symbol(program, placed, index) for index in graph.inputs],
        outputs=[_symbol(program, placed, index) for index in graph.outputs],
        calls=[(operator, call.function) for operator, call in steps],
        notes=[(operator, note) for operator, call in steps for note in call.notes],
        arena=_arena(program, placed),
        weights_bytes=constants.size_bytes,
    )
    document.write(plan)


def _symbol(program: Program, placed: Memory, index: int) -> str:
    return f"{ARENA}+{placed.tensors[program.owner(index)].offset}"


def _arena(program: Program, placed: Memory) -> Arena:
    """The arena; lifetimes count operators of the model."""
    last = program.graph.operators[-1].index
    operators = [*(step.operator for step in program.steps), last]
    tensors = [
        Resident(
            name=place.name,
            offset=place.offset,
            bytes=place.size_bytes,
            first=operators[place.first],
            last=operators[place.last],
        )
        for place in (*placed.tensors.values(), *placed.scratch.values())
    ]
    return Arena(symbol=ARENA, bytes=placed.total_bytes, alignment=placed.alignment, tensors=tensors)
