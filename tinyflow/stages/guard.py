"""From a memory plan to what each layer may write: the tensors that begin with it, scratch among them."""

from __future__ import annotations

from tinyflow.core.errors import ModelError
from tinyflow.model.plan_document import Arena, PlanDocument, Resident
from tinyflow.targets.guarding import Guarded, GuardedCall, Place


def guarded(plan: PlanDocument, scope: str) -> Guarded:
    """All calls of one inference; `scope` is `arena` or `ram`. Raises ModelError for a plan that doesn't say enough."""
    arena = plan.arena
    if arena is None or not arena.symbol or not arena.tensors or not plan.calls:
        raise ModelError(
            f"{plan.backend} doesn't say what lies where in memory",
            hint="+guard needs `arena` with `symbol` and `tensors`, and `layers` with `functions`, in plan.json",
        )
    calls = []
    for layer, function in plan.calls:
        alive = arena.alive_at(layer.index)
        own = [tensor for tensor in alive if tensor.first == layer.index and not plan.is_input(arena, tensor)]
        writable = tuple(_place(arena, tensor) for tensor in own)
        others = tuple(_place(arena, tensor) for tensor in alive if tensor not in own)
        calls.append(GuardedCall(function, writable, others))
    return Guarded(
        symbol=plan.invoke,
        dispatcher=plan.caller,
        calls=tuple(calls),
        arena=Place("the arena", arena.place(0), arena.bytes),
        is_arena_only=scope == "arena",
    )


def _place(arena: Arena, tensor: Resident) -> Place:
    return Place(tensor.name, arena.place(tensor.offset), tensor.bytes)
