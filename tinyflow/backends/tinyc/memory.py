"""Where tensors and scratch lie in the one arena: by lifetime, results on their inputs where a kernel allows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyflow.backends.tinyc.steps import Program
from tinyflow.model.memory import arena, in_place
from tinyflow.model.memory.arena import Buffer, Placed
from tinyflow.model.memory.lifetimes import lifetimes


@dataclass(frozen=True)
class Memory:
    """The arena: its size, tensor → place, step → place of its scratch; lifetimes count steps."""

    total_bytes: int
    tensors: Mapping[int, Placed]
    scratch: Mapping[int, Placed]


def plan(program: Program, alignment: int) -> Memory:
    """Offsets of all activations. Tensors that share bytes, and results in place, are one buffer."""
    graph, steps = program.graph, program.steps
    lives = lifetimes(
        map(program.owner, graph.inputs),
        [
            ([program.owner(operand.tensor) for operand in step.inputs], [program.owner(step.output.tensor)])
            for step in steps
        ],
        map(program.owner, graph.outputs),
        len(steps),
    )
    sizes = {tensor: graph.tensors[tensor].size_bytes for tensor in lives}
    owners = in_place.owners(lives, sizes, _allowed(program))
    buffers = in_place.buffers(lives, sizes, owners)
    scratch = {
        index: Buffer(f"scratch {index}", step.call.scratch_bytes, index, index)
        for index, step in enumerate(steps)
        if step.call.scratch_bytes
    }
    planned = arena.plan([*buffers.values(), *scratch.values()], alignment)
    places = planned.places(buffers)
    tensors = {
        tensor: Placed(graph.tensors[tensor].name, sizes[tensor], *lives[tensor], places[owners[tensor]].offset)
        for tensor in lives
    }
    return Memory(planned.total_bytes, tensors, planned.places(scratch))


def _allowed(program: Program) -> list[tuple[int, int, list[int]]]:
    """For each step that writes a whole tensor, that and the whole inputs that its kernel may overwrite."""
    allowed = []
    for number, step in enumerate(program.steps):
        if not step.output.offset_bytes:
            sources = (step.inputs[position] for position in step.call.in_place)
            whole = [program.owner(source.tensor) for source in sources if not source.offset_bytes]
            allowed.append((number, program.owner(step.output.tensor), whole))
    return allowed
