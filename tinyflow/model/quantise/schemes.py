"""Which operators of a float graph get an int8 form, and how each of their tensors is quantised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tinyflow.model.graph import Graph, Operator, Quantisation
from tinyflow.model.operators import describe
from tinyflow.model.operators.forms import activations, form_of
from tinyflow.model.quantise.groups import Groups

Range = tuple[float, float]

# what TFLM has int8 kernels of, and what int8 values of that range lose little by
_COMPUTING = (
    *("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL", "ADD", "SUB", "MUL"),
    *("MEAN", "SUM", "SOFTMAX", "LOGISTIC", "TANH", "RELU", "LEAKY_RELU", "PRELU", "HARD_SWISH", "ELU"),
    *("L2_NORMALIZATION", "SQUARED_DIFFERENCE"),
)
# operators that move elements, choose among them or average them, in one quantisation
_KEEPING = (
    *("AVERAGE_POOL_2D", "MAX_POOL_2D", "MAXIMUM", "MINIMUM", "REDUCE_MAX", "REDUCE_MIN", "RELU6", "RESHAPE"),
    *("SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "PAD", "PADV2", "MIRROR_PAD", "SLICE", "STRIDED_SLICE", "SPLIT"),
    *("CONCATENATION", "SPLIT_V", "PACK", "UNPACK", "GATHER", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH"),
    *("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"),
)


@dataclass(frozen=True)
class Schemes:
    """The operators that become int8, by index, and the quantisation of each activation that they read or write.

    `fixed` has what an operator writes by TFLite's specification, where those who read it want it otherwise.
    """

    integral: frozenset[int]
    of: Mapping[int, Quantisation]
    fixed: Mapping[int, Quantisation]


def schemes(graph: Graph, ranges: Mapping[int, Range]) -> Schemes:
    """By the ranges of all float activations. One scheme goes for all that operators keep in one quantisation."""
    integral = frozenset(operator.index for operator in graph.operators if is_integral(graph, operator))
    chosen = [graph.operators[index] for index in sorted(integral)]
    groups = Groups()
    fixed: dict[int, Quantisation] = {}
    written: set[int] = set()  # by an operator that does not keep
    for operator in chosen:
        operands = list(_operands(graph, operator))
        for index in operands:
            groups.join(operands[0] if operator.name in _KEEPING else index, index)
        if operator.name not in _KEEPING:
            written.update(operator.outputs)
            if (output := describe(operator.name).output) is not None:
                fixed[operator.outputs[0]] = output
    found: dict[int, Quantisation] = {}
    for members in groups.members():
        made = members & written
        shared = {fixed.get(index) for index in made}
        if len(shared) == 1 and None not in shared and not members & set(graph.inputs):
            (scheme,) = shared
            assert scheme is not None
        else:
            known = [ranges[index] for index in members if index in ranges]
            scheme = affine(min(low for low, _ in known), max(high for _, high in known))
        found.update(dict.fromkeys(members, scheme))
    return Schemes(integral, found, {index: one for index, one in fixed.items() if found[index] != one})


def affine(low: float, high: float) -> Quantisation:
    """An int8 scheme of a range, with 0 in it exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32(max((high - low) / 255, np.finfo(np.float32).tiny * 2**24)))
    if high == low:
        scale = 1.0
    return Quantisation((scale,), (int(np.clip(round(-128 - low / scale), -128, 127)),))


def is_integral(graph: Graph, operator: Operator) -> bool:
    """Whether an operator of float32 gets an int8 form."""
    if operator.name not in (*_COMPUTING, *_KEEPING) or form_of(graph, operator) != "float32":
        return False
    read = [graph.tensors[index] for index in operator.inputs if index >= 0]
    of_weights = [operator.inputs[i] for i in describe(operator.name).weights if i < len(operator.inputs)]
    weights = [graph.tensors[index] for index in of_weights if index >= 0]
    # weights may be int8 already, in a network that is only stored so
    stored = all(one.dtype == "float32" or (one.dtype == "int8" and one.quantisation is not None) for one in weights)
    return stored and all(one.is_constant for one in weights) and any(not one.is_constant for one in read)


def _operands(graph: Graph, operator: Operator) -> Iterator[int]:
    """Float tensors that are no weights."""
    return (tensor.index for tensor in activations(graph, operator) if tensor.dtype == "float32")
