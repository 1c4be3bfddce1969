"""Exact graph reduction: whatever no input can change is computed once, here, and not on the chip.

Interval analysis proves which channels are constant for every possible input; they are removed and the constants folded
into what follows. Operators that compute a constant or change nothing go, constants that exist twice are joined, unused
tensors are dropped. For every input the reduced graph gives the bytes that the original gives, in the arithmetic of
TFLM's reference kernels; the proof is that every step replaces what it removes by an equal value.
"""

from __future__ import annotations

import numpy as np

from tinyflow.model.graph import Graph
from tinyflow.model.transforms.intervals import Bounds, analyse
from tinyflow.model.transforms.record import Change
from tinyflow.model.transforms.shrink.channels import removable_channels
from tinyflow.model.transforms.shrink.narrowing import narrow
from tinyflow.model.transforms.whole_operators import (
    compact,
    drop_identities,
    drop_unread,
    fold_constants,
    join_reshapes,
)


def shrink(graph: Graph) -> Change:
    """The reduced graph, which reads and writes the same tensors, and what was removed and why."""
    change = Change(graph)
    before = None
    while change.graph != before:  # each round removes something, so this ends
        before = change.graph
        _reduce_once(change)
    change.graph = compact(change.graph)
    return change


def _reduce_once(change: Change) -> None:
    bounds = analyse(change.graph)
    for step in (fold_constants, drop_identities):
        change.operators_went(*step(change.graph, bounds))
    for follow_up in (join_reshapes, drop_unread):
        change.operators_went(*follow_up(change.graph))
    removable = removable_channels(change.graph, bounds)
    reasons = {
        index: {int(channel): _reason(bounds.get(index), int(channel)) for channel in np.flatnonzero(mask)}
        for index, mask in removable.items()
        if mask.any()
    }
    change.channels_went(narrow(change.graph, bounds, removable), reasons)


def _reason(bounds: Bounds | None, channel: int) -> str:
    """Why one channel could go."""
    if bounds is not None and bounds.fixed[..., channel].all():
        values = np.unique(bounds.low[..., channel])
        return f"always {values[0]}" if len(values) == 1 else "the same for every input"
    return "nothing reads it"
