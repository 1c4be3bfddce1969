"""Where tensors and scratch lie in the one arena: by lifetime, results on their inputs where a kernel allows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyflow.backends.tinyc.steps import Mark, Program, Step
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
    """Offsets of all activations and variables. Tensors that share bytes, and results in place, are one buffer.

    Behind the steps of an inference, and one in which outputs are read, those are counted that are run once.
    """
    tensors, steps = program.tensors, [*program.steps, None, *program.once]
    lives = lifetimes(
        map(program.owner, program.graph.inputs),
        [_touched(program, step) for step in steps],
        map(program.owner, program.graph.outputs),
        len(program.steps),
    )
    # the whole time
    lives.update(dict.fromkeys(program.initial, (0, len(steps) - 1)))
    sizes = {tensor: tensors[tensor].size_bytes for tensor in lives}
    owners = in_place.owners(lives, sizes, _allowed(program))
    buffers = in_place.buffers(lives, sizes, owners)
    scratch = {
        index: Buffer(f"scratch {index}", step.call.scratch_bytes, index, index)
        for index, step in enumerate(steps)
        if isinstance(step, Step) and step.call.scratch_bytes
    }
    planned = arena.plan([*buffers.values(), *scratch.values()], alignment)
    places = planned.places(buffers)
    placed = {
        tensor: Placed(tensors[tensor].name, sizes[tensor], *lives[tensor], places[owners[tensor]].offset)
        for tensor in lives
    }
    return Memory(planned.total_bytes, placed, planned.places(scratch))


def _touched(program: Program, step: Step | Mark | None) -> tuple[list[int], list[int]]:
    """What a step reads and writes."""
    if isinstance(step, Step):
        return [program.owner(operand.tensor) for operand in step.inputs], [program.owner(step.output.tensor)]
    return [program.owner(operand.tensor) for operand in step.reads] if step is not None else [], []


def _allowed(program: Program) -> list[tuple[int, int, list[int]]]:
    """For each step that writes a whole tensor, that and the whole inputs that its kernel may overwrite."""
    allowed = []
    for number, step in enumerate(program.steps):
        if not isinstance(step, Step) or step.output.offset_bytes:
            continue
        output = program.owner(step.output.tensor)
        if output not in program.initial:
            sources = (step.inputs[position] for position in step.call.in_place)
            whole = [program.owner(source.tensor) for source in sources if not source.offset_bytes]
            allowed.append((number, output, whole))
    return allowed
