"""The planner of memory that options name, with its refusal. Imports no TVM."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING

from tinyflow.core.errors import ModelError

if TYPE_CHECKING:
    from tinyflow.model.memory import arena

# option usmp: what the variant does by itself, or one of `arena.Planner`
USMP = ("default", "greedy", "hill_climb", "exact")


def plan_buffers(
    buffers: Iterable[arena.Buffer], alignment: int, usmp: str, overlaps: arena.Overlaps = MappingProxyType({})
) -> arena.Plan:
    """`arena.plan` as the option has it; raises ModelError where `exact` can't prove its plan."""
    from tinyflow.model.memory import arena

    planner: arena.Planner = "search" if usmp == "default" else usmp  # type: ignore[assignment]
    try:
        return arena.plan(list(buffers), alignment, planner, overlaps)
    except arena.NotProvenError as error:
        raise ModelError(f"planner exact: {error}", hint="+usmp.hill_climb, which proves nothing") from error
