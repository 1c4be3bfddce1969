"""The forms of operators: which element type they compute in, and what each form asks of operands and options.

A form is called as the element type of the operator's main input: int8 and int16 are TFLite's quantised ones (int16
has weights of int8), float32 and the others have no quantisation to keep.
"""

from __future__ import annotations

from tinyflow.model.fixed_point import OutOfRange
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.operators import describe

_HINT = "quantise with TFLite's converter"
QUANTISED = ("int8", "int16")
# of every function whose range is fixed: TFLite's quantisation specification has one for int16
_INT16_UNIT = Quantisation((1 / 32768,), (0,))
# of SOFTMAX from int8 to int16
_INT16_SHARE = Quantisation((1 / 65536,), (-32768,))


def form_of(graph: Graph, operator: Operator) -> str:
    """The element type of an operator's main input, of its first output where it reads nothing; "" without either."""
    position = describe(operator.name).main_input
    named = (*operator.inputs[position : position + 1], *operator.outputs)
    return next((graph.tensors[index].dtype for index in named if index >= 0), "")


def scheme_of(tensor: Tensor, dtype: str) -> Quantisation:
    """The quantisation of an activation. ValueError where it is not of this type with one scale."""
    quantisation = tensor.quantisation
    if tensor.dtype != dtype:
        raise ValueError(f"{tensor.name} is {tensor.dtype}, not {dtype} with one scale")
    if quantisation is None or quantisation.is_per_channel:
        scales = "none" if quantisation is None else len(quantisation.scales)
        raise ValueError(f"{tensor.name} is not {dtype} with one scale, it has {scales}")
    if not quantisation.scale > 0:
        raise OutOfRange(f"{tensor.name} has the scale {quantisation.scale:g}, which is not above 0")
    return quantisation


def quantisation_of(tensor: Tensor, dtype: str = "int8") -> Quantisation:
    """The same; ValueError also for int16 with a zero point, which only conversions take."""
    quantisation = scheme_of(tensor, dtype)
    if dtype == "int16" and quantisation.zero_point:
        raise OutOfRange(f"{tensor.name} is int16 with the zero point {quantisation.zero_point}, not 0", _HINT)
    return quantisation


def activations(graph: Graph, operator: Operator) -> list[Tensor]:
    """All operands but weights, biases and numbers that say how: inputs, then outputs."""
    described = describe(operator.name)
    others = described.parameters + described.weights + described.state
    read = [index for position, index in enumerate(operator.inputs) if position not in others and index >= 0]
    return [graph.tensors[index] for index in (*read, *operator.outputs)]


def quantisations(graph: Graph, operator: Operator, dtype: str = "int8") -> list[Quantisation]:
    """Of all activations. ValueError where one is not a tensor of this type with one scale."""
    return [quantisation_of(tensor, dtype) for tensor in activations(graph, operator)]


def rescaled(graph: Graph, operator: Operator) -> list[Tensor]:
    """What CONCATENATION of uint8 rescales as it reads it: inputs that are quantised otherwise than its output."""
    output = graph.tensors[operator.outputs[0]]
    if operator.name != "CONCATENATION" or output.dtype != "uint8":
        return []
    return [one for one in map(graph.tensors.__getitem__, operator.inputs) if one.quantisation != output.quantisation]


def check_form(graph: Graph, operator: Operator) -> None:
    """Raise ValueError for options that no form has, and for an output or operands quantised otherwise than theirs."""
    described, form = describe(operator.name), form_of(graph, operator)
    for option in described.options:
        value = operator.options.get(option.name, option.default)
        if option.is_fixed and value != option.default:
            raise OutOfRange(f"{option.name} {value} is not supported", f"what is supported: {option.default}")
    if form not in QUANTISED:
        return
    if described.output is not None:
        output = graph.tensors[operator.outputs[0]]
        is_widened = operator.name == "SOFTMAX" and output.dtype == "int16" != form
        wanted = _INT16_SHARE if is_widened else described.output if form == "int8" else _INT16_UNIT
        made = scheme_of(output, "int16" if is_widened else form)
        # TFLM's softmax_common.cc leaves the wider form some room
        is_near = is_widened and abs(made.scale - wanted.scale) <= wanted.scale / 1000
        if (made.scale != wanted.scale and not is_near) or made.zero_point != wanted.zero_point:
            what = f"the output is not quantised as 1/{1 / wanted.scale:g} and {wanted.zero_point}"
            raise OutOfRange(what, _HINT)
    if described.keeps_quantisation and len(set(quantisations(graph, operator, form))) > 1:
        raise OutOfRange("inputs and outputs are quantised differently", _HINT)
