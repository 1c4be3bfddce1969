"""How an operator that a backend doesn't compile is refused: what speaks against it, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from tinyflow.core.errors import ModelError
from tinyflow.model.advice import VERSION_HINT, advice_on
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import describe


class Unsupported(ValueError):
    """An operator that no kernel computes. Without a hint, the advice that its types call for."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


def check_operators(
    graph: Graph, backend: str, lowered: Collection[str], compiles: Callable[[Operator], object]
) -> None:
    """Raise ModelError for the first operator that a backend doesn't compile: its name, version, a tensor.

    `lowered` are the operators that it knows, in the int8 form of their descriptions; `compiles` raises ValueError.
    """
    from tinyflow.model.operators.int8 import check_form

    for operator in graph.operators:
        try:
            _check_known(operator, lowered)
            check_form(graph, operator)
            compiles(operator)
        except ValueError as error:
            tensor = graph.tensors[operator.outputs[0]].name
            where = f"operator {operator.index} {operator.name} version {operator.version}, tensor {tensor!r}"
            hint = getattr(error, "hint", "") or advice_on(graph, operator)
            raise ModelError(f"{error} (backend {backend})", where=where, hint=hint) from None


def _check_known(operator: Operator, lowered: Collection[str]) -> None:
    if operator.name not in lowered:
        raise Unsupported("this operator is not supported", f"supported: {', '.join(sorted(lowered))}")
    _, newest = describe(operator.name).versions
    if operator.version > newest:
        raise Unsupported(f"only versions up to {newest} are supported", VERSION_HINT)
