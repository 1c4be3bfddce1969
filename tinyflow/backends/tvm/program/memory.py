"""Where the operands of a program lie in its one arena: TVM's plan of whole blocks, or planned offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinyflow.backends.tvm.kernels.kernel import Parameter
from tinyflow.backends.tvm.program import relax_module
from tinyflow.backends.tvm.program.operations import Operand, Program, Step
from tinyflow.backends.tvm.program.planner import plan_buffers
from tinyflow.model.graph import unused_name
from tinyflow.model.memory import arena


@dataclass(frozen=True)
class Lifetime:
    """An operand and the steps from which to which its bytes must stay, both included."""

    operand: Operand
    name: str
    size_bytes: int
    first: int
    last: int

    @property
    def is_scratch(self) -> bool:
        """Whether nobody but one step knows of it."""
        return isinstance(self.operand, int)


@dataclass(frozen=True)
class Memory:
    """The arena: its size, and the offset of each operand in it. Scratch without an offset lies on the stack."""

    total_bytes: int
    alignment: int
    lifetimes: tuple[Lifetime, ...]
    offsets: Mapping[Operand, int]
    guard_bytes: int = 0  # that are free behind each operand


def lifetimes(program: Program) -> tuple[Lifetime, ...]:
    """All operands; inputs live from the first step on, outputs to the last one."""
    first: dict[Operand, int] = dict.fromkeys(program.inputs, 0)
    last: dict[Operand, int] = dict.fromkeys(program.inputs, 0)
    sizes: dict[Operand, int] = {value: value.elements for value in program.inputs}
    names: dict[Operand, str] = {value: value.name for value in program.inputs}
    for index, step in enumerate(program.steps):
        for operand, parameter in operands(index, step):
            first.setdefault(operand, index)
            last[operand] = index
            sizes[operand] = parameter.size_bytes
            if operand not in names:  # an input may have the name of a step
                names[operand] = unused_name(_name(step, parameter), set(names.values()))
    last.update(dict.fromkeys(program.outputs, max(len(program.steps) - 1, 0)))
    return tuple(Lifetime(o, names[o], sizes[o], first[o], last[o]) for o in first)


def operands(index: int, step: Step) -> list[tuple[Operand, Parameter]]:
    """What the step with this index reads and writes in the arena, with the parameters that they are for."""
    inputs = iter(step.inputs)
    pairs: list[tuple[Operand, Parameter]] = []
    for parameter in step.kernel.parameters:
        if parameter.role == "input":
            pairs.append((next(inputs), parameter))
        elif parameter.role == "output":
            pairs.append((step.output, parameter))
        elif parameter.role == "scratch":
            pairs.append((index, parameter))
    return pairs


def plan_offsets(
    program: Program, alignment: int, planner: arena.Planner = "search", *, has_stack: bool = True, guard_bytes: int = 0
) -> Memory:
    """Offsets by lifetime, at the liveness bound wherever the planner reaches it.

    Scratch lies in the arena as long as that costs nothing, else on the stack: those who have no room find it there
    for the time of one call. Without `has_stack` all of it lies in the arena, with `guard_bytes` free behind each
    operand. Raises ModelError where `exact` can't
    prove its plan.
    """
    lives = lifetimes(program)
    if not has_stack:
        plan = _plan(lives, alignment, planner, guard_bytes)
        offsets = {life.operand: plan.offsets[life.name] for life in lives}
        return Memory(plan.total_bytes, alignment, lives, offsets, guard_bytes)
    activations = [life for life in lives if not life.is_scratch]
    smallest = _plan(activations, alignment, planner)
    kept = [life for life in lives if not life.is_scratch or _fits(life, activations, alignment, smallest.total_bytes)]
    plan = _plan(kept, alignment, "search" if planner == "exact" else planner)
    if plan.total_bytes > smallest.total_bytes:  # there is room, but not in one piece
        kept, plan = activations, smallest
    offsets = {life.operand: plan.offsets[life.name] for life in kept}
    return Memory(plan.total_bytes, alignment, tuple(kept), offsets)


def _plan(lives: Sequence[Lifetime], alignment: int, planner: arena.Planner, guard_bytes: int = 0) -> arena.Plan:
    buffers = [arena.Buffer(life.name, life.size_bytes + guard_bytes, life.first, life.last) for life in lives]
    return plan_buffers(buffers, alignment, planner)


def _fits(scratch: Lifetime, activations: Sequence[Lifetime], alignment: int, total_bytes: int) -> bool:
    """Whether the scratch of a step and all that is alive then stay within so many bytes."""
    alive = [life for life in activations if life.first <= scratch.first <= life.last]
    return sum(_aligned(life.size_bytes, alignment) for life in [*alive, scratch]) <= total_bytes


def plan_blocks(program: Program, alignment: int) -> Memory:
    """Blocks as TVM's StaticPlanBlockMemory shares them, one behind the other; inputs and outputs have their own.

    Scratch, which is nobody's tensor, lies in what is free of them during a call, or behind them all.
    """
    lives = lifetimes(program)
    block_of, sizes = relax_module.plan_storage(program, has_scratch=False)
    offsets: dict[Operand, int] = {}
    end = 0
    starts = []
    for size in sizes:
        starts.append(end)
        end = _aligned(end + size, alignment)
    activations = [life for life in lives if not life.is_scratch]
    for life in activations:
        if life.operand in block_of:
            offsets[life.operand] = starts[block_of[life.operand]]
        else:
            offsets[life.operand] = end
            end = _aligned(end + life.size_bytes, alignment)
    total_bytes = end
    for life in lives:
        if life.is_scratch:
            alive = [other for other in activations if other.first <= life.first <= other.last]
            taken = [(offsets[other.operand], other) for other in alive]
            offsets[life.operand] = place = _first_free(life.size_bytes, taken, alignment, end)
            total_bytes = max(total_bytes, _aligned(place + life.size_bytes, alignment))
    return Memory(total_bytes, alignment, lives, offsets)


def _first_free(size_bytes: int, taken: Sequence[tuple[int, Lifetime]], alignment: int, end: int) -> int:
    """The lowest offset with so much room between what is taken, below `end`; `end` where there is none."""
    place = 0
    for offset, other in sorted(taken, key=lambda pair: pair[0]):
        if place + size_bytes <= offset:
            return place
        place = max(place, _aligned(offset + other.size_bytes, alignment))
    return place if place + size_bytes <= end else end


def _name(step: Step, parameter: Parameter) -> str:
    kind = step.function.rpartition("_")[0]
    return f"{kind}_{step.operator}" + ("_scratch" if parameter.role == "scratch" else "")


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment
