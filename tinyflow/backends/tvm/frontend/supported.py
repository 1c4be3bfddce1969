"""The operators that the integer lowering knows, and what it doesn't take of each. Nothing here needs TVM.

Each check raises ValueError; what the form of int8 operators is, is known to be met.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tinyflow.backends.refusals import Unsupported
from tinyflow.model.fixed_point import Rescaling, activation_range, add_factors
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.forms import activations, quantisations
from tinyflow.model.weighted import symmetric


def _fully_connected(graph: Graph, operator: Operator) -> None:
    symmetric(graph, operator)
    _check_activations(graph, operator)


def _convolution(graph: Graph, operator: Operator) -> None:
    layer = symmetric(graph, operator)
    if operator.options["dilation"] != (1, 1):
        raise Unsupported("dilation is not supported", "use stride or a larger filter")
    multiplier = operator.options.get("depth_multiplier", 1)
    if multiplier != 1 and layer.source.shape[-1] != 1:
        raise Unsupported(f"depth multiplier {multiplier} is not supported", "use 1, or one input channel")
    _picture(graph, operator)


def _picture(graph: Graph, operator: Operator) -> None:
    """What computes one picture; other operators take a batch as more rows."""
    batches = graph.tensors[operator.inputs[0]].shape[0]
    if batches != 1:
        raise Unsupported(f"batch size {batches} is not supported", "convert with batch size 1")
    _check_activations(graph, operator)


def _add(graph: Graph, operator: Operator) -> None:
    _check_activations(graph, operator)
    left, right, _ = activations(graph, operator)
    if left.shape != right.shape:
        raise Unsupported("broadcasting is not supported", "add tensors of equal shape")
    left_scale, right_scale, made_scale = (quantisation.scale for quantisation in quantisations(graph, operator))
    Rescaling.of(add_factors(left_scale, right_scale, made_scale))


def _softmax(graph: Graph, operator: Operator) -> None:
    if operator.options["beta"] != 1.0:
        raise Unsupported(f"beta {operator.options['beta']} is not supported", "use softmax with beta 1")
    _check_activations(graph, operator)


def _check_activations(graph: Graph, operator: Operator) -> None:
    *_, made = quantisations(graph, operator)
    activation_range(operator.options.get("activation", "NONE"), made)
    for tensor in activations(graph, operator):
        if tensor.is_constant:
            raise Unsupported(f"{tensor.name!r} is constant data", "take backend tinyc, which reads constants")


CHECKS: Mapping[str, Callable[[Graph, Operator], None]] = {
    "ADD": _add,
    "AVERAGE_POOL_2D": _picture,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _picture,
    "RESHAPE": _check_activations,
    "SOFTMAX": _softmax,
}
