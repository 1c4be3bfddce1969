"""Faster kernels that want more memory, where a network has it: scratch within the arena, constants within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from tinyflow.backends.tinyc import memory, streaming
from tinyflow.backends.tinyc.memory import Memory
from tinyflow.backends.tinyc.steps import Program, Step
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.variants import WINOGRAD

# parts of the arena and of the constants by which they may grow
_ARENA_PARTS, _CONSTANTS_PARTS = 16, 6


class Wanted(NamedTuple):
    """What is asked for of memory: how tensors are aligned, whether outputs chase inputs, WINOGRAD of variants.py."""

    alignment: int = 4
    has_chase: bool = True
    winograd: str = WINOGRAD[0]
    stream: str = ""
    """By which goal of `streaming` layers run row by row; none where they don't."""


def placed(program: Program, wanted: Wanted) -> tuple[Program, Memory]:
    """The program with the faster calls for which there is memory, and the plan of its arena."""

    def planned(changed: Program) -> Memory:
        return memory.plan(changed, wanted.alignment, has_chase=wanted.has_chase)

    if wanted.stream:
        faster, _ = placed(program, wanted._replace(stream=""))
        changed = streaming.streamed(program, faster, wanted.stream, planned, wanted.alignment)
        return changed, planned(changed)
    plain = planned(program)
    choices = {
        number: step.call.faster
        for number, step in enumerate(program.steps)
        if isinstance(step, Step) and step.call.faster
    }
    if wanted.winograd == "none" or not choices:
        return program, plain
    if wanted.winograd == "all":
        changed = _with(program, {number: calls[0] for number, calls in choices.items()})
        return changed, planned(changed)
    limit = plain.total_bytes + plain.total_bytes // _ARENA_PARTS
    room = {number: limit - _alive_bytes(plain, number) for number in choices}
    left = sum(step.call.flash_bytes for step in program.every if isinstance(step, Step)) // _CONSTANTS_PARTS
    taken: dict[int, Call] = {}
    # those with the least room have the fewest choices
    for number in sorted(choices, key=lambda number: (room[number], number)):
        direct = program.steps[number]
        assert isinstance(direct, Step)
        for call in choices[number]:
            more = call.flash_bytes - direct.call.flash_bytes
            if more > left or call.scratch_bytes > room[number]:
                continue
            if planned(_with(program, {**taken, number: call})).total_bytes <= limit:
                taken[number], left = call, left - more
                break
    changed = _with(program, taken)
    return changed, planned(changed)


def _alive_bytes(plain: Memory, number: int) -> int:
    """What is there at a step but for its scratch: each byte once, as tensors may share them."""
    spans = sorted((one.offset, one.end) for one in plain.tensors.values() if one.first <= number <= one.last)
    return sum(end - begin for begin, end in _apart(spans))


def _apart(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same bytes by spans that don't overlap."""
    behind = 0
    for begin, end in spans:
        if end > behind:
            yield max(begin, behind), end
            behind = end


def _with(program: Program, calls: dict[int, Call]) -> Program:
    steps = tuple(
        replace(step, call=calls[number]) if isinstance(step, Step) and number in calls else step
        for number, step in enumerate(program.steps)
    )
    return replace(program, steps=steps)
