"""What one operator computes from given values, by the reference interpreter itself: nothing is written twice.

For operators without arithmetic of their own in `rules`. Where no interpreter is installed, or it refuses the operator,
the answer is None: then nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tinyflow.core.errors import ModelError, ToolError
from tinyflow.model import oracle, reference
from tinyflow.model.fixed_point import Integers
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.tflite_writer import write


def run(graph: Graph, operator: Operator, given: Mapping[int, npt.NDArray[np.generic]]) -> list[Integers] | None:
    """Outputs of an operator; `given` has the values of the inputs that shall not be constants of the file."""
    tensors = tuple(replace(tensor, data=None) if tensor.index in given else tensor for tensor in graph.tensors)
    alone = replace(graph, tensors=tensors).part((operator,), tuple(given), operator.outputs)
    sample = tuple(values.astype(graph.tensors[index].dtype) for index, values in given.items())
    try:
        (computed,) = oracle.run_apart(oracle.references()[0], write(alone), alone, [sample])
    except (ModelError, ToolError):
        return None
    return [
        values.astype(np.int64).reshape(graph.tensors[index].shape)
        for index, values in zip(operator.outputs, computed, strict=True)
    ]


def constant(graph: Graph, operator: Operator) -> bytes | None:
    """The bytes of the one output of an operator that reads constants only; None for any other operator."""
    output = graph.tensors[operator.outputs[0]]
    if operator.name == "SHAPE":
        return _bytes(np.array(graph.tensors[operator.inputs[0]].shape, np.int64), output)
    read = [graph.tensors[index] for index in operator.inputs if index >= 0]
    if len(operator.outputs) > 1 or not read or not all(tensor.is_constant for tensor in read):
        return None
    if not (output.is_integer and read[0].is_integer):
        return None
    first = read[0]
    values = np.frombuffer(first.data or b"", reference.numpy_dtype(first)).reshape(first.shape)
    computed = run(graph, operator, {first.index: values})
    return None if computed is None else _bytes(computed[0], output)


def _bytes(values: Integers, tensor: Tensor) -> bytes:
    return values.astype(reference.numpy_dtype(tensor)).tobytes()
