"""Exact graph reduction: whatever no input can change is computed once, here, and not on the chip.

Interval analysis proves which channels are constant for every possible input; they are removed and the constants folded
into what follows. Operators that compute a constant or change nothing go, constants that exist twice are joined, unused
tensors are dropped. For every input the reduced graph gives the bytes that the original gives, in the arithmetic of
TFLM's reference kernels; the proof is that every step replaces what it removes by an equal value.
"""

from __future__ import annotations

from tinyflow.model.graph import Graph
from tinyflow.model.transforms.intervals import analyse
from tinyflow.model.transforms.record import Reduction
from tinyflow.model.transforms.shrink.channels import removable_channels
from tinyflow.model.transforms.shrink.narrowing import cut
from tinyflow.model.transforms.tidy import compact, drop_identities, drop_unread, fold_constants, join_reshapes


def shrink(graph: Graph) -> Reduction:
    """The reduced graph, which reads and writes the same tensors, and what was removed and why."""
    reduction = Reduction(graph)
    before = None
    while reduction.graph != before:  # each round removes something, so this ends
        before = reduction.graph
        _reduce_once(reduction)
    reduction.finish(compact(reduction.graph))
    return reduction


def _reduce_once(reduction: Reduction) -> None:
    bounds = analyse(reduction.graph)
    for step in (fold_constants, drop_identities):
        reduction.note_operators(*step(reduction.graph, bounds))
    for follow_up in (join_reshapes, drop_unread):
        reduction.note_operators(*follow_up(reduction.graph))
    removable = removable_channels(reduction.graph, bounds)
    reduction.note_channels(cut(reduction.graph, bounds, removable), bounds, removable)
