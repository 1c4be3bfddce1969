"""The operators that kernels of ours know, what they don't take of each, and who makes the rest. Nothing needs TVM.

Each check raises ValueError; what the form of int8 operators is, is known to be met.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tinyflow.backends.generated import real_tolerances
from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tvm.legalised.rules import KNOWN, Path, check_type, choose
from tinyflow.model import recurrent, variables
from tinyflow.model.fixed_point import ACTIVATION_BOUNDS, Rescaling, activation_range, add_factors, softmax_scaling
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import describe
from tinyflow.model.operators.forms import activations, form_of, quantisation_of, quantisations
from tinyflow.model.weighted import constant_values, symmetric


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
    softmax_scaling(quantisation_of(graph.tensors[operator.inputs[0]]).scale, operator.options["beta"])
    _check_computed(graph, operator)


def _check_activations(graph: Graph, operator: Operator) -> None:
    *_, made = quantisations(graph, operator)
    activation_range(operator.options.get("activation", "NONE"), made)
    _check_computed(graph, operator)


def _check_computed(graph: Graph, operator: Operator) -> None:
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
    "SOFTMAX": _softmax,
}


def _svdf_of_reals(graph: Graph, operator: Operator) -> None:
    _check_reals(graph, operator)
    if operator.options["activation"] not in ACTIVATION_BOUNDS:
        raise Unsupported(f"activation {operator.options['activation']} is not supported")


def _lstm_of_reals(graph: Graph, operator: Operator) -> None:
    _check_reals(graph, operator)
    recurrent.lstm_sizes(graph, operator)


def _check_reals(graph: Graph, operator: Operator) -> None:
    for tensor in (graph.tensors[index] for index in operator.tensors):
        if tensor.dtype != "float32":
            raise ValueError(f"{tensor.name} is {tensor.dtype}, not float32")
    for position in describe(operator.name).weights:
        if position < len(operator.inputs) and operator.inputs[position] >= 0:
            constant_values(graph.tensors[operator.inputs[position]])


# form and operator → what raises ValueError where our kernel can't compute it
_RECURRENT: Mapping[tuple[str, str], Callable[[Graph, Operator], Any]] = {
    ("int8", "SVDF"): recurrent.svdf,
    ("int8", "UNIDIRECTIONAL_SEQUENCE_LSTM"): lambda graph, operator: recurrent.lstm(graph, operator, "int8"),
    ("int16", "UNIDIRECTIONAL_SEQUENCE_LSTM"): lambda graph, operator: recurrent.lstm(graph, operator, "int16"),
    ("float32", "SVDF"): _svdf_of_reals,
    ("float32", "UNIDIRECTIONAL_SEQUENCE_LSTM"): _lstm_of_reals,
}
_VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")


def forms() -> Mapping[str, Collection[str]]:
    """Form → the operators that are compiled in it, one way or another."""
    known = {form: {*names, *(CHECKS if form == "int8" else ())} for form, names in KNOWN.items()}
    for form, name in _RECURRENT:
        known[form].add(name)
    return {**known, "resource": {*_VARIABLES}, "": {"CALL_ONCE"}}


def is_view(graph: Graph, operator: Operator) -> bool:
    """Whether an operator is no layer: its output is what it reads, under another shape."""
    return describe(operator.name).is_view and not graph.tensors[operator.inputs[0]].is_constant


def path_of(graph: Graph, operator: Operator) -> Path | None:
    """Who computes an operator, None for a view and for variables. Raises ValueError where nobody does."""
    if operator.name == "CALL_ONCE":
        _check_initialised(graph, operator)
    if operator.name in _VARIABLES:
        for index in (*operator.inputs[1:], *operator.outputs[operator.name == "VAR_HANDLE" :]):
            check_type(graph.tensors[index])
    if operator.name in ("CALL_ONCE", *_VARIABLES) or is_view(graph, operator):
        return None
    if describe(operator.name).state:
        _RECURRENT[form_of(graph, operator), operator.name](graph, operator)
        return "kernel"
    return "kernel" if is_tuned(graph, operator) else choose(graph, operator).path


def is_tuned(graph: Graph, operator: Operator) -> bool:
    """Whether one of the tuned kernels computes an operator."""
    if operator.name not in CHECKS or form_of(graph, operator) != "int8":
        return False
    try:
        CHECKS[operator.name](graph, operator)
    except ValueError:
        return False
    return True


def _check_initialised(graph: Graph, operator: Operator) -> None:
    """What is run once is done when the network is reset, and only puts constants into variables."""
    variables.check_called_first(graph, operator)
    for part in (graph.graphs[number] for number in operator.calls):
        for other in part.operators:
            is_constant = other.name == "VAR_HANDLE"
            if other.name == "ASSIGN_VARIABLE":
                is_constant = part.tensors[other.inputs[1]].is_constant
            if not is_constant:
                what = f"{other.name} of the subgraph that it calls is not supported"
                raise Unsupported(what, "initialise variables with constants, or take backend tinyc or tinyi")


def plan_facts(graph: Graph) -> dict[str, Any]:
    """Of a checked graph, for its plan: who computes what, and how far that may be from the reference.

    One operator whose integers are computed as real numbers may be a step away from TFLite's, several of them three at
    the end of a network. float32 may be away as far as all float32 is.
    """
    paths = {operator.index: path_of(graph, operator) for operator in graph.operators}
    dequantised = [operator for operator in graph.operators if paths[operator.index] == "dequantised"]
    steps = 0 if not dequantised else 1 if {*dequantised[0].outputs} >= {*graph.outputs} else 3
    tolerances = real_tolerances(graph, is_reordered=True)
    return {
        **tolerances,
        "tolerance": max(steps, tolerances.get("tolerance", 0)),
        "paths": {index: path for index, path in paths.items() if path is not None},
    }
