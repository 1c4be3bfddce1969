"""From operators to kernel calls: one function for each operator, in a module for each family."""

from __future__ import annotations

from collections.abc import Mapping

from tinyflow.backends.programs.steps import Lowering, Operand, Step
from tinyflow.backends.tinyc import (
    lower_along,
    lower_control,
    lower_detection,
    lower_elementwise,
    lower_float32,
    lower_int16,
    lower_moving,
    lower_pairs,
    lower_recurrent,
    lower_signal,
    lower_spatial,
)
from tinyflow.backends.tinynn.calls import Call
from tinyflow.model.element_types import WHOLE_BYTES
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.forms import activations, form_of

_COMPUTING: Mapping[str, Mapping[str, Lowering]] = {
    "int8": {**lower_spatial.LOWERINGS, **lower_elementwise.LOWERINGS},
    "int16": lower_int16.LOWERINGS,
    "int32": {"QUANTIZE": lower_elementwise.quantise},
    "float32": {**lower_float32.LOWERINGS, "QUANTIZE": lower_elementwise.quantise},
    "uint8": {
        "QUANTIZE": lower_elementwise.quantise,
        "DEQUANTIZE": lower_elementwise.dequantise,
        "RESIZE_BILINEAR": lower_float32.resize_bilinear,
    },
}
# form → operator → lowering; elements of any type can be moved
LOWERINGS: Mapping[str, Mapping[str, Lowering]] = {
    form: {
        **lower_pairs.LOWERINGS.get(form, {}),
        **lower_along.LOWERINGS.get(form, {}),
        **_COMPUTING.get(form, {}),
        **(lower_moving.LOWERINGS if form in WHOLE_BYTES else {}),
        **lower_signal.LOWERINGS.get(form, {}),
        **lower_detection.LOWERINGS.get(form, {}),
        **lower_recurrent.LOWERINGS.get(form, {}),
        **controlling,
    }
    for form, controlling in lower_control.LOWERINGS.items()
}


def lower_operator(graph: Graph, operator: Operator, variant: str) -> list[Step]:
    """The calls for one operator. Raises ValueError, mostly Unsupported, for one that no kernel computes."""
    lowered = LOWERINGS[form_of(graph, operator)][operator.name](graph, operator, variant)
    if not isinstance(lowered, Call):
        return list(lowered)
    *inputs, output = (Operand(tensor.index) for tensor in activations(graph, operator))
    return [Step(operator.index, lowered, tuple(inputs), output)]
