"""A checked model as TVM's importer takes it: what it computes stays, bit for bit.

The importer knows tensors by their names alone, and multiplies matrices only (apache-tvm 0.27, `tflite_frontend.py`):
so each tensor gets a name of its own, and a fully connected layer reads and writes `[rows, columns]`. It takes no bias
that is said to be absent, and wants axis 0 of a constant with one scale, for which TFLite looks at no axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tinyflow.model.graph import Graph, Operator, Shape, Tensor


def importable(graph: Graph) -> Graph:
    """The same network; the tensors of `graph` keep their indices, what is new comes behind them."""
    tensors = [_named(tensor) for tensor in graph.tensors]
    operators = [part for operator in graph.operators for part in _with_matrices(_all_there(operator), tensors)]
    numbered = tuple(replace(operator, index=index) for index, operator in enumerate(operators))
    return replace(graph, tensors=tuple(tensors), operators=numbered)


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


def _with_matrices(operator: Operator, tensors: list[Tensor]) -> Iterator[Operator]:
    """A fully connected layer between reshapes where its tensors aren't matrices; any other operator as it is."""
    if operator.name != "FULLY_CONNECTED":
        yield operator
        return
    source, weights, written = (tensors[i] for i in (*operator.inputs[:2], operator.outputs[0]))
    columns, units = weights.shape[1], weights.shape[0]
    rows = source.elements // columns
    options = {**operator.options, "keep_num_dims": False}
    inputs = operator.inputs
    if source.shape != (rows, columns):
        flat = _view(tensors, source, (rows, columns))
        yield _reshape(tensors, source, flat)
        inputs = (flat.index, *inputs[1:])
    if written.shape == (rows, units):
        yield replace(operator, inputs=inputs, options=options)
        return
    matrix = _view(tensors, written, (rows, units))
    yield replace(operator, inputs=inputs, outputs=(matrix.index,), options=options)
    yield _reshape(tensors, matrix, written)


def _view(tensors: list[Tensor], source: Tensor, shape: Shape) -> Tensor:
    """A new tensor: the bytes of another in a shape of its own."""
    return _appended(tensors, Tensor(len(tensors), f"t{len(tensors)}", shape, source.dtype, source.quantisation))


def _reshape(tensors: list[Tensor], source: Tensor, target: Tensor) -> Operator:
    index, shape = len(tensors), target.shape
    data = np.array(shape, "<i4").tobytes()
    _appended(tensors, Tensor(index, f"t{index}", (len(shape),), "int32", data=data))
    return Operator(0, "RESHAPE", 1, (source.index, index), (target.index,))


def _appended(tensors: list[Tensor], tensor: Tensor) -> Tensor:
    tensors.append(tensor)
    return tensor
