"""What has effects beside its outputs: variables that outlive a call, and operators that run subgraphs."""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators.description import ANY, BINARY, UNARY, Description, Option
from tinyflow.model.operators.shapes import require

_Tensors = Sequence[Tensor]


def called_forms(name: str, read: _Tensors, written: _Tensors) -> list[tuple[_Tensors, _Tensors | None]]:
    """What each subgraph that an operator calls must take and give, in shapes and types; None: a condition."""
    if name == "IF":
        return [(read[1:], written)] * 2
    if name == "WHILE":
        return [(read, None), (read, written)]
    return [((), ())]


def is_condition(tensors: _Tensors) -> bool:
    """Whether they are a single truth value."""
    return [(tensor.dtype, tensor.elements) for tensor in tensors] == [("bool", 1)]


def _check_condition(graph: Graph, operator: Operator) -> None:
    condition = graph.tensors[operator.inputs[0]]
    require(is_condition([condition]), f"goes by {condition.name}, which is not a single bool")


OPERATORS = (
    Description("VAR_HANDLE", (0, 0), options=(Option("container", ""), Option("shared_name", ""))),
    Description("READ_VARIABLE", UNARY, table="ReadVariableOptions"),
    Description("ASSIGN_VARIABLE", BINARY, outputs=0, table="AssignVariableOptions", is_active=True),
    Description("CALL_ONCE", (0, 0), outputs=0, options=(Option("init_subgraph_index", 0),), is_active=True),
    Description(
        "IF",
        (1, ANY),
        outputs=ANY,
        options=(Option("then_subgraph_index", 0), Option("else_subgraph_index", 0)),
        check=_check_condition,
        is_active=True,
    ),
    Description(
        "WHILE",
        (1, ANY),
        outputs=ANY,
        options=(Option("cond_subgraph_index", 0), Option("body_subgraph_index", 0)),
        is_active=True,
    ),
)
