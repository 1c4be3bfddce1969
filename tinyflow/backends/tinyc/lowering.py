"""From operators to kernel calls: one function for each operator, in a module for each family."""

from __future__ import annotations

from collections.abc import Mapping

from tinyflow.backends.tinyc import lower_elementwise, lower_moving, lower_spatial
from tinyflow.backends.tinyc.steps import Lowering, Operand, Program, Step
from tinyflow.backends.tinynn.calls import Call
from tinyflow.model.element_types import WHOLE_BYTES
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import describe
from tinyflow.model.operators.forms import activations, form_of

_COMPUTING: Mapping[str, Mapping[str, Lowering]] = {
    "int8": {**lower_spatial.LOWERINGS, **lower_elementwise.LOWERINGS},
    "float32": {"QUANTIZE": lower_elementwise.LOWERINGS["QUANTIZE"]},
}
# form → operator → lowering; elements of any type can be moved
LOWERINGS: Mapping[str, Mapping[str, Lowering]] = {
    form: {**_COMPUTING.get(form, {}), **lower_moving.LOWERINGS} for form in WHOLE_BYTES
}


def lower(graph: Graph, variant: str) -> Program:
    """The program of a graph whose operators all have a lowering."""
    shares: dict[int, int] = {}
    steps: list[Step] = []
    for operator in graph.operators:
        if describe(operator.name).is_view and not _must_copy(graph, operator, shares):
            source = operator.inputs[0]
            shares[operator.outputs[0]] = shares.get(source, source)
        else:
            steps.extend(lower_operator(graph, operator, variant))
    return Program(graph, tuple(steps), shares)


def _must_copy(graph: Graph, operator: Operator, shares: Mapping[int, int]) -> bool:
    """Whether a constant becomes an output of the graph, which must lie in RAM."""
    source = shares.get(operator.inputs[0], operator.inputs[0])
    return graph.tensors[source].is_constant and operator.outputs[0] in graph.outputs


def lower_operator(graph: Graph, operator: Operator, variant: str) -> list[Step]:
    """The calls for one operator. Raises ValueError, mostly Unsupported, for one that no kernel computes."""
    lowered = LOWERINGS[form_of(graph, operator)][operator.name](graph, operator, variant)
    if not isinstance(lowered, Call):
        return list(lowered)
    *inputs, output = (Operand(tensor.index) for tensor in activations(graph, operator))
    return [Step(operator.index, lowered, tuple(inputs), output)]
