"""What a bench can trade instructions for RAM: its variants by streaming, chase and patches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tinyflow.core.action import Action
from tinyflow.core.errors import ModelError, UsageError
from tinyflow.flow.planning.plan import BenchPlan, Planner
from tinyflow.recipes.bench import Bench
from tinyflow.report.pareto import Choice, best

_STREAM = "stream"
_PLAIN_GOAL = "balanced"  # what +stream without a value means
# feature and value → whether it is tried with each goal of streaming
_VARIANTS: tuple[tuple[tuple[tuple[str, str | None], ...], bool], ...] = (
    ((), True),
    ((("chase", "off"),), False),
    *(((("patch", grid),), False) for grid in ("2", "3", "4")),
)


def memory_choices(
    bench: Bench, planner: Planner, read: Callable[[Action, str], Any]
) -> tuple[list[Choice], tuple[BenchPlan, ...]]:
    """All choices by estimate, and the plans of those that are worth being run: the bench's own is the first.

    `read` brings an action about and reads a JSON that it made. Raises UsageError for a bench that can't be varied.
    """
    if _STREAM in dict(bench.features):
        bench.refuse("its chains are what is chosen here", at=f"+{_STREAM}", hint="leave it out")
    found: list[tuple[Bench, Choice]] = []
    for features, has_goals in _VARIANTS:
        found += _variants(bench, features, has_goals, planner, read)
    are_best = best([(choice.arena_bytes, choice.instructions) for _, choice in found])
    worth = [variant for (variant, _), is_best in zip(found, are_best, strict=True) if is_best or variant == bench]
    return [choice for _, choice in found], tuple(map(planner.plan_bench, worth))


def _variants(
    bench: Bench,
    features: tuple[tuple[str, str | None], ...],
    has_goals: bool,
    planner: Planner,
    read: Callable[[Action, str], Any],
) -> Iterator[tuple[Bench, Choice]]:
    if {name for name, _ in features} & dict(bench.features).keys():
        return
    base = _with(bench, *features)
    try:
        choices = read(planner.choices(planner.plan_bench(base), is_one=not has_goals), "choices.json")
    except (UsageError, ModelError):  # it doesn't go with the rest, or saves nothing
        if not features:
            raise
        return
    for each in choices:
        goal = None if each["goal"] == _PLAIN_GOAL else each["goal"]
        variant = _with(base, (_STREAM, goal)) if each["goal"] else base
        yield variant, Choice(variant.name, each["arena_bytes"], each["instructions"])


def _with(bench: Bench, *features: tuple[str, str | None]) -> Bench:
    return replace(bench, features=tuple(sorted((*bench.features, *features))))
