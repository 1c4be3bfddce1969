"""What can go whole: operators that compute a constant or change nothing, constants that exist twice, unused tensors.

Each function takes a graph and its bounds and gives a graph and one line of reason for each operator that went, by the
index of the tensor that it wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from tinyflow.model.arithmetic.constants import computed
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators import VIEWS, describe
from tinyflow.model.transforms.intervals import Bounds

Reasons = dict[int, str]


def fold_constants(graph: Graph, bounds: Mapping[int, Bounds]) -> tuple[Graph, Reasons]:
    """Activations that have the same value for every input become constants; graph outputs stay computed."""
    tensors, reasons = list(graph.tensors), Reasons()
    # the very list: the operators before may have made an operator's inputs constant
    now = replace(graph, tensors=cast("tuple[Tensor, ...]", tensors))
    left, outputs = [], frozenset(graph.outputs)
    for operator in graph.operators:
        made = _fixed(now, operator, bounds) if outputs.isdisjoint(operator.outputs) else None
        if made is None:
            left.append(operator)
            continue
        for index, data in zip(operator.outputs, made, strict=True):
            tensors[index] = replace(tensors[index], data=data)
        reasons[operator.outputs[0]] = "its output is the same for every input"
    return (replace(graph, tensors=tuple(tensors), operators=tuple(left)) if reasons else graph), reasons


def _fixed(graph: Graph, operator: Operator, bounds: Mapping[int, Bounds]) -> list[bytes] | None:
    """The bytes of an operator's outputs where no input can change them."""
    known = bounds.get(operator.outputs[0]) if len(operator.outputs) == 1 else None
    if known is not None and known.fixed.all():
        return [known.low.astype(np.int8).tobytes()]
    return computed(graph, operator)


def drop_identities(graph: Graph, bounds: Mapping[int, Bounds]) -> tuple[Graph, Reasons]:
    """Operators whose output is their input, element for element, in the same quantisation."""
    stands_for: dict[int, int] = {}
    reasons = Reasons()
    operators, outputs = [], frozenset(graph.outputs)
    for operator in graph.operators:
        operator = reading(operator, stands_for)
        is_inner = len(operator.outputs) == 1 and outputs.isdisjoint(operator.outputs)
        if is_inner and _is_identity(graph, operator, bounds):
            stands_for[operator.outputs[0]] = _main_input(operator)
            reasons[operator.outputs[0]] = "its output is its input"
        else:
            operators.append(operator)
    return (replace(graph, operators=tuple(operators)) if reasons else graph), reasons


def join_reshapes(graph: Graph) -> tuple[Graph, Reasons]:
    """What changes a shape that only RESHAPE reads is skipped: the last shape counts."""
    readers: dict[int, list[Operator]] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            readers.setdefault(index, []).append(operator)
    skipped: dict[int, int] = {}
    outputs = frozenset(graph.outputs)
    for operator in graph.operators:
        if operator.name in VIEWS and operator.outputs[0] not in outputs:
            index, source = operator.outputs[0], operator.inputs[0]
            if all(reader.name == "RESHAPE" and reader.inputs[0] == index for reader in readers.get(index, [])):
                skipped[index] = skipped.get(source, source)
    if not skipped:
        return graph, {}
    left = [operator for operator in graph.operators if skipped.keys().isdisjoint(operator.outputs)]
    joined = replace(graph, operators=tuple(reading(operator, skipped) for operator in left))
    return joined, dict.fromkeys(skipped, "a RESHAPE follows")


def reading(operator: Operator, instead: Mapping[int, int]) -> Operator:
    """The operator with other inputs in place of some."""
    if instead.keys().isdisjoint(operator.inputs):
        return operator
    return replace(operator, inputs=tuple(instead.get(index, index) for index in operator.inputs))


# operators that give what they get wherever shape, type, quantisation and bounds stay
_PASSING = (
    *VIEWS,
    *("CONCATENATION", "SPLIT", "SPLIT_V", "PAD", "PADV2", "MIRROR_PAD", "SLICE", "TILE", "BROADCAST_TO"),
    *("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "CAST", "QUANTIZE"),
)
_CLAMPING = ("RELU", "MAX_POOL_2D", "AVERAGE_POOL_2D")


def _main_input(operator: Operator) -> int:
    return operator.inputs[describe(operator.name).main_input]


def _is_identity(graph: Graph, operator: Operator, bounds: Mapping[int, Bounds]) -> bool:
    if operator.name not in (*_PASSING, *_CLAMPING):
        return False
    source, output = graph.tensors[_main_input(operator)], graph.tensors[operator.outputs[0]]
    same_form = (source.shape, source.dtype, source.quantisation) == (output.shape, output.dtype, output.quantisation)
    if not same_form or source.is_constant or source.is_variable:
        return False
    if operator.name in _PASSING:
        return bool(operator.options.get("activation", "NONE") == "NONE")
    if operator.options.get("filter", (1, 1)) != (1, 1):
        return False
    given, made = bounds.get(source.index), bounds.get(output.index)
    # what clamps to a range clamps nothing where its outputs' bounds are its inputs'
    return given is not None and made is not None and all(map(np.array_equal, given, made))


def drop_unread(graph: Graph) -> tuple[Graph, Reasons]:
    """Operators that nothing reads, not even the graph's outputs, and that have no effect beside."""
    needed = set(graph.outputs)
    reasons = Reasons()
    left: list[Operator] = []
    for operator in reversed(graph.operators):
        if needed.isdisjoint(operator.outputs) and not has_effect(graph, operator):
            reasons[operator.outputs[0]] = "nothing reads its output"
        else:
            needed.update(operator.inputs)
            left.append(operator)
    return (replace(graph, operators=tuple(reversed(left))) if reasons else graph), reasons


def has_effect(graph: Graph, operator: Operator) -> bool:
    """Whether an operator does more than write its outputs: it calls a subgraph, or changes a variable."""
    reads_state = any(graph.tensors[index].is_variable for index in operator.inputs if index >= 0)
    return describe(operator.name).is_active or reads_state


def compact(graph: Graph) -> Graph:
    """Equal constants once, tensors that nothing uses not at all, everything counted anew."""
    first: dict[tuple[object, ...], int] = {}
    instead: dict[int, int] = {}
    for tensor in graph.tensors:
        if tensor.is_constant:
            form = (tensor.shape, tensor.dtype, tensor.quantisation, tensor.data)
            instead[tensor.index] = first.setdefault(form, tensor.index)
    operators = [reading(operator, instead) for operator in graph.operators]
    return graph.part(operators, graph.inputs, graph.outputs)
