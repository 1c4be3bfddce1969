"""Faster kernels that want more memory, where a network has it: scratch within the arena, constants within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from tinyflow.backends.programs import memory, streaming
from tinyflow.backends.programs.memory import Memory
from tinyflow.backends.programs.rows import ByRows
from tinyflow.backends.programs.steps import Program, Step
from tinyflow.backends.programs.streaming import Manner
from tinyflow.backends.tinyc import rows
from tinyflow.backends.tinynn import kernels, room
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.variants import WINOGRAD
from tinyflow.core.errors import ModelError

_SAVES_LITTLE = "tinynn_depthwise"


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
    by_rows = _by_rows(program, wanted)
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
            by_rows = _by_rows(program, wanted)
            changed = streaming.streamed(program, faster, by_rows, goal, planned, wanted.alignment, wanted.manner)
        except ModelError as error:
            may_be_fed = not (wanted.manner.is_fed or wanted.keeps_input)
            if may_be_fed and streaming.why_not_fed(program, rows.by_rows) is None:
                fed = wanted._replace(stream=streaming.LEAST, manner=Manner(is_fed=True))
                error.hint += f"; with +feed {placed(program, fed)[1].total_bytes} B are the least"
            raise
        return changed, planned(changed)
    plain = planned(program)
    offers = {n: _wanted(step.call, wanted) for n, step in enumerate(program.steps) if isinstance(step, Step)}
    choices = {number: calls for number, calls in offers.items() if calls}
    if wanted.goal == "flash" or not choices:
        return program, plain
    flash = {n: step.call.flash_bytes for n, step in enumerate(program.every) if isinstance(step, Step)}
    # what saves little has what room the others leave
    for is_little in (False, True):
        of_these = {n: calls for n, calls in choices.items() if (calls[0].struct == _SAVES_LITTLE) == is_little}
        if wanted.winograd == "all" and not is_little:
            taken = {number: calls[0] for number, calls in of_these.items()}
        else:
            taken = room.within_bounds(
                of_these,
                flash,
                sum(flash.values()),
                (plain.total_bytes, plain.tensors.values()),
                partial(_bytes_with, program, planned),
                may_grow=wanted.goal != "ram" and not is_little,
            )
        program = _with(program, taken)
        plain = planned(program)
    return program, plain


def _bytes_with(program: Program, planned: Callable[[Program], Memory], calls: Mapping[int, Call]) -> int:
    return planned(_with(program, calls)).total_bytes


def _wanted(call: Call, wanted: Wanted) -> tuple[Call, ...]:
    """Its faster calls."""
    has_winograd = wanted.winograd != "none"
    return tuple(one for one in call.faster if has_winograd or one.struct != f"tinynn_{kernels.WINOGRAD}")


def _by_rows(program: Program, wanted: Wanted) -> ByRows:
    """How steps go by rows: by Winograd's kernel with transformed weights, as far as flash may grow by them."""
    calls = [step.call for step in program.steps if isinstance(step, Step)]
    left = sum(call.flash_bytes for call in calls) // room.CONSTANTS_PARTS
    offers = [
        (one.flash_bytes - call.flash_bytes, one)
        for call in calls
        for one in _wanted(call, wanted)
        if one.fields.get("is_transformed", 1)
    ]
    kept: set[Call] = set()
    for more, call in sorted(offers, key=lambda offer: offer[0]):
        if wanted.goal != "flash" and (more <= left or wanted.winograd == "all"):
            kept.add(call)
            left -= max(more, 0)
    return partial(rows.by_rows, may_have=kept.__contains__)


def _with(program: Program, calls: Mapping[int, Call]) -> Program:
    steps = tuple(
        replace(step, call=calls[number]) if isinstance(step, Step) and number in calls else step
        for number, step in enumerate(program.steps)
    )
    return replace(program, steps=steps)
