"""Operators with state of their own: SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tinyflow.backends.programs.steps import Lowering, Operand, Step
from tinyflow.backends.tinyc.lower_float32 import clamp
from tinyflow.backends.tinynn.choice import plain
from tinyflow.backends.tinynn.fields import constant, lstm_fields
from tinyflow.model import recurrent
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.forms import form_of


def _step(
    operator: Operator, variant: str, kernel: str, fields: Mapping[str, Any], states: tuple[int, ...]
) -> Iterator[Step]:
    """Reads the input and what is its state, which it writes as well."""
    inputs = tuple(Operand(operator.inputs[position]) for position in (0, *states))
    yield Step(operator.index, plain(variant, kernel, fields), inputs, Operand(operator.outputs[0]))


def _svdf(graph: Graph, operator: Operator, variant: str) -> Iterator[Step]:
    features, time, bias, state = operator.inputs[1:5]
    arrays = {"features": constant(graph, features), "time": constant(graph, time)}
    if bias >= 0:
        arrays["bias"] = constant(graph, bias)
    if form_of(graph, operator) == "float32":
        sizes = recurrent.svdf_sizes(graph, operator)
        fields = {**arrays, **sizes, **clamp(operator.options["activation"])}
        yield from _step(operator, variant, "svdf_float32", fields, (4,))
        return
    numbers = recurrent.svdf(graph, operator)
    fields = {**arrays, **numbers, "pitch": numbers["inputs"]}
    yield from _step(operator, variant, f"svdf_{graph.tensors[state].dtype}", fields, (4,))


def _lstm(graph: Graph, operator: Operator, variant: str) -> Iterator[Step]:
    form = form_of(graph, operator)
    states = (recurrent.STATE, recurrent.MEMORY)
    yield from _step(operator, variant, f"lstm_{form}", lstm_fields(graph, operator, form), states)


# form → operator → lowering
LOWERINGS: Mapping[str, Mapping[str, Lowering]] = {
    "int8": {"SVDF": _svdf, "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm},
    "int16": {"UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm},
    "float32": {"SVDF": _svdf, "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm},
}
