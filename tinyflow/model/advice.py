"""What to do about an operator whose types no int8 kernel takes: what is true of this one, and how to convert instead.

It looks at types and shapes only; whether a backend takes an operator is the backend's own to say.
"""

from __future__ import annotations

from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import WEIGHTED

# of an operator in a newer version than what is known
VERSION_HINT = "newer versions have types or options of their own; convert to int8, full integer, without them"
_INT8 = "int8 activations with one scale each, constant int8 weights, int32 biases"


def advice_on(graph: Graph, operator: Operator) -> str:
    """One sentence, for the hint of a refusal."""
    read = [graph.tensors[index] for index in operator.inputs if index >= 0]
    written = [graph.tensors[index] for index in operator.outputs]
    types = {tensor.dtype for tensor in (*read[:1], *written)}
    types |= {tensor.dtype for tensor in read[1:] if not tensor.is_constant}
    weights = read[1] if operator.name in WEIGHTED and len(read) > 1 else None
    if any("float" in dtype for dtype in types):
        if weights is not None and weights.is_constant and weights.is_integer and types == {"float32"}:
            return "only weights are int8 (dynamic range); convert with a representative dataset, full integer"
        return "quantise the model to int8 when converting: full integer, inputs and outputs included"
    if "int16" in types:
        return "convert with int8 activations (TFLITE_BUILTINS_INT8) instead of the 16x8 mode"
    if "uint8" in types or (weights is not None and weights.dtype == "uint8"):
        if any(tensor.dtype == "int8" and not tensor.is_constant for tensor in graph.tensors):
            return "give the network int8 inputs and outputs: inference_input_type and inference_output_type tf.int8"
        return "it is uint8 throughout, as converters made it until 2020: convert the original to int8, full integer"
    if weights is not None and not weights.is_constant:
        return "weights have to be constants of the model, not something that it computes"
    if weights is not None and weights.dtype == "int4":
        return "convert with int8 weights"
    if operator.name == "CONV_2D" and weights is not None and weights.shape[-1] != read[0].shape[-1]:
        return "split it into one CONV_2D for each group, or use DEPTHWISE_CONV_2D"
    if weights is not None and weights.quantisation is not None and any(weights.quantisation.zero_points):
        return "convert with symmetric weights: zero point 0, which TFLite's converter gives"
    return f"what is supported: {_INT8}"
