"""Values element by element: activations, arithmetic, and normalisations by constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinyflow.model.onnx.imported import Call, ImportedGraph, NotInteger, Value
from tinyflow.model.onnx.layout import Layout
from tinyflow.model.onnx.source import Array, Node
from tinyflow.model.operators import describe
from tinyflow.model.operators.shapes import broadcast

_UNARY: Mapping[str, str] = {
    "Abs": "ABS",
    "Ceil": "CEIL",
    "Cos": "COS",
    "Elu": "ELU",
    "Exp": "EXP",
    "Floor": "FLOOR",
    "HardSwish": "HARD_SWISH",
    "LeakyRelu": "LEAKY_RELU",
    "Log": "LOG",
    "Neg": "NEG",
    "Round": "ROUND",
    "Sigmoid": "LOGISTIC",
    "Sin": "SIN",
    "Sqrt": "SQRT",
    "Tanh": "TANH",
}
_BINARY: Mapping[str, str] = {
    "Add": "ADD",
    "Sum": "ADD",
    "Sub": "SUB",
    "Mul": "MUL",
    "Div": "DIV",
    "Max": "MAXIMUM",
    "Min": "MINIMUM",
}
UNARY, BINARY = tuple(_UNARY), tuple(_BINARY)
_SAME_QUANTISATION = ("MAXIMUM", "MINIMUM")


def unary(net: ImportedGraph, call: Call) -> Value:
    """A function of single elements."""
    node, kind = call.node, _UNARY[call.node.kind]
    options: dict[str, Any] = {}
    if kind == "LEAKY_RELU":
        options = {"alpha": float(node.attributes.get("alpha", 0.01))}
    if kind == "ELU" and float(node.attributes.get("alpha", 1.0)) != 1.0:
        raise node.refuse("its alpha is not 1, which is TFLite's")
    return _same(net, call, kind, net.value(call), **options)


def _same(net: ImportedGraph, call: Call, kind: str, value: Value, **options: Any) -> Value:
    scheme = (describe(kind).output or call.wanted) if call.is_integer else None
    made = net.step(call, kind, (value.tensor,), net.shape(value.tensor), scheme, **options)
    return replace(value, tensor=made)


def relu(net: ImportedGraph, call: Call) -> Value:
    """A Relu that nothing in front took in."""
    return net.clipped(call, net.value(call), 0.0, float("inf"))


def clip(net: ImportedGraph, call: Call) -> Value:
    """A Clip of the same kind."""
    return net.clipped(call, net.value(call), *bounds(net, call))


def bounds(net: ImportedGraph, call: Call) -> tuple[float, float]:
    """Of a Clip: attributes in older opsets, inputs in newer ones."""
    low, high = (net.numbers(call.node, position, name) for position, name in ((1, "min"), (2, "max")))
    return (
        -float("inf") if low is None else float(low.reshape(())),
        float("inf") if high is None else float(high.reshape(())),
    )


def hard_sigmoid(net: ImportedGraph, call: Call) -> Value:
    """max(0, min(1, alpha x + beta)), as a RELU6 of six times that: kernels have it everywhere."""
    alpha, beta = (float(call.node.attributes.get(name, value)) for name, value in (("alpha", 0.2), ("beta", 0.5)))
    value = net.value(call)
    tensor, dims = value.tensor, net.shape(value.tensor)
    if not np.isclose(alpha * 6, 1):
        slope = net.constant(f"{call.name}/slope", np.full((1,) * len(dims), 6 * alpha), "float32")
        tensor = net.step(call, "MUL", (tensor, slope), dims, name=f"{call.name}/scaled")
    shift = net.constant(f"{call.name}/shift", np.full((1,) * len(dims), 6 * beta), "float32")
    tensor = net.step(call, "ADD", (tensor, shift), dims, name=f"{call.name}/shifted", activation="RELU6")
    sixth = net.constant(f"{call.name}/sixth", np.full((1,) * len(dims), 1 / 6), "float32")
    return replace(value, tensor=net.step(call, "MUL", (tensor, sixth), dims))


def prelu(net: ImportedGraph, call: Call) -> Value:
    """A slope for each channel, as a rule, of [C, 1, 1]."""
    value, slope = net.value(call, 0), net.value(call, 1)
    rank = len(value.shape)
    if len(slope.shape) > rank:
        raise call.node.refuse(f"slopes of {list(slope.shape)} for {list(value.shape)}")
    order = net.first_order([value])
    slope = replace(slope, layout=slope.layout.reshaped((1,) * (rank - len(slope.shape)) + slope.shape))
    pair = net.arranged(value, order), net.arranged_constant(slope, order)
    return net.stepped(call, "PRELU", pair, net.shape(pair[0]), order, call.wanted)


def binary(net: ImportedGraph, call: Call) -> Value:
    """Two operands, or several one after the other, dimensions of 1 repeated."""
    node, kind = call.node, _BINARY[call.node.kind]
    if kind == "DIV" and call.is_integer:
        raise NotInteger
    values = [net.value(call, position) for position in range(len(node.inputs))]
    if kind == "DIV" and node.inputs[1] in net.constants and net.constants[node.inputs[1]].all():
        kind = "MUL"
        inverse = np.float32(1) / net.constants[node.inputs[1]].astype(np.float32)
        values[1] = net.fixed(call, node.inputs[1], inverse)
    if node.attributes.get("broadcast", 0) and "axis" in node.attributes:  # before opset 7
        behind = len(values[0].shape) - int(node.attributes["axis"]) - len(values[1].shape)
        if behind > 0:
            values[1] = replace(values[1], layout=values[1].layout.reshaped((*values[1].shape, *(1,) * behind)))
    made = values[0]
    for count, value in enumerate(values[1:], 2):
        name = call.name if count == len(values) else f"{call.name}/{count}"
        made = combined(net, call, kind, made, value, name)
    return made


def combined(net: ImportedGraph, call: Call, kind: str, left: Value, right: Value, name: str) -> Value:
    """One operator of two operands, in the order of the one that isn't plain."""
    scheme = call.wanted
    if call.is_integer and kind in _SAME_QUANTISATION:
        assert scheme is not None
        left, right = (net.quantised(value, scheme, f"{name}/{i}") for i, value in enumerate((left, right)))
    options: dict[str, Any] = {} if kind in _SAME_QUANTISATION else {"activation": call.activation}
    if left.layout == right.layout:  # also where both were shaped anew in the same way
        dims = net.shape(left.tensor)
        right = replace(right, tensor=net.reshaped(right.tensor, dims))
        made = net.step(call, kind, (left.tensor, right.tensor), dims, scheme, name, **options)
        return replace(left, tensor=made)
    if 1 in (left.elements, right.elements):
        whole, one = (left, right) if right.elements == 1 else (right, left)
        if len(whole.shape) >= len(one.shape):
            dims = net.shape(whole.tensor)
            single = net.as_scalar(one.tensor)
            pair = (whole.tensor, single) if whole is left else (single, whole.tensor)
            return replace(whole, tensor=net.step(call, kind, pair, dims, scheme, name, **options))
    rank = max(len(left.shape), len(right.shape))
    pair_of_values = [
        replace(value, layout=value.layout.reshaped((1,) * (rank - len(value.shape)) + value.shape))
        for value in (left, right)
    ]
    order = net.first_order(pair_of_values)
    tensors = [net.arranged_constant(value, order) for value in pair_of_values]
    shapes = [net.shape(tensor) for tensor in tensors]
    return Value(
        net.step(call, kind, tensors, broadcast(*shapes), scheme, name, **options),
        Layout.stored(broadcast(*shapes), order),
    )


