"""An integer network as the float one that it stands for: what engines without integer kernels run.

Constants become the real values that they are, activations are no longer rounded, and not clamped but where the
operator says so. Its outputs are near those of the integer network; how near is for each network to be seen.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.operators import describe, has_state
from tinyflow.model.weighted import constant_values

_HINT = "take an engine with integer kernels, such as onnxruntime, or a tinyflow backend"
# between types, which are all one now
_CONVERTING = ("QUANTIZE", "DEQUANTIZE")
# which take integers as they are, whatever they stand for
_OF_INTEGERS = ("CAST",)


def is_quantised(tensor: Tensor) -> bool:
    """Whether integers of it stand for real values."""
    return tensor.is_integer and tensor.quantisation is not None


def dequantised(graph: Graph) -> Graph:
    """The float network; inputs and outputs are float32, too. One without integers is itself.

    Raises ModelError for state and subgraphs, and for operators that take integers for what they are.
    """
    if not any(is_quantised(tensor) for tensor in graph.tensors):
        return graph
    if has_state(graph) or graph.subgraphs:
        raise ModelError("a network with state or subgraphs isn't dequantised", hint=_HINT)
    tensors = [_real(tensor) for tensor in graph.tensors]
    same: dict[int, int] = {}  # what a conversion wrote → what it read
    operators: list[Operator] = []
    for operator in graph.operators:
        source = graph.tensors[max(operator.inputs[0], 0)] if operator.inputs else None
        if operator.name in _OF_INTEGERS and source is not None and is_quantised(source):
            what = f"operator {operator.index} {operator.name} takes integers as they are: it isn't dequantised"
            raise ModelError(what, hint=_HINT)
        if operator.name in _CONVERTING and tensors[operator.inputs[0]].dtype == "float32":
            same[operator.outputs[0]] = same.get(operator.inputs[0], operator.inputs[0])
            continue
        _take_bias(graph, operator, tensors)
        inputs = tuple(same.get(index, index) for index in operator.inputs)
        operators.append(replace(operator, inputs=inputs, version=1, intermediates=()))
    outputs = [same.get(index, index) for index in graph.outputs]
    numbered = [replace(operator, index=number) for number, operator in enumerate(operators)]
    return replace(graph, tensors=tuple(tensors)).part(numbered, graph.inputs, outputs)


def with_ports(real: Graph, original: Graph) -> Graph:
    """The float network between a DEQUANTIZE of each quantised input and a QUANTIZE of each quantised output."""
    tensors, behind = list(real.tensors), []
    operators: list[Operator] = []

    def port(index: int) -> int:
        tensors.append(replace(original.tensors[index], index=len(tensors), data=None))
        return len(tensors) - 1

    inputs, outputs = list(real.inputs), list(real.outputs)
    for number, index in enumerate(original.inputs):
        if is_quantised(original.tensors[index]):
            inputs[number] = port(index)
            operators.append(_conversion("DEQUANTIZE", inputs[number], real.inputs[number]))
    for number, index in enumerate(original.outputs):
        if is_quantised(original.tensors[index]):
            outputs[number] = port(index)
            behind.append(_conversion("QUANTIZE", real.outputs[number], outputs[number]))
    every = [replace(one, index=number) for number, one in enumerate((*operators, *real.operators, *behind))]
    return replace(real, tensors=tuple(tensors), operators=tuple(every), inputs=tuple(inputs), outputs=tuple(outputs))


def _conversion(name: str, read: int, written: int) -> Operator:
    described = describe(name)
    return Operator(0, name, described.versions[0], (read,), (written,), dict(described.default_options))


def _real(tensor: Tensor, scheme: Quantisation | None = None) -> Tensor:
    """The same in float32, if it stood for real values, or does by this scheme."""
    scheme = scheme or tensor.quantisation
    if scheme is None or not tensor.is_integer:
        return tensor
    if tensor.data is None:
        return replace(tensor, dtype="float32", quantisation=None)
    try:
        values = constant_values(tensor).astype(np.float64)
    except ValueError as error:
        raise ModelError(str(error), hint=_HINT) from None
    shape = [1] * max(values.ndim, 1)
    if scheme.is_per_channel:
        shape[scheme.axis] = -1
    scales, zero_points = (np.reshape(numbers, shape) for numbers in (scheme.scales, scheme.zero_points))
    reals = ((values - zero_points) * scales).astype("<f4").reshape(tensor.shape)
    return replace(tensor, dtype="float32", quantisation=None, data=reals.tobytes())


def _take_bias(graph: Graph, operator: Operator, tensors: list[Tensor]) -> None:
    """The bias of an operator with weights, at the scale that products have, whatever it says of itself."""
    weights = describe(operator.name).weights
    if len(weights) < 2 or len(operator.inputs) <= weights[1] or operator.inputs[weights[1]] < 0:
        return
    bias = graph.tensors[operator.inputs[weights[1]]]
    one = _scheme(graph, operator, describe(operator.name).main_input)
    other = _scheme(graph, operator, weights[0])
    if not bias.is_integer or one is None or other is None:
        return
    scales = tuple(one.scale * scale for scale in other.scales)
    tensors[bias.index] = _real(bias, Quantisation(scales, (0,) * len(scales), len(bias.shape) - 1))


def _scheme(graph: Graph, operator: Operator, position: int) -> Quantisation | None:
    return graph.tensors[operator.inputs[position]].quantisation
