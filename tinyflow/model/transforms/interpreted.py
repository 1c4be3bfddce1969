"""What an operator computes from constants, by the reference interpreter itself: nothing is written twice.

For operators and types that `arithmetic` doesn't know, such as those that compute shapes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyflow.core.errors import ModelError, ToolError
from tinyflow.model import oracle, reference
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import describe
from tinyflow.model.tflite_writer import write


def constant(graph: Graph, operator: Operator) -> bytes | None:
    """The bytes of the one output of an operator that reads constants only; None for any other operator.

    None also where no interpreter is installed, or where it refuses the operator: then nothing is known.
    """
    if describe(operator.name).is_active:
        return None
    output = graph.tensors[operator.outputs[0]]
    if operator.name == "SHAPE":
        return np.array(graph.tensors[operator.inputs[0]].shape, reference.numpy_dtype(output)).tobytes()
    read = [graph.tensors[index] for index in operator.inputs if index >= 0]
    if len(operator.outputs) > 1 or not read or not all(tensor.is_constant for tensor in read):
        return None
    first = read[0]
    if not (output.is_integer and first.is_integer):
        return None
    sample = np.frombuffer(first.data or b"", reference.numpy_dtype(first)).reshape(first.shape)
    tensors = tuple(replace(tensor, data=None) if tensor.index == first.index else tensor for tensor in graph.tensors)
    alone = replace(graph, tensors=tensors).part((operator,), (first.index,), operator.outputs)
    try:
        ((computed,),) = oracle.run_apart(oracle.references()[0], write(alone), alone, [(sample,)])
    except (ModelError, ToolError):
        return None
    return computed.astype(reference.numpy_dtype(output)).tobytes()
