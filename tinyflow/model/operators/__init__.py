"""What is true of each operator of the TFLite schema, said once: options, versions, operands, shapes, quantisation.

Facts only, and light ones: no numpy, no flatbuffers. What an operator computes, and which kernel does it, is asked
elsewhere by its name. Operators that nothing is known of may read and write any number of tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import CUSTOM, Graph, Operator, Shape, Tensor
from tinyflow.model.operators import (
    activation,
    control,
    convolution,
    detection,
    elementwise,
    fully_connected,
    moving,
    recurrent,
    reduction,
    signal,
)
from tinyflow.model.operators.description import ANY, Description, Options
from tinyflow.model.operators.shapes import NotConstant, has_same_elements, text

_FAMILIES = (
    *(convolution, fully_connected, elementwise, activation, reduction, moving, recurrent, control, signal),
    detection,
)
DESCRIPTIONS: Mapping[str, Description] = {
    description.name: description for family in _FAMILIES for description in family.OPERATORS
}

# operators that leave all bytes where they are, under another shape
VIEWS = tuple(name for name, described in DESCRIPTIONS.items() if described.is_view)
# operators with weights and biases
WEIGHTED = tuple(name for name, described in DESCRIPTIONS.items() if described.weights_axis is not None)


def describe(name: str) -> Description:
    """The description of an operator."""
    if name.startswith(CUSTOM) and name not in DESCRIPTIONS:
        return Description(name, (0, ANY), outputs=ANY, is_active=True)
    return DESCRIPTIONS.get(name) or Description(name, outputs=ANY)


def output_shape(name: str, read: Sequence[Tensor], options: Options) -> Shape | None:
    """The shape of an operator's first output; None where no rule or only a run tells it.

    Raises ModelError, without a place (`where`), for tensors that don't fit.
    """
    rule = describe(name).shape
    try:
        return None if rule is None else rule(read, options)
    except NotConstant:
        return None


def has_state(graph: Graph) -> bool:
    """Whether anything is kept from call to call: variables, or what operators remember by themselves."""
    operators = (operator for part in graph.graphs for operator in part.operators)
    return graph.state_bytes > 0 or any(describe(operator.name).remembers for operator in operators)


def check_operator(graph: Graph, operator: Operator) -> None:
    """Raise ModelError for too few or too many tensors, and for shapes that don't fit; its words go behind the name.

    Tensor indices must be valid already.
    """
    described = describe(operator.name)
    _check_numbers(described, operator)
    read = [graph.tensors[index] for index in operator.inputs if index >= 0]
    for position, index in enumerate(operator.inputs):
        if index >= 0 and position not in described.parameters and not graph.tensors[index].elements:
            raise ModelError(f"reads {graph.tensors[index].name}, which has no elements")
    if not operator.outputs:
        return
    written = graph.tensors[operator.outputs[0]].shape
    if (described.is_view or described.keeps_elements) and not has_same_elements(read[0].shape, written):
        raise ModelError(f"turns {text(read[0].shape)} into {text(written)}, which has other elements")
    expected = output_shape(operator.name, read, operator.options)
    if expected is not None and not described.fits(expected, written):
        raise ModelError(f"computes {text(expected)}, its output tensor is {text(written)}")
    if described.check is not None:
        with suppress(NotConstant):
            described.check(graph, operator)


def _check_numbers(described: Description, operator: Operator) -> None:
    if not operator.outputs and not described.is_active:
        raise ModelError("has no output")
    (least, most), given = described.inputs, len(operator.inputs)
    if min(operator.inputs[:least], default=0) < 0 or given < least:
        raise ModelError(f"lacks an input: it reads {_count(least, most)}")
    if given > most:
        raise ModelError(f"reads {given} tensors, not {_count(least, most)}")
    if len(operator.outputs) > described.outputs:
        raise ModelError(f"writes {len(operator.outputs)} tensors, not {described.outputs}")
    # only what comes behind the inputs that must be there may be absent, and a list has no gaps
    if most == ANY and described.name in DESCRIPTIONS and min(operator.inputs, default=0) < 0:
        raise ModelError("lacks an input")


def _count(least: int, most: int) -> str:
    return f"{least}" if least == most else f"{least} or more" if most == ANY else f"{least} to {most}"
