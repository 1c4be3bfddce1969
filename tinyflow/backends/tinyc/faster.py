"""Faster kernels that want more memory, where a network has it: scratch within the arena, constants within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from tinyflow.backends.programs import memory, streaming
from tinyflow.backends.programs.memory import Memory
from tinyflow.backends.programs.steps import Program, Step
from tinyflow.backends.programs.streaming import Manner
from tinyflow.backends.tinyc.rows import by_rows
from tinyflow.backends.tinynn import kernels, room
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.variants import WINOGRAD
from tinyflow.core.errors import ModelError


class Wanted(NamedTuple):
    """What is asked for of memory: how tensors are aligned, whether outputs chase inputs, WINOGRAD of variants.py."""

    alignment: int = 4
    has_chase: bool = True
    winograd: str = WINOGRAD[0]
    stream: str = ""
    """By which goal of `streaming` layers run row by row; none where they don't."""
    manner: Manner = Manner()
    """How they do; where rows of the input are handed over, they do anyhow."""
    keeps_input: bool = False
    """Whether inputs stay as they are."""
    goal: str = ""
    """An objective: of `ram` the arena may not grow for speed, of `flash` nothing may."""


def choices(program: Program, wanted: Wanted) -> Iterator[tuple[str, int, float]]:
    """All that `wanted.stream` can lead to: see `streaming`."""
    faster, _ = placed(program, wanted._replace(stream="", manner=Manner()))
    return streaming.choices(program, faster, by_rows, _planner(wanted), wanted.alignment, wanted.manner)


def _planner(wanted: Wanted) -> Callable[[Program], Memory]:
    return lambda program: memory.plan(
        program, wanted.alignment, has_chase=wanted.has_chase, keeps_input=wanted.keeps_input
    )


def placed(program: Program, wanted: Wanted) -> tuple[Program, Memory]:
    """The program with the faster calls for which there is memory, and the plan of its arena."""
    planned = _planner(wanted)
    if wanted.stream or wanted.manner.is_fed:
        faster, _ = placed(program, wanted._replace(stream="", manner=Manner()))
        goal = wanted.stream or streaming.BALANCED
        try:
            changed = streaming.streamed(program, faster, by_rows, goal, planned, wanted.alignment, wanted.manner)
        except ModelError as error:
            may_be_fed = not (wanted.manner.is_fed or wanted.keeps_input)
            if may_be_fed and streaming.why_not_fed(program, by_rows) is None:
                fed = wanted._replace(stream=streaming.LEAST, manner=Manner(is_fed=True))
                error.hint += f"; with +feed {placed(program, fed)[1].total_bytes} B are the least"
            raise
        return changed, planned(changed)
    plain = planned(program)
    offers = {n: _wanted(step.call, wanted) for n, step in enumerate(program.steps) if isinstance(step, Step)}
    choices = {number: calls for number, calls in offers.items() if calls}
    if wanted.goal == "flash" or not choices:
        return program, plain
    if wanted.winograd == "all":
        changed = _with(program, {number: calls[0] for number, calls in choices.items()})
        return changed, planned(changed)
    flash = {n: step.call.flash_bytes for n, step in enumerate(program.every) if isinstance(step, Step)}
    taken = room.within_bounds(
        choices,
        flash,
        sum(flash.values()),
        (plain.total_bytes, plain.tensors.values()),
        lambda calls: planned(_with(program, calls)).total_bytes,
        may_grow=wanted.goal != "ram",
    )
    changed = _with(program, taken)
    return changed, planned(changed)


def _wanted(call: Call, wanted: Wanted) -> tuple[Call, ...]:
    """Its faster calls."""
    has_winograd = wanted.winograd != "none"
    return tuple(one for one in call.faster if has_winograd or one.struct != f"tinynn_{kernels.WINOGRAD}")


def _with(program: Program, calls: Mapping[int, Call]) -> Program:
    steps = tuple(
        replace(step, call=calls[number]) if isinstance(step, Step) and number in calls else step
        for number, step in enumerate(program.steps)
    )
    return replace(program, steps=steps)
