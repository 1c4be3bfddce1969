"""Operators of two inputs in plain integers, truth values and comparisons of any type; and int8's rarer ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.backends.programs.steps import Lowering, Operand, Step
from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinyc.strides import broadcast_strides, merged
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.choice import plain
from tinyflow.model.arithmetic import sums
from tinyflow.model.arithmetic.binary import COMPARISONS, rarer_constants_of
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators.forms import form_of

_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1
_CLAMPS = {"NONE": (_INT32_MIN, _INT32_MAX), "RELU": (0, _INT32_MAX), "RELU6": (0, 6), "RELU_N1_TO_1": (-1, 1)}


def broadcast_fields(left: Tensor, right: Tensor, output: Tensor) -> dict[str, Any]:
    """Of struct tinynn_broadcast."""
    rank = len(output.shape)
    axes = merged(output.shape, *(broadcast_strides(tensor.shape, rank) for tensor in (left, right)))
    return dict(zip(("shape", "left_strides", "right_strides"), axes, strict=True))


def _operands(graph: Graph, operator: Operator) -> tuple[Tensor, Tensor, Tensor]:
    """Both inputs, which must be of one type, and the output, which is a truth value where they are compared."""
    left, right, output = (graph.tensors[index] for index in (*operator.inputs, *operator.outputs))
    wanted = "bool" if operator.name in COMPARISONS else left.dtype
    for tensor, dtype in ((right, left.dtype), (output, wanted)):
        if tensor.dtype != dtype:
            raise Unsupported(f"{tensor.name} is {tensor.dtype}, not {dtype}", "give both operands one type")
    return left, right, output


def _pairs(graph: Graph, operator: Operator, variant: str) -> Call:
    """Plain numbers."""
    operands = _operands(graph, operator)
    activation = operator.options.get("activation", "NONE")
    # TFLM adds int32 as if there were none
    if activation not in _CLAMPS or (operator.name == "ADD" and activation != "NONE"):
        raise Unsupported(f"activation {activation} is not supported", "leave it to an operator of its own")
    lowest, highest = _CLAMPS[activation]
    fields = {"broadcast": broadcast_fields(*operands), "lowest": lowest, "highest": highest}
    return plain(variant, f"{operator.name.lower()}_{form_of(graph, operator)}", fields)


def _quantised(graph: Graph, operator: Operator, variant: str) -> Call:
    operands = _operands(graph, operator)
    fields = {**rarer_constants_of(graph, operator), "broadcast": broadcast_fields(*operands)}
    return plain(variant, operator.name.lower(), fields)


def _not(graph: Graph, operator: Operator, variant: str) -> Call:
    return plain(variant, "logical_not", {"bytes": graph.tensors[operator.outputs[0]].elements})


def _sum(graph: Graph, operator: Operator, variant: str) -> list[Step]:
    """ADD_N: all inputs are quantised alike."""
    output = graph.tensors[operator.outputs[0]]
    sizes = {"outer": 1, "size": len(operator.inputs), "inner": output.elements}
    if output.dtype == "float32":
        call = plain(variant, "add_n_float32", sizes)
    else:
        call = plain(variant, "add_n", {**sums.constants_of(graph, operator), **sizes})
    return [Step(operator.index, call, tuple(map(Operand, operator.inputs)), Operand(output.index))]


_EQUAL = COMPARISONS[:2]
_ARITHMETIC = ("ADD", "SUB", "MUL", "DIV", "FLOOR_DIV", "FLOOR_MOD", "SQUARED_DIFFERENCE")
LOWERINGS: Mapping[str, Mapping[str, Lowering]] = {
    "int8": {**dict.fromkeys((*COMPARISONS, "SQUARED_DIFFERENCE", "DIV", "PRELU"), _quantised), "ADD_N": _sum},
    "int32": dict.fromkeys((*COMPARISONS, *_ARITHMETIC, "MINIMUM", "MAXIMUM"), _pairs),
    "int64": dict.fromkeys((*COMPARISONS, "MINIMUM", "MAXIMUM"), _pairs),
    "float32": {**dict.fromkeys(COMPARISONS, _pairs), "ADD_N": _sum},
    "bool": {**dict.fromkeys((*_EQUAL, "LOGICAL_AND", "LOGICAL_OR"), _pairs), "LOGICAL_NOT": _not},
}
