"""Operators on integers (QOperator) as the same on real numbers between DequantizeLinear and QuantizeLinear.

ONNX's own have their order from its specification, those of com.microsoft from ONNX Runtime's ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tinyflow.model.onnx.source import Array, Node


class Form(NamedTuple):
    """The operator that it stands for; where each operand's value, scale and zero point are, and those of the output.

    `bias` is the position of int32 numbers at the product of the first two scales.
    """

    kind: str
    operands: tuple[int, ...]
    output: int
    bias: int | None = None


_UNARY = Form("", (0,), 3)
_BINARY = Form("", (0, 3), 6)
_FORMS: Mapping[str, Form] = {
    "QLinearConv": Form("Conv", (0, 3), 6, bias=8),
    "QLinearMatMul": Form("MatMul", (0, 3), 6),
    "QGemm": Form("Gemm", (0, 3), 7, bias=6),
    **{f"QLinear{kind}": _BINARY._replace(kind=kind) for kind in ("Add", "Mul")},
    **{
        f"QLinear{kind}": _UNARY._replace(kind=kind)
        for kind in ("AveragePool", "GlobalAveragePool", "LeakyRelu", "Sigmoid", "Softmax")
    },
}
KINDS = (*_FORMS, "QLinearConcat", "QLinearReduceMean")


def expanded(nodes: Sequence[Node], constants: dict[str, Array]) -> Iterator[Node]:
    """All nodes; those on integers as others. New constants are added. Raises ModelError."""
    for node in nodes:
        if node.kind == "QLinearConcat":
            operands = [node.inputs[at : at + 3] for at in range(2, len(node.inputs), 3)]
            yield from _between(node, "Concat", operands, node.inputs[:2], [])
        elif node.kind == "QLinearReduceMean":
            yield from _between(node, "ReduceMean", [node.inputs[:3]], node.inputs[3:5], [])
        elif node.kind in _FORMS:
            form = _FORMS[node.kind]
            operands = [node.inputs[at : at + 3] for at in form.operands]
            bias = [] if form.bias is None else list(_bias(node, form.bias, constants))
            yield from _between(node, form.kind, operands, node.inputs[form.output : form.output + 2], bias)
        else:
            yield node


def _bias(node: Node, position: int, constants: dict[str, Array]) -> Iterator[tuple[str, ...]]:
    """The bias with the scale that it has."""
    if position < len(node.inputs) and node.inputs[position]:
        first, second = (constants.get(node.inputs[at]) for at in (1, 4))
        if first is None or second is None:
            raise node.refuse("its scales are no constants")
        name = f"{node.outputs[0]}/bias_scale"
        constants[name] = np.atleast_1d(first * second * np.float32(node.attributes.get("alpha", 1.0)))
        yield node.inputs[position], name, ""


def _between(
    node: Node, kind: str, operands: Sequence[tuple[str, ...]], result: tuple[str, ...], bias: Sequence[tuple[str, ...]]
) -> Iterator[Node]:
    if node.attributes.get("channels_last", 0):
        raise node.refuse("channels in the last place can't be imported", "export with channels first")
    name, output = node.name, node.outputs[0]
    for number, operand in enumerate((*operands, *bias)):
        # of weights, scales go along the outputs
        axis = {"Conv": 0, "Gemm": 0 if node.attributes.get("transB", 0) else 1}.get(kind, 1)
        is_bias = number == len(operands)
        yield Node(name, "DequantizeLinear", operand, (f"{output}/{number}",), {"axis": 0 if is_bias else axis})
    reals = tuple(f"{output}/{number}" for number in range(len(operands) + len(bias)))
    yield Node(name, kind, reals, (f"{output}/real",), node.attributes)
    yield Node(name, "QuantizeLinear", (f"{output}/real", *result), (output,))
