"""Variables and subgraphs: whether `program` can have them. It writes their steps itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tinyflow.backends.programs.steps import Lowering, Step
from tinyflow.model import variables
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.graph import Graph, Operator


def _nothing(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:  # noqa: ARG001
    return ()


def _call_once(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:  # noqa: ARG001
    variables.check_called_first(graph, operator)
    return ()


# form → operator → lowering
LOWERINGS: Mapping[str, Mapping[str, Lowering]] = {
    **{form: {"WHILE": _nothing} for form in ELEMENT_TYPES},
    "bool": {"WHILE": _nothing, "IF": _nothing},
    "resource": dict.fromkeys(("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"), _nothing),
    "": {"CALL_ONCE": _call_once},
}
