"""Schedules: how the loops of a definition with blocks `accumulate` and `requantise` are ordered, tiled and packed."""

from __future__ import annotations

from typing import Any

from tvm import s_tir

PrimFunc = Any  # tvm.tirx.PrimFunc; TVM ships no types


def one_at_a_time(definition: PrimFunc) -> PrimFunc:
    """Finish each output before the next one is begun: its accumulator is one scalar."""
    schedule = s_tir.Schedule(definition)
    accumulate, requantise = schedule.get_sblock("accumulate"), schedule.get_sblock("requantise")
    innermost = schedule.get_loops(requantise)[-1]
    schedule.compute_at(accumulate, innermost, preserve_unit_loops=True)
    depth = len(schedule.get_loops(requantise))
    schedule.decompose_reduction(accumulate, schedule.get_loops(accumulate)[depth])
    return schedule.mod["main"]
