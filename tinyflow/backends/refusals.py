"""How an operator that a backend doesn't compile is refused: what speaks against it, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable

from tinyflow.core.errors import ModelError
from tinyflow.model.advice import advice_on
from tinyflow.model.graph import Graph, Operator


class Unsupported(ValueError):
    """An operator that no kernel computes. Without a hint, the advice that its types call for."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


def check_operators(graph: Graph, backend: str, compiles: Callable[[Operator], object]) -> None:
    """Raise ModelError for the first operator for which `compiles` raises ValueError: its name, version, a tensor."""
    for operator in graph.operators:
        try:
            compiles(operator)
        except ValueError as error:
            tensor = graph.tensors[operator.outputs[0]].name
            where = f"operator {operator.index} {operator.name} version {operator.version}, tensor {tensor!r}"
            hint = getattr(error, "hint", "") or advice_on(graph, operator)
            raise ModelError(f"{error} (backend {backend})", where=where, hint=hint) from None