def power(net: ImportedGraph, call: Call) -> Value:
    """Pow by a constant: squares and roots; POW for others."""
    exponent = net.numbers(call.node, 1)
    value = net.value(call)
    if exponent is None or exponent.size != 1:
        raise call.node.refuse("only a single exponent can be imported")
    kind = {2.0: "SQUARE", 0.5: "SQRT"}.get(float(exponent.reshape(())))
    if kind is None:
        raise call.node.refuse(f"the exponent {float(exponent.reshape(())):g} can't be imported", "2 and 0.5 can")
    return _same(net, call, kind, value)


def reciprocal(net: ImportedGraph, call: Call) -> Value:
    """One divided by each element."""
    value = net.value(call)
    one = net.constant(f"{call.name}/one", np.ones((1,) * len(net.shape(value.tensor))), "float32")
    return replace(value, tensor=net.step(call, "DIV", (one, value.tensor), net.shape(value.tensor)))


def batch_normalisation(net: ImportedGraph, call: Call) -> Value:
    """One that no weights in front took in: a factor and an offset for each channel."""
    value = net.value(call)
    rank = len(value.shape)
    factor, offset = normalisation(net, call.node)
    if rank < 2 or len(factor) != value.shape[1]:
        raise call.node.refuse(f"it has {len(factor)} channels, its input {list(value.shape)}")
    for kind, numbers in (("MUL", factor), ("ADD", offset)):
        along = net.fixed(call, call.node.inputs[1], numbers.reshape(-1, *(1,) * (rank - 2)).astype(np.float32))
        value = combined(net, call, kind, value, along, call.name if kind == "ADD" else f"{call.name}/scaled")
    return value


def normalisation(net: ImportedGraph, node: Node) -> tuple[Array, Array]:
    """Factor and offset of a BatchNormalization in float64."""
    if len(node.inputs) < 5 or not all(name in net.constants for name in node.inputs[1:5]):
        raise node.refuse("its statistics are no constants", "export the network for inference, not for training")
    scale, bias, mean, variance = (net.constants[name].astype(np.float64) for name in node.inputs[1:5])
    factor = scale / np.sqrt(variance + float(node.attributes.get("epsilon", 1e-5)))
    return factor, bias - mean * factor


def softmax(net: ImportedGraph, call: Call) -> Value:
    """Softmax and LogSoftmax along one axis; before opset 13 along all from one on."""
    node, value = call.node, net.value(call)
    rank, is_old = len(value.shape), node.attributes.get("opset", net.source.opset) < 13
    axis = int(node.attributes.get("axis", 1 if is_old else -1))
    if not -rank <= axis < rank:
        raise node.refuse(f"axis {axis} of {rank} dimensions")
    axis %= rank
    shape = value.shape
    if is_old and axis < rank - 1:
        rows = int(np.prod(shape[:axis]))
        value = replace(value, layout=value.layout.reshaped((rows, int(np.prod(shape[axis:])))))
        axis, rank = 1, 2
    order = value.layout.order if value.layout.is_direct else tuple(range(rank))
    if order[-1] != axis:
        order = (*(one for one in order if one != axis), axis)
    kind = "SOFTMAX" if node.kind.endswith("Softmax") and node.kind != "LogSoftmax" else "LOG_SOFTMAX"
    tensor = net.arranged(value, order)
    options: dict[str, Any] = {"beta": 1.0} if kind == "SOFTMAX" else {}
    scheme = (describe(kind).output or call.wanted) if call.is_integer else None
    made = net.stepped(call, kind, (tensor,), net.shape(tensor), order, scheme, **options)
    return replace(made, layout=made.layout.reshaped(shape))
