"""What can be computed when a file is read: shapes, and nodes that read nothing but constants."""

from __future__ import annotations

import math

import numpy as np

from tinyflow.model.onnx.imported import ImportedGraph
from tinyflow.model.onnx.moving import target_shape
from tinyflow.model.onnx.source import Array, Node

# far more than weights of a network for microcontrollers
_MOST_ELEMENTS = 1 << 22
# kinds that give no more elements than they read, or than their operands stretched to one shape have
_FOLDABLE = (
    *("Abs", "Add", "And", "Cast", "Ceil", "Clip", "Concat", "Cos", "Div", "Equal", "Erf", "Exp", "Flatten", "Floor"),
    *("Gather", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Log", "Max", "Min", "Mul", "Neg"),
    *("Not", "Or", "Pow", "Range", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"),
    *("Relu", "Reshape", "Round", "Sigmoid", "Sign", "Sin", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub"),
    *("Sum", "Tanh", "Transpose", "Unsqueeze", "Where"),
)


def folded(net: ImportedGraph, node: Node) -> dict[str, Array] | None:
    """The values of a node's outputs; None where they depend on the network's inputs. Raises ModelError."""
    if node.kind in ("Shape", "Size") and node.inputs and node.inputs[0] in net.values:
        shape = net.values[node.inputs[0]].shape
        if node.kind == "Size":
            return {node.outputs[0]: np.array(math.prod(shape), np.int64)}
        part = slice(int(node.attributes.get("start", 0)), node.attributes.get("end"))
        return {node.outputs[0]: np.array(shape[part], np.int64)}
    if node.kind in ("QuantizeLinear", "DequantizeLinear") and node.inputs[0] in net.weights:
        return None
    if any(name and name not in net.constants for name in node.inputs):
        return None
    read = [net.constants.get(name) for name in node.inputs]
    if node.kind in ("ConstantOfShape", "Expand", "Tile"):
        return {node.outputs[0]: _repeated(node, read)}
    if node.kind == "Shape":
        return {node.outputs[0]: np.array(np.asarray(read[0]).shape, np.int64)}
    if node.kind == "Reshape" and read and read[0] is not None:
        return {node.outputs[0]: read[0].reshape(target_shape(net, node, read[0].shape))}
    if node.kind not in _FOLDABLE:
        return None
    _require_few(node, _elements(node, read))
    try:
        results = net.source.evaluate(node, read)
    except Exception as error:  # its own errors, numpy's and Python's
        first = str(error).strip().partition("\n")[0]
        raise node.refuse(f"it can't be computed from constants: {first}", "export the model again") from None
    made = dict(zip((name for name in node.outputs if name), results, strict=False))
    return {name: array.astype(np.float32) if array.dtype.kind == "f" else array for name, array in made.items()}


def _elements(node: Node, read: list[Array | None]) -> int:
    """At least as many as its outputs have."""
    if node.kind == "Range" and len(read) == 3:
        start, limit, delta = (float(np.asarray(number).reshape(())) for number in read)
        return math.ceil(abs((limit - start) / delta)) if delta else _MOST_ELEMENTS + 1
    sizes = [array.size for array in read if array is not None]
    if node.kind in ("Concat", "Reshape", "Slice", "Squeeze", "Unsqueeze", "Split", "Transpose"):
        return sum(sizes)
    if node.kind == "Gather":
        return math.prod(sizes)
    return math.prod(np.broadcast_shapes(*(array.shape for array in read if array is not None and array.ndim)))


def _require_few(node: Node, elements: int) -> None:
    if elements > _MOST_ELEMENTS:
        raise node.refuse(f"it makes a constant of {elements} elements", "is this a model for a microcontroller?")


def _repeated(node: Node, read: list[Array | None]) -> Array:
    """What is one number everywhere, or an array stretched or repeated."""
    how = [int(size) for size in np.asarray(read[-1]).reshape(-1)]
    if node.kind == "ConstantOfShape":
        _require_few(node, math.prod(how))
        value = np.asarray(node.attributes.get("value", np.zeros(1, np.float32)))
        return np.full(how, value.reshape(-1)[0])
    array = np.asarray(read[0])
    if node.kind == "Tile":
        _require_few(node, array.size * math.prod(how))
        return np.tile(array, how)
    rank = max(len(how), array.ndim)
    _require_few(node, math.prod(how) * array.size if rank else 1)
    stretched: Array = np.broadcast_to(array, np.broadcast_shapes(array.shape, tuple(how))).copy()
    return stretched
