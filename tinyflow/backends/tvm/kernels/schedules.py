"""Schedules: how the loops of a definition with blocks `accumulate` and `requantise` are ordered, tiled and packed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm import s_tir

PrimFunc = Any  # tvm.tirx.PrimFunc; TVM ships no types


def one_at_a_time(definition: PrimFunc, order: Sequence[int] | None = None) -> PrimFunc:
    """Finish each output before the next one is begun: its accumulator is one scalar.

    `order`: the reduction's loops, outermost first, where it isn't the definition's.
    """
    schedule = s_tir.Schedule(definition)
    accumulate, requantise = schedule.get_sblock("accumulate"), schedule.get_sblock("requantise")
    innermost = schedule.get_loops(requantise)[-1]
    schedule.compute_at(accumulate, innermost, preserve_unit_loops=True)
    depth = len(schedule.get_loops(requantise))
    if order is not None:
        reduction = schedule.get_loops(accumulate)[-len(order) :]
        schedule.reorder(*(reduction[place] for place in order))
    schedule.decompose_reduction(accumulate, schedule.get_loops(accumulate)[depth])
    return schedule.mod["main"]
