"""Where tensors and scratch lie in the one arena: by lifetime, results on their inputs where a kernel allows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyflow.backends.tinyc.steps import Program, Step
from tinyflow.model.memory import arena


@dataclass(frozen=True)
class Placed:
    """A tensor, or the scratch of a step, and the steps from which to which its bytes must stay."""

    name: str
    offset: int
    size_bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Memory:
    """The arena: its size, tensor → place, step → place of its scratch."""

    total_bytes: int
    alignment: int
    tensors: Mapping[int, Placed]
    scratch: Mapping[int, Placed]


def plan(program: Program, alignment: int) -> Memory:
    """Offsets of all activations. Tensors that share bytes, and results in place, are one buffer."""
    lives = _lifetimes(program)
    buffer_of = _merge_in_place(program, lives)
    buffers = _buffers(program, lives, buffer_of)
    scratch = {
        index: arena.Buffer(f"scratch {index}", step.call.scratch_bytes, index, index)
        for index, step in enumerate(program.steps)
        if step.call.scratch_bytes
    }
    planned = arena.plan([*buffers.values(), *scratch.values()], alignment)
    return Memory(
        total_bytes=planned.total_bytes,
        alignment=alignment,
        tensors={
            tensor: Placed(
                name=program.graph.tensors[tensor].name,
                offset=planned.offsets[buffers[buffer_of[tensor]].name],
                size_bytes=program.graph.tensors[tensor].size_bytes,
                first=first,
                last=last,
            )
            for tensor, (first, last) in lives.items()
        },
        scratch={
            index: Placed(buffer.name, planned.offsets[buffer.name], buffer.size_bytes, index, index)
            for index, buffer in scratch.items()
        },
    )


def _lifetimes(program: Program) -> dict[int, tuple[int, int]]:
    """Owner of bytes → first and last step; inputs are there from the start, outputs outlive the last step."""
    graph = program.graph
    end = len(program.steps)
    lives = {program.owner(index): (0, 0) for index in graph.inputs}
    for number, step in enumerate(program.steps):
        output = program.owner(step.output.tensor)
        lives[output] = (lives.get(output, (number, number))[0], number)
        for operand in step.inputs:
            owner = program.owner(operand.tensor)
            if owner in lives:
                lives[owner] = (lives[owner][0], number)
    for index in graph.outputs:
        owner = program.owner(index)
        lives[owner] = (lives[owner][0], end)
    return lives


def _merge_in_place(program: Program, lives: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """Tensor → the tensor whose buffer it takes over, through any number of steps; itself for most."""
    buffer_of = {tensor: tensor for tensor in lives}
    for number, step in enumerate(program.steps):
        source = _overwritten(program, lives, number, step)
        if source is not None:
            buffer_of[program.owner(step.output.tensor)] = buffer_of[source]
    return buffer_of


def _overwritten(program: Program, lives: Mapping[int, tuple[int, int]], number: int, step: Step) -> int | None:
    """The input that a step may put its output on: nobody reads it afterwards, and all of the output fits."""
    output = program.owner(step.output.tensor)
    size_bytes = program.graph.tensors[output].size_bytes
    if lives[output][0] != number or step.output.offset_bytes:  # one of several parts
        return None
    for position in step.call.in_place:
        operand = step.inputs[position]
        source = program.owner(operand.tensor)
        if source not in lives or lives[source][1] != number or operand.offset_bytes:
            continue
        if program.graph.tensors[source].size_bytes >= size_bytes:
            return source
    return None


def _buffers(
    program: Program, lives: Mapping[int, tuple[int, int]], buffer_of: Mapping[int, int]
) -> dict[int, arena.Buffer]:
    """One buffer for all tensors that have its bytes one after the other."""
    sizes: dict[int, int] = {}
    spans: dict[int, tuple[int, int]] = {}
    for tensor, (first, last) in lives.items():
        buffer = buffer_of[tensor]
        sizes[buffer] = max(sizes.get(buffer, 0), program.graph.tensors[tensor].size_bytes)
        known = spans.get(buffer, (first, last))
        spans[buffer] = (min(known[0], first), max(known[1], last))
    return {buffer: arena.Buffer(f"tensor {buffer}", sizes[buffer], *spans[buffer]) for buffer in sizes}
