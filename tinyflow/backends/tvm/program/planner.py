"""The planner of memory that options name, with its refusal. Imports no TVM."""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow.core.errors import ModelError
from tinyflow.model.memory import arena

# option usmp: what the variant does by itself, or one of `arena.Planner`
USMP = ("default", "greedy", "hill_climb", "exact")


def plan_buffers(buffers: Sequence[arena.Buffer], alignment: int, planner: arena.Planner) -> arena.Plan:
    """`arena.plan`; raises ModelError where `exact` can't prove its plan."""
    try:
        return arena.plan(buffers, alignment, planner)
    except arena.NotProvenError as error:
        raise ModelError(f"planner exact: {error}", hint="+usmp.hill_climb, which proves nothing") from error
