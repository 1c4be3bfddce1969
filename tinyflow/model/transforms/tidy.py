"""What can go whole: operators that compute a constant or change nothing, constants that exist twice, unused tensors.

Each function takes a graph and its bounds and gives a graph and one line of reason for each operator that went, by the
index of the tensor that it wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import VIEWS, describe
from tinyflow.model.transforms import interpreted
from tinyflow.model.transforms.intervals import Bounds

Reasons = dict[int, str]


def fold_constants(graph: Graph, bounds: Mapping[int, Bounds]) -> tuple[Graph, Reasons]:
    """Activations that have the same value for every input become constants; graph outputs stay computed."""
    reasons = Reasons()
    for operator in graph.operators:
        index = operator.outputs[0] if operator.outputs else -1
        data = None if index in (-1, *graph.outputs) else _fixed(graph, operator, bounds)
        if data is not None:
            tensors = list(graph.tensors)
            tensors[index] = replace(tensors[index], data=data)
            # the operators behind may have become constant by this
            graph = replace(graph, tensors=tuple(tensors))
            reasons[index] = "its output is the same for every input"
    left = tuple(operator for operator in graph.operators if reasons.keys().isdisjoint(operator.outputs))
    return replace(graph, operators=left), reasons


def _fixed(graph: Graph, operator: Operator, bounds: Mapping[int, Bounds]) -> bytes | None:
    """The bytes of an operator's one output where no input can change them."""
    known = bounds.get(operator.outputs[0])
    if known is None:
        return interpreted.constant(graph, operator)
    is_fixed = len(operator.outputs) == 1 and known.fixed.all()
    return known.low.astype(np.int8).tobytes() if is_fixed else None


def drop_identities(graph: Graph, bounds: Mapping[int, Bounds]) -> tuple[Graph, Reasons]:
    """Operators whose output is their input, element for element, in the same quantisation."""
    stands_for: dict[int, int] = {}
    reasons = Reasons()
    operators = []
    for operator in graph.operators:
        operator = _reading(operator, stands_for)
        index = operator.outputs[0] if operator.outputs else -1
        if index not in (-1, *graph.outputs) and _is_identity(graph, operator, bounds):
            stands_for[index] = operator.inputs[0]
            reasons[index] = "its output is its input"
        else:
            operators.append(operator)
    return replace(graph, operators=tuple(operators)), reasons


def join_reshapes(graph: Graph) -> tuple[Graph, Reasons]:
    """A RESHAPE that only another RESHAPE reads is skipped: the last shape counts."""
    readers: dict[int, list[Operator]] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            readers.setdefault(index, []).append(operator)
    skipped: dict[int, int] = {}
    for operator in graph.operators:
        index = operator.outputs[0] if operator.outputs else -1
        is_inner = operator.name == "RESHAPE" and index not in graph.outputs
        if is_inner and all(reader.name == "RESHAPE" for reader in readers.get(index, [])):
            skipped[index] = skipped.get(operator.inputs[0], operator.inputs[0])
    left = [operator for operator in graph.operators if skipped.keys().isdisjoint(operator.outputs)]
    joined = replace(graph, operators=tuple(_reading(operator, skipped) for operator in left))
    return joined, dict.fromkeys(skipped, "another RESHAPE follows")


def _reading(operator: Operator, instead: Mapping[int, int]) -> Operator:
    return replace(operator, inputs=tuple(instead.get(index, index) for index in operator.inputs))


# operators that give what they get wherever shape, type, quantisation and bounds stay
_PASSING = (*VIEWS, "CONCATENATION", "PAD", "PADV2", "QUANTIZE")
_CLAMPING = ("RELU", "MAX_POOL_2D", "AVERAGE_POOL_2D")


def _is_identity(graph: Graph, operator: Operator, bounds: Mapping[int, Bounds]) -> bool:
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    same_form = (source.shape, source.dtype, source.quantisation) == (output.shape, output.dtype, output.quantisation)
    if not same_form or source.is_constant:
        return False
    if operator.name in _PASSING:
        return True
    if operator.name not in _CLAMPING or operator.options.get("filter", (1, 1)) != (1, 1):
        return False
    given, made = bounds.get(source.index), bounds.get(output.index)
    # what clamps to a range clamps nothing where its outputs' bounds are its inputs'
    return given is not None and made is not None and all(map(np.array_equal, given, made))


def drop_unread(graph: Graph) -> tuple[Graph, Reasons]:
    """Operators that nothing reads, not even the graph's outputs."""
    needed = set(graph.outputs)
    reasons = Reasons()
    left: list[Operator] = []
    for operator in reversed(graph.operators):
        if needed.isdisjoint(operator.outputs) and not describe(operator.name).is_active:
            reasons[operator.outputs[0]] = "nothing reads its output"
        else:
            needed.update(operator.inputs)
            left.append(operator)
    return replace(graph, operators=tuple(reversed(left))), reasons


def compact(graph: Graph) -> Graph:
    """Equal constants once, tensors that nothing uses not at all, everything counted anew."""
    first: dict[tuple[object, ...], int] = {}
    instead: dict[int, int] = {}
    for tensor in graph.tensors:
        if tensor.is_constant:
            form = (tensor.shape, tensor.dtype, tensor.quantisation, tensor.data)
            instead[tensor.index] = first.setdefault(form, tensor.index)
    operators = [_reading(operator, instead) for operator in graph.operators]
    return graph.part(operators, graph.inputs, graph.outputs)
