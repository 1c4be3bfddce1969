"""Whether an operator is quantised as TFLite's quantisation specification wants its int8 form."""

from __future__ import annotations

from tinyflow.model.fixed_point import OutOfRange
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.weighted import whole

_HINT = "quantise with TFLite's converter"


def activations(graph: Graph, operator: Operator) -> list[Tensor]:
    """All operands but weights, biases and numbers that say how: inputs, then outputs."""
    described = describe(operator.name)
    others = described.parameters if described.weights_axis is None else (1, 2)
    read = [index for position, index in enumerate(operator.inputs) if position not in others and index >= 0]
    return [graph.tensors[index] for index in (*read, *operator.outputs)]


def check_quantisation(graph: Graph, operator: Operator) -> None:
    """Raise ValueError for an output that isn't quantised as it must be, or operands that aren't quantised alike."""
    described = describe(operator.name)
    if described.output is not None:
        made, wanted = whole(graph.tensors[operator.outputs[0]]), described.output
        if (made.scale, made.zero_point) != (wanted.scale, wanted.zero_point):
            what = f"the output is not quantised as 1/{1 / wanted.scale:g} and {wanted.zero_point}"
            raise OutOfRange(what, _HINT)
    if described.keeps_quantisation and len({whole(tensor) for tensor in activations(graph, operator)}) > 1:
        raise OutOfRange("inputs and outputs are quantised differently", _HINT)
