"""A bench that would do where one is refused: its command, once its backend was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from tinyflow.backends.refusals import ELSEWHERE
from tinyflow.core.action import Action
from tinyflow.core.errors import ModelError, TinyflowError
from tinyflow.flow.new_project import BACKENDS
from tinyflow.flow.planning.available import lacking
from tinyflow.flow.planning.matching import Matching
from tinyflow.flow.planning.plan import BenchPlan
from tinyflow.recipes.bench import Bench
from tinyflow.recipes.catalogue import Catalogue

_STAGES = ("lower", "generate")


def name_another(
    action: Action,
    error: TinyflowError,
    plans: Iterable[BenchPlan],
    model: Callable[[], bytes],
    catalogue: Catalogue,
    matching: Matching,
) -> None:
    """Give the error of a backend that refuses a model the bench to type instead, if an installed backend takes it.

    `model` gives what the backend got. Nothing is said where such a bench is among `plans` already.
    """
    if action.stage not in _STAGES or not isinstance(error, ModelError):
        return
    plans = list(plans)
    refused = next((plan.bench for plan in plans if any(each.id == action.id for each in plan.actions)), None)
    if refused is None:
        return
    taker = _taker(refused, model, catalogue, matching)
    others = {plan.bench.backend for plan in plans if (plan.bench.model, plan.bench.target) == _place(refused)}
    if taker is None or taker.backend in others:
        return
    told = f"{taker.backend} takes it: doit bench:{taker}"
    error.hint = told if error.hint in ("", ELSEWHERE) else f"{error.hint}; {told}"


def _place(bench: Bench) -> tuple[str, str]:
    return bench.model, bench.target


def _taker(refused: Bench, model: Callable[[], bytes], catalogue: Catalogue, matching: Matching) -> Bench | None:
    """The bench of the first backend that takes all of a model, with as many of the features as it knows."""
    from tinyflow.flow.planning.suitability import takes
    from tinyflow.model import tflite_reader

    absent = {name for waiting in lacking(catalogue, BACKENDS).values() for name in waiting}
    try:
        graph = tflite_reader.read(model(), refused.model_name)
    except ModelError:  # it is damaged, which is what was told
        return None
    for name in BACKENDS:
        features = tuple(each for each in refused.features if name in matching.takers(each[0]))
        other = replace(refused, backend=name, features=features)
        if name not in absent and name != refused.backend and takes(catalogue, other, graph):
            return other
    return None
