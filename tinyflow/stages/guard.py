"""From a memory plan to what each layer may write: the tensors that begin with it, scratch among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.core.errors import ModelError
from tinyflow.targets.guarding import Guarded, GuardedCall, Place


def guarded(plan: Mapping[str, Any], scope: str) -> Guarded:
    """All calls of one inference; `scope` is `arena` or `ram`. Raises ModelError for a plan that doesn't say enough."""
    arena = plan.get("arena") or {}
    tensors = arena.get("tensors") or []
    layers = [layer for layer in plan.get("layers", ()) if layer["functions"]]
    if not tensors or not layers:
        raise ModelError(
            f"{plan['backend']} doesn't say what lies where in memory",
            hint="+guard needs `arena` with `symbol` and `tensors`, and `layers` with `functions`, in plan.json",
        )
    # by place too: scratch may have an input's name
    inputs = {(port.get("name"), port["symbol"]) for port in plan["inputs"]}
    calls = []
    for layer in layers:
        alive = [tensor for tensor in tensors if tensor["first"] <= layer["index"] <= tensor["last"]]
        begun = [tensor for tensor in alive if tensor["first"] == layer["index"]]
        own = [t for t in begun if (t["name"], f"{arena['symbol']}+{t['offset']}") not in inputs]
        writable = tuple(_place(arena, tensor) for tensor in own)
        others = tuple(_place(arena, tensor) for tensor in alive if tensor not in own)
        calls += [GuardedCall(function, writable, others) for function in layer["functions"]]
    return Guarded(
        symbol=plan["invoke"],
        dispatcher=plan.get("dispatcher", plan["invoke"]),
        calls=tuple(calls),
        arena=Place("the arena", arena["symbol"], arena["bytes"]),
        is_arena_only=scope == "arena",
    )


def _place(arena: Mapping[str, Any], tensor: Mapping[str, Any]) -> Place:
    return Place(tensor["name"], f"{arena['symbol']}+{tensor['offset']}", tensor["bytes"])
