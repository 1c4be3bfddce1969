"""A graph under change: tensors put behind those that there are, operators in place of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.model.graph import Graph, Operator, Tensor, unused_name
from tinyflow.model.transforms.whole_operators import Reasons
from tinyflow.model.weighted import constant_bytes


class Editing:
    """The tensors of a graph, and more. Those that there were keep their indices."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors = list(graph.tensors)
        self._names = {tensor.name for tensor in graph.tensors}

    def add(self, like: Tensor, **changes: Any) -> int:
        """One more tensor, like another but for some fields, with a name of its own; its index."""
        name = unused_name(changes.pop("name", like.name), self._names)
        self._names.add(name)
        self.tensors.append(replace(like, index=len(self.tensors), name=name, **changes))
        return len(self.tensors) - 1

    def constant(self, like: Tensor, values: npt.NDArray[Any], **changes: Any) -> int:
        """One more constant of these values."""
        dtype = changes.get("dtype", like.dtype)
        return self.add(like, shape=values.shape, data=constant_bytes(values, dtype), **changes)


def edit(
    graph: Graph, reason: str, instead: Callable[[Editing, Operator], Iterator[Operator]], *names: str
) -> tuple[Graph, Reasons]:
    """The graph with others in place of its operators of these names, and the reason for each that changed.

    `instead` gives what takes an operator's place, which writes all that it writes; nothing where it stays.
    """
    editing, reasons = Editing(graph), Reasons()
    operators: list[Operator] = []
    for operator in graph.operators:
        put = list(instead(editing, operator)) if operator.name in names or not names else []
        operators += put or [operator]
        if put:
            reasons[operator.outputs[0]] = reason
    if not reasons:
        return graph, reasons
    return replace(graph, tensors=tuple(editing.tensors), operators=tuple(operators)), reasons


def is_small_enough(values: npt.NDArray[Any], dtype: str) -> bool:
    """Whether an integer type has all of these numbers."""
    limits = np.iinfo(dtype)
    return bool(((values >= limits.min) & (values <= limits.max)).all())
