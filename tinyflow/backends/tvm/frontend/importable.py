"""A checked model as TVM's importer takes it: what it computes stays, bit for bit.

The importer knows tensors by their names alone, and multiplies matrices only (apache-tvm 0.27, `tflite_frontend.py`):
so each tensor gets a name of its own, and a fully connected layer reads and writes `[rows, columns]`. It takes no bias
that is said to be absent, and wants axis 0 of a constant with one scale, for which TFLite looks at no axis.
"""

from __future__ import annotations

from dataclasses import replace

from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Graph, Operator, Shape, Tensor


def importable(graph: Graph) -> Graph:
    """The same network; the tensors of `graph` keep their indices, what is new comes behind them."""
    net = GraphBuilder()
    net.tensors = [_named(tensor) for tensor in graph.tensors]
    for operator in graph.operators:
        _add(net, _all_there(operator))
    return replace(graph, tensors=tuple(net.tensors), operators=tuple(net.operators))


def _named(tensor: Tensor) -> Tensor:
    scheme = tensor.quantisation
    if scheme is not None and not scheme.is_per_channel:
        scheme = replace(scheme, axis=0)
    return replace(tensor, name=f"t{tensor.index}", quantisation=scheme)


def _all_there(operator: Operator) -> Operator:
    """Without absent inputs at the end."""
    inputs = operator.inputs
    while inputs[-1] < 0:
        inputs = inputs[:-1]
    return replace(operator, inputs=inputs)


def _add(net: GraphBuilder, operator: Operator) -> None:
    """The operator; a fully connected one between reshapes where its tensors aren't matrices."""
    if operator.name != "FULLY_CONNECTED":
        _append(net, operator)
        return
    source, weights, written = (net.tensors[index] for index in (*operator.inputs[:2], operator.outputs[0]))
    units, columns = weights.shape
    rows = source.elements // columns
    options = {**operator.options, "keep_num_dims": False}
    inputs, outputs = operator.inputs, operator.outputs
    if source.shape != (rows, columns):
        inputs = (_view(net, source, (rows, columns)), *inputs[1:])
        _reshape(net, source.index, inputs[0])
    if written.shape != (rows, units):
        outputs = (_view(net, written, (rows, units)),)
    _append(net, replace(operator, inputs=inputs, outputs=outputs, options=options))
    if outputs != operator.outputs:
        _reshape(net, outputs[0], written.index)


def _append(net: GraphBuilder, operator: Operator) -> None:
    net.operators.append(replace(operator, index=len(net.operators)))


def _view(net: GraphBuilder, source: Tensor, shape: Shape) -> int:
    """A new tensor: the bytes of another in a shape of its own."""
    return net.tensor(f"t{len(net.tensors)}", shape, source.quantisation, source.dtype)


def _reshape(net: GraphBuilder, source: int, target: int) -> None:
    net.operator("RESHAPE", (source, net.constant(f"t{len(net.tensors)}", net.shape(target), "int32")), target)
