"""Which layer of a bench is wrong: the bench of the first layers alone, again and again, half of the rest each time.

A bench of layers 0 to k goes the way of any bench: the reference computes the cut model too, and all that later
layers read is compared. So the layer that is named has inputs that are right and an output that is not, or it faults.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from tinyflow.core.action import Action
from tinyflow.core.errors import RunError, Timeout, TinyflowError, ValidationError
from tinyflow.flow.planning.plan import BenchPlan

# What a wrong kernel leads to; anything else (a compiler's complaint) has nothing to do with layers.
WRONG = (ValidationError, RunError, Timeout)

Try = Callable[[Collection[Action]], Exception | None]


class WrongLayer(NamedTuple):
    """The layer, and what its bench says."""

    layer: int
    error: TinyflowError

    def lines(self, layer: Mapping[str, Any]) -> list[str]:
        """For people: the layer, as plan.json describes it, then where, expected and got, or the fault."""
        called = ", ".join(dict.fromkeys(layer.get("functions", ())))
        called = f" ({called})" if called else ""
        where, what = self.error.where, self.error.what
        told = where if isinstance(self.error, ValidationError) else ": ".join(filter(None, (where, what)))
        return [f"layer {self.layer} {layer['operator']}{called}", f"  {told}"]


def find(
    count: int,
    plan_up_to: Callable[[int], BenchPlan],
    attempt: Try,
    report: Callable[[str], None] = lambda line: None,
) -> WrongLayer | None:
    """The wrong layer; None where the bench of all `count` layers is right.

    `attempt` runs actions and returns the first error. Raises that where it isn't one of WRONG.
    """
    right, wrong = -1, count - 1
    error = _attempt(attempt, plan_up_to(wrong))
    if error is None:
        return None
    while wrong - right > 1:
        middle = (right + wrong) // 2
        found = _attempt(attempt, plan_up_to(middle))
        report(f"layers 0 to {middle}: {'right' if found is None else 'wrong'}")
        if found is None:
            right = middle
        else:
            wrong, error = middle, found
    return WrongLayer(wrong, error)


def _attempt(attempt: Try, plan: BenchPlan) -> TinyflowError | None:
    error = attempt(plan.actions)
    if error is None:
        return None
    if isinstance(error, WRONG):
        return error
    raise error
