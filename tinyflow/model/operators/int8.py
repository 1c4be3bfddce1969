"""The int8 form of tensors and operators, as TFLite's quantisation specification has it."""

from __future__ import annotations

from tinyflow.model.fixed_point import OutOfRange
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.operators import describe

_HINT = "quantise with TFLite's converter"


def quantisation_of(tensor: Tensor) -> Quantisation:
    """The quantisation of an int8 activation. ValueError where it is not an int8 tensor with one scale."""
    quantisation = tensor.quantisation
    if tensor.dtype != "int8":
        raise ValueError(f"{tensor.name} is {tensor.dtype}, not int8 with one scale")
    if quantisation is None or quantisation.is_per_channel:
        scales = "none" if quantisation is None else len(quantisation.scales)
        raise ValueError(f"{tensor.name} is not int8 with one scale, it has {scales}")
    return quantisation


def activations(graph: Graph, operator: Operator) -> list[Tensor]:
    """All operands but weights, biases and numbers that say how: inputs, then outputs."""
    described = describe(operator.name)
    others = described.parameters if described.weights_axis is None else (1, 2)
    read = [index for position, index in enumerate(operator.inputs) if position not in others and index >= 0]
    return [graph.tensors[index] for index in (*read, *operator.outputs)]


def quantisations(graph: Graph, operator: Operator) -> list[Quantisation]:
    """Of all activations. ValueError where one is not an int8 tensor with one scale."""
    return [quantisation_of(tensor) for tensor in activations(graph, operator)]


def check_form(graph: Graph, operator: Operator) -> None:
    """Raise ValueError for options that the int8 form has not, and for an output or operands quantised otherwise."""
    described = describe(operator.name)
    for option in described.options:
        value = operator.options.get(option.name, option.default)
        if option.is_fixed and value != option.default:
            raise OutOfRange(f"{option.name} {value} is not supported", f"what is supported: {option.default}")
    if described.output is not None:
        made, wanted = quantisation_of(graph.tensors[operator.outputs[0]]), described.output
        if (made.scale, made.zero_point) != (wanted.scale, wanted.zero_point):
            what = f"the output is not quantised as 1/{1 / wanted.scale:g} and {wanted.zero_point}"
            raise OutOfRange(what, _HINT)
    if described.keeps_quantisation and len(set(quantisations(graph, operator))) > 1:
        raise OutOfRange("inputs and outputs are quantised differently", _HINT)
