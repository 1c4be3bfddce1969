"""Tidying: what converters leave in a network that says the same without it. Every bench's model goes through it.

Shapes that are computed, weights of float16, operators that change nothing or undo each other, padding that the next
operator can do itself. For every input the tidied graph gives the bytes that the original gives; inputs and outputs
keep their names, types and shapes. A network without any of that stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable

from tinyflow.model.graph import Graph
from tinyflow.model.operators import describe
from tinyflow.model.transforms.record import Change
from tinyflow.model.transforms.tidy.groups import part_groups
from tinyflow.model.transforms.tidy.numbers import centre_weights, narrow_lists, positive_scales, unpack_weights
from tinyflow.model.transforms.tidy.padding import fold_padding
from tinyflow.model.transforms.tidy.pairs import cancel_pairs
from tinyflow.model.transforms.tidy.transposes import sink_transposes
from tinyflow.model.transforms.tidy.unsigned import shift_uint8
from tinyflow.model.transforms.whole_operators import (
    Reasons,
    compact,
    drop_identities,
    drop_unread,
    fold_constants,
    join_reshapes,
)

_CHANGES: tuple[Callable[[Graph], tuple[Graph, Reasons]], ...] = (
    narrow_lists,
    unpack_weights,
    shift_uint8,
    part_groups,
    centre_weights,
    positive_scales,
)
_REMOVALS: tuple[Callable[[Graph], tuple[Graph, Reasons]], ...] = (
    lambda graph: fold_constants(graph, {}),
    lambda graph: drop_identities(graph, {}),
    cancel_pairs,
    sink_transposes,
    join_reshapes,
    fold_padding,
    drop_unread,
)


def tidy(graph: Graph) -> Change:
    """The tidied graph, which reads and writes the same tensors, what went and changed, and why.

    One with operators whose options nobody knows, so that it can't be written, stays as it is.
    """
    change, before = Change(graph), None
    if any(
        operator.options and not describe(operator.name).table for part in graph.graphs for operator in part.operators
    ):
        return change
    while change.graph is not before:  # each round takes something away, so this ends
        before = change.graph
        for step in _CHANGES:
            change.operators_changed(*step(change.graph))
        for step in _REMOVALS:
            change.operators_went(*step(change.graph))
    if not change.graph.operators:  # of a network whose outputs are its inputs nothing is left
        return Change(graph)
    if change.graph is not graph:
        change.graph = compact(change.graph)
    return change
