"""What people and doit call an action."""

from __future__ import annotations

from tinyflow.core.action import Action

_SHORT_ID = 12  # of 50,000 tasks two have one name with a chance of 4 in a million


def task_name(action: Action) -> str:
    """`<stage>:<short id>`."""
    return f"{action.stage}:{action.id[:_SHORT_ID]}"
