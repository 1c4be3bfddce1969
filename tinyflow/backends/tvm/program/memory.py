"""Where the operands of a program lie in its one arena: TVM's plan of whole blocks, or planned offsets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

from tinyflow.backends.tvm.kernels.kernel import WRITTEN_ROLES
from tinyflow.backends.tvm.program import relax_module
from tinyflow.backends.tvm.program.operations import Operand, Program
from tinyflow.backends.tvm.program.planner import plan_buffers
from tinyflow.model.graph import unused_name
from tinyflow.model.memory import arena
from tinyflow.model.memory.arena import Buffer, Overlap, Overlaps, Placed
from tinyflow.model.memory.lifetimes import lifetimes

# scratch that any stack has room for
LEAST_STACK_BYTES = 2048
# and the most that it ever has
MOST_STACK_BYTES = 16384


@dataclass(frozen=True)
class Memory:
    """The arena: its size, and the place of each operand in it. Scratch without a place lies on the stack."""

    total_bytes: int
    alignment: int
    places: Mapping[Operand, Placed]
    guard_bytes: int = 0  # that are free behind each operand
    stack_bytes: int = 0  # of the largest scratch without a place

    @property
    def ram_bytes(self) -> int:
        """Of the arena, and of scratch on the stack."""
        return self.total_bytes + self.stack_bytes


def buffers(program: Program) -> dict[Operand, Buffer]:
    """All operands with the steps in which they live, and names of their own."""
    sizes: dict[Operand, int] = {value: value.size_bytes for value in (*program.inputs, *program.initial)}
    names: dict[Operand, str] = {value: value.name for value in program.inputs}
    for value in program.initial:
        names[value] = unused_name(value.name, set(names.values()))
    steps = []
    for index, step in enumerate(program.steps):
        for operand, parameter in step.operands(index):
            sizes[operand] = parameter.size_bytes
            if operand not in names:  # an input may have the name of a step
                name = f"{step.name}_scratch" if is_scratch(operand) else step.name
                names[operand] = unused_name(name, set(names.values()))
        steps.append((step.inputs, [o for o, parameter in step.operands(index) if parameter.role in WRITTEN_ROLES]))
    last_step = max(len(program.steps) - 1, 0)
    lives = lifetimes(program.inputs, steps, program.outputs, last_step)
    lives |= dict.fromkeys(program.initial, (0, last_step))
    return {operand: Buffer(names[operand], sizes[operand], *life) for operand, life in lives.items()}


def plan_offsets(
    program: Program,
    alignment: int,
    planner: str = "default",
    *,
    has_stack: bool = True,
    guard_bytes: int = 0,
    has_chase: bool = True,
) -> Memory:
    """Offsets by lifetime, at the liveness bound wherever the planner reaches it.

    Scratch lies in the arena as long as that costs nothing, else on the stack: those who have no room find it there
    for the time of one call. Without `has_stack` all of it lies in the arena, with `guard_bytes` free behind each
    operand. With chase outputs may lie over what their kernels have read, if nothing is to be free.
    Raises ModelError where `exact` can't prove its plan.
    """
    known = buffers(program)
    if not has_stack:
        overlaps = _overlaps(program, known) if has_chase and not guard_bytes else arena.NO_OVERLAPS
        return _planned(known, alignment, planner, guard_bytes, overlaps)
    plans = [_with_stack(known, alignment, planner)]
    if has_chase and planner == "default":
        overlaps = _overlaps(program, known)
        plans.append(_with_stack(known, alignment, planner, overlaps))
        plans.append(_planned(known, alignment, planner, overlaps=overlaps))

    most = max(plans[0].stack_bytes, LEAST_STACK_BYTES)
    return min((each for each in plans if each.stack_bytes <= most), key=lambda memory: memory.ram_bytes)


def _with_stack(
    known: Mapping[Operand, Buffer], alignment: int, planner: str, overlaps: Overlaps = arena.NO_OVERLAPS
) -> Memory:
    """Scratch in the arena as long as that costs nothing."""
    activations = {
        operand: buffer
        for operand, buffer in known.items()
        if not is_scratch(operand) or buffer.size_bytes > MOST_STACK_BYTES
    }
    smallest = _planned(activations, alignment, planner, overlaps=overlaps)
    kept = {
        operand: buffer
        for operand, buffer in known.items()
        if operand in activations or _fits(buffer, activations.values(), alignment, smallest.total_bytes)
    }
    larger = _planned(kept, alignment, "default" if planner == "exact" else planner, overlaps=overlaps)
    # or there is room, but not in one piece
    plan = larger if larger.total_bytes <= smallest.total_bytes else smallest
    return replace(
        plan, stack_bytes=max((one.size_bytes for o, one in known.items() if o not in plan.places), default=0)
    )


def is_scratch(operand: Operand) -> bool:
    """Whether nobody but one step knows of it."""
    return isinstance(operand, int)


def _overlaps(program: Program, known: Mapping[Operand, Buffer]) -> dict[tuple[str, str], Overlap]:
    """How an input that dies in a step and the output that is born there may lie over each other.

    State is older, and outputs of the program live on, also those that its last step reads.
    """
    found = {}
    for index, step in enumerate(program.steps):
        born = known[step.output]
        for operand, parameter in step.operands(index) if step.output not in program.initial else ():
            if parameter.role == "input" and parameter.name in step.kernel.overlaps:
                dying = known[operand]
                if dying.last == index == born.first and operand not in program.outputs:
                    found[dying.name, born.name] = step.kernel.overlaps[parameter.name]
    return found


def _planned(
    known: Mapping[Operand, Buffer],
    alignment: int,
    planner: str,
    guard_bytes: int = 0,
    overlaps: Overlaps = arena.NO_OVERLAPS,
) -> Memory:
    guarded = [replace(buffer, size_bytes=buffer.size_bytes + guard_bytes) for buffer in known.values()]
    plan = plan_buffers(guarded, alignment, planner, overlaps)
    return Memory(plan.total_bytes, alignment, plan.places(known), guard_bytes)


def _fits(scratch: Buffer, activations: Iterable[Buffer], alignment: int, total_bytes: int) -> bool:
    """Whether the scratch of a step and all that is alive then stay within so many bytes."""
    alive = [buffer for buffer in activations if buffer.is_alive_with(scratch)]
    return sum(arena.aligned(buffer.size_bytes, alignment) for buffer in [*alive, scratch]) <= total_bytes


def plan_blocks(program: Program, alignment: int) -> Memory:
    """Blocks as TVM's StaticPlanBlockMemory shares them, one behind the other; inputs, outputs, state have their own.

    Scratch, which is nobody's tensor, lies in what is free of them during a call, or behind them all.
    """
    known = buffers(program)
    block_of, sizes = relax_module.plan_storage(program, has_scratch=False)
    for operand in known:
        if not is_scratch(operand) and operand not in block_of:
            block_of[operand] = len(sizes)
            sizes.append(known[operand].size_bytes)
    *starts, end = accumulate((arena.aligned(size, alignment) for size in sizes), initial=0)
    places = {operand: known[operand].at(starts[block]) for operand, block in block_of.items()}
    total_bytes, activations = end, list(places.values())
    for operand, scratch in known.items():
        if is_scratch(operand):
            taken = ((place.offset, place.end) for place in activations if place.is_alive_with(scratch))
            gap = arena.lowest_gap(scratch.size_bytes, taken, alignment)
            places[operand] = scratch.at(gap if gap + scratch.size_bytes <= end else end)
            total_bytes = max(total_bytes, arena.aligned(places[operand].end, alignment))
    return Memory(total_bytes, alignment, {operand: places[operand] for operand in known})
