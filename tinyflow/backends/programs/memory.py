"""Where tensors and scratch lie in the one arena: by lifetime, results on their inputs where a kernel allows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tinyflow.backends.programs.steps import Chain, Mark, Program, Step
from tinyflow.model.memory import arena, in_place
from tinyflow.model.memory.arena import Buffer, Overlap, Placed
from tinyflow.model.memory.lifetimes import lifetimes


@dataclass(frozen=True)
class Memory:
    """The arena: its size, tensor → place, step → place of its scratch; lifetimes count steps."""

    total_bytes: int
    tensors: Mapping[int, Placed]
    scratch: Mapping[int, Placed]


# of what lies in an arena
KINDS = ("tensor", "scratch")


def needed(program: Program, *, keeps_input: bool = False) -> dict[tuple[str, int], Buffer]:
    """What must be there and how long: tensors, by (KINDS[0], tensor), and scratch of steps, by (KINDS[1], step)."""
    tensors, steps = program.tensors, [*program.steps, None, *program.once]
    fed = [step.fed for step in program.steps if isinstance(step, Chain)]
    lives = lifetimes(
        (program.owner(index) for index in program.graph.inputs if index not in fed),
        [touched(program, step) for step in steps],
        map(program.owner, (*program.graph.outputs, *(program.graph.inputs if keeps_input else ()))),
        len(program.steps),
    )
    # the whole time
    lives.update(dict.fromkeys(program.initial, (0, len(steps) - 1)))
    found = {(KINDS[0], t): Buffer(tensors[t].name, tensors[t].size_bytes, *life) for t, life in lives.items()}
    for number, step in enumerate(steps):
        if size := _scratch_bytes(step):
            found[KINDS[1], number] = Buffer(f"scratch {number}", size, number, number)
    return found


def plan(program: Program, alignment: int, *, has_chase: bool = True, keeps_input: bool = False) -> Memory:
    """Offsets of all activations and variables. Tensors that share bytes, and results in place, are one buffer.

    With chase an output may lie over an input that dies, too, as far as its kernel has read that by then, but
    for the network's where `keeps_input`.
    Behind the steps of an inference, and one in which outputs are read, those are counted that are run once.
    """
    tensors = program.tensors
    needs = needed(program, keeps_input=keeps_input)
    lives = {t: (one.first, one.last) for (kind, t), one in needs.items() if kind == KINDS[0]}
    sizes = {tensor: tensors[tensor].size_bytes for tensor in lives}
    scratch = {number: one for (kind, number), one in needs.items() if kind != KINDS[0]}
    owners = in_place.owners(lives, sizes, in_place_of(program))

    def planned(owner: Mapping[int, int]) -> Memory:
        buffers = in_place.buffers(lives, sizes, owner)
        overlaps = _overlaps(program, buffers, owner) if has_chase else {}
        plan = arena.plan([*buffers.values(), *scratch.values()], alignment, overlaps=overlaps)
        places = plan.places(buffers)
        placed = {
            tensor: Placed(tensors[tensor].name, sizes[tensor], *lives[tensor], places[owner[tensor]].offset)
            for tensor in lives
        }
        return Memory(plan.total_bytes, placed, plan.places(scratch))

    # results in place are one buffer with what they lie on; or they may overlap that anyhow
    ways = (owners, {tensor: tensor for tensor in lives}) if has_chase else (owners,)
    return min(map(planned, ways), key=lambda memory: memory.total_bytes)


def _overlaps(
    program: Program, buffers: Mapping[int, Buffer], owner: Mapping[int, int]
) -> dict[tuple[str, str], Overlap]:
    """How buffers of inputs and outputs may overlap where one dies in the step in which the other is born.

    What takes an input's place, and state, was there before.
    """
    found = {}
    for number, step in enumerate(program.steps):
        for key, output, overlap in overlaps_of(program, step):
            if key in owner and owner[output] == output:
                dying, born = buffers[owner[key]], buffers[output]
                if dying.last == number == born.first and born is not dying:
                    found[dying.name, born.name] = overlap
    return found


def overlaps_of(program: Program, step: Step | Mark | Chain | None) -> Iterator[tuple[int, int, Overlap]]:
    """Whole tensors that a step reads, whole ones that it writes, and how the latter may lie over the former."""
    if isinstance(step, Chain):
        yield from ((source, output, Overlap(lead=lead)) for (source, output), lead in step.leads.items())
    elif isinstance(step, Step) and not step.output.offset_bytes:
        output = program.owner(step.output.tensor)
        for position, overlap in step.call.overlaps.items():
            source, size = program.owner(step.inputs[position].tensor), program.tensors[output].size_bytes
            # what is repeated along an axis is read again
            is_whole = position not in step.call.in_place or program.tensors[source].size_bytes >= size
            if is_whole and not step.inputs[position].offset_bytes and output not in program.initial:
                yield source, output, overlap


def _scratch_bytes(step: Step | Mark | Chain | None) -> int:
    if isinstance(step, Chain):
        return step.scratch_bytes
    return step.call.scratch_bytes if isinstance(step, Step) else 0


def touched(program: Program, step: Step | Mark | Chain | None) -> tuple[list[int], list[int]]:
    """What a step reads and writes."""
    if isinstance(step, Step):
        return [program.owner(operand.tensor) for operand in step.inputs], [program.owner(step.output.tensor)]
    if isinstance(step, Chain):
        return list(step.reads), list(step.writes)
    return [program.owner(operand.tensor) for operand in step.reads] if step is not None else [], []


def in_place_of(program: Program) -> list[tuple[int, int, list[int]]]:
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
