"""Which rule builds an operator, and what is refused of it. Imports no TVM.

The exact ones come first: moving whatever type, int8 in TFLite's integers, float32; what is left of quantised operators
is computed in real numbers, which isn't TFLite's arithmetic bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tvm.legalised import integer, plain, real
from tinyflow.backends.tvm.legalised.moving import MOVING
from tinyflow.backends.tvm.legalised.scope import ACTIVATIONS, Rule
from tinyflow.model.element_types import ELEMENT_TYPES
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators import WEIGHTED, describe
from tinyflow.model.operators.forms import activations, form_of, rescaled

# how a layer came to be: a kernel of ours; TVM's legalisation, of exact arithmetic or of real numbers for integers
Path = Literal["kernel", "legalised", "dequantised"]

TYPES = ("bool", "int8", "uint8", "int16", "int32", "int64", "float32")
_QUANTISED = ("int8", "uint8", "int16")
# what TFLM has no integer kernel for, or one that is far from the real function
_NO_INTEGERS = ("DIV", "FLOOR_DIV", "FLOOR_MOD", "POW")
_NOT_QUANTISED = {
    "int8": _NO_INTEGERS,
    "uint8": _NO_INTEGERS,
    "int16": (*_NO_INTEGERS, "RELU6", "SQUARED_DIFFERENCE"),
}


@dataclass(frozen=True)
class Chosen:
    """A rule, and whether its arithmetic is TFLite's."""

    build: Rule
    path: Path


@dataclass(frozen=True, eq=False)
class LegalisedSpec:
    """One output of an operator, whose kernel is made from the graph, most of them by TVM; equal to itself only."""

    graph: Graph
    operator: Operator
    output: int = 0

    @property
    def kind(self) -> str:
        """For the name of its function."""
        return self.operator.name.lower() + (f"_output{self.output}" if self.output else "")


def _known() -> dict[str, list[str]]:
    """Form → operators."""
    found: dict[str, set[str]] = {form: {*MOVING, *plain.PLAIN}.difference(plain.LOGIC) for form in TYPES}
    found["bool"] |= {*plain.LOGIC}
    found["int8"] |= {*integer.INTEGER}
    for form in ("float32", *_QUANTISED):
        found[form] |= {*real.REAL}.difference(_NOT_QUANTISED.get(form, ()))
    found["int32"] |= {"QUANTIZE", *plain.ARITHMETIC}
    found["int64"] |= {*plain.ARITHMETIC}
    return {form: sorted(names) for form, names in found.items()}


KNOWN = _known()


def choose(graph: Graph, operator: Operator) -> Chosen:
    """How an operator is built. Raises ValueError where it isn't."""
    _check_types(graph, operator)
    name, refusals = operator.name, list[ValueError]()
    for build, path, check in _candidates(graph, operator):
        try:
            check(graph, operator)
        except ValueError as error:
            refusals.append(error)
        else:
            return Chosen(build, path)
    raise refusals[0] if refusals else Unsupported(f"{name} is not supported in {form_of(graph, operator)}")


def _candidates(graph: Graph, operator: Operator) -> Iterator[tuple[Rule, Path, Any]]:
    name, form = operator.name, form_of(graph, operator)
    if name in MOVING:
        yield MOVING[name], "legalised", _check_moving
    if name in plain.PLAIN and not (name in integer.COMPARISONS and form in _QUANTISED):
        yield plain.PLAIN[name], "legalised", _check_moving
    if name in plain.ARITHMETIC and form in ("int32", "int64"):
        yield real.REAL[name], "legalised", _check_numbers
    if form == "int8" and name in integer.INTEGER:
        yield (*integer.INTEGER[name][:1], "legalised", integer.INTEGER[name][1])
        if name == "FULLY_CONNECTED":
            yield integer.dynamic, "legalised", integer.check_dynamic
    if form == "int16" and name in integer.WIDE:
        yield (*integer.WIDE[name][:1], "legalised", integer.WIDE[name][1])
    if name == "QUANTIZE":
        yield integer.requantised, "legalised", integer.requantising_factor
    if name in real.REAL and name not in _NOT_QUANTISED.get(form, ()) and form in ("float32", *_QUANTISED):
        # what reads or writes floats here rounds as TFLite does
        is_exact = form == "float32" or name == "DEQUANTIZE"
        yield real.built(real.REAL[name]), "legalised" if is_exact else "dequantised", _check_real


def _check_types(graph: Graph, operator: Operator) -> None:
    for tensor in _operands(graph, operator):
        is_packed = tensor.dtype == "int4" and tensor.is_constant and operator.name in WEIGHTED  # read as int8
        if not is_packed:
            check_type(tensor)
        if tensor.is_variable:
            raise Unsupported(f"{tensor.name} is kept from call to call: {operator.name} has no state here")
        if 0 in tensor.shape:
            raise Unsupported(f"{tensor.name} has no elements")
    _check_alike(graph, operator)


def check_type(tensor: Tensor) -> None:
    """Raise ValueError for what not even a copy is made of."""
    if tensor.dtype not in TYPES:
        raise Unsupported(f"{tensor.name} is {tensor.dtype}", f"what is supported: {', '.join(TYPES)}")


def _check_alike(graph: Graph, operator: Operator) -> None:
    """Activations have one type, but for what conditions, comparisons, indices and conversions read or write."""
    *read, written = activations(graph, operator)
    name = operator.name
    is_free = name in ("QUANTIZE", "DEQUANTIZE", "CAST", "ARG_MAX", "ARG_MIN", *integer.COMPARISONS)
    types = [tensor.dtype for tensor in read[name in ("SELECT", "SELECT_V2") :]] + [written.dtype] * (not is_free)
    if len(set(types)) > 1 or (name in integer.COMPARISONS and written.dtype != "bool"):
        every = ", ".join(tensor.dtype for tensor in read)
        raise Unsupported(f"it reads {every} and writes {written.dtype}", "what is supported: operands of one type")


def _operands(graph: Graph, operator: Operator) -> list[Tensor]:
    return [graph.tensors[index] for index in (*operator.inputs, *operator.outputs) if index >= 0]


def _check_moving(graph: Graph, operator: Operator) -> None:
    """Types of what is moved are one, and not rescaled; all that says how is constant."""
    _check_parameters(graph, operator)
    for source in rescaled(graph, operator):
        raise Unsupported(f"{source.name} is uint8 of another scale than the output", "use backend tinyc")
    if operator.name == "GATHER" and operator.options.get("batch_dims", 0) != 0:
        raise Unsupported(f"batch_dims {operator.options['batch_dims']} is not supported", "what is supported: 0")
    if operator.name in ("SELECT", "SELECT_V2"):
        shapes = {graph.tensors[index].shape for index in operator.inputs[1:]}
        if operator.name == "SELECT" and len(shapes | {graph.tensors[operator.inputs[0]].shape}) > 1:
            raise Unsupported("a condition of another shape is not supported", "take SELECT_V2")


def _check_parameters(graph: Graph, operator: Operator) -> None:
    described = describe(operator.name)
    free = _ACTIVATION_PARAMETERS.get(operator.name, ())
    for position in described.parameters:
        if position < len(operator.inputs) and operator.inputs[position] >= 0 and position not in free:
            tensor = graph.tensors[operator.inputs[position]]
            if not tensor.is_constant:
                raise Unsupported(f"{tensor.name} isn't constant: it says how {operator.name} works")


# parameters that may be computed: indices. TVM drops operands that nothing reads, such as the shape of an output
_ACTIVATION_PARAMETERS = {"GATHER": (1,), "GATHER_ND": (1,), "EMBEDDING_LOOKUP": (0,)}


def _check_numbers(graph: Graph, operator: Operator) -> None:
    """Integers without a scale."""
    _check_parameters(graph, operator)
    if any(tensor.quantisation is not None for tensor in activations(graph, operator)):
        raise Unsupported("int32 with a scale is not supported")
    if operator.options.get("activation", "NONE") != "NONE":
        raise Unsupported("a fused activation is not supported for integers without a scale")


def _check_real(graph: Graph, operator: Operator) -> None:
    """Each operand is float32, or of integers with scales; weights are as the activations are."""
    _check_parameters(graph, operator)
    described, form = describe(operator.name), form_of(graph, operator)
    activation, known = operator.options.get("activation", "NONE"), ACTIVATIONS if form == "float32" else _ACTIVATIONS
    if activation not in known:
        raise Unsupported(f"activation {activation} is not supported", f"there are {', '.join(known)}")
    if form != "float32" and operator.name in _SYMMETRIC:
        weights = graph.tensors[operator.inputs[1]]
        if weights.quantisation is not None and any(weights.quantisation.zero_points):
            raise Unsupported(f"{weights.name} is not symmetric")
    for position, index in enumerate(operator.inputs):
        if index >= 0 and position not in described.parameters:
            _check_operand(graph.tensors[index], is_bias=position in described.weights[1:])
            if form == "float32" and graph.tensors[index].dtype != "float32":
                raise Unsupported(f"{graph.tensors[index].name} is {graph.tensors[index].dtype}, not float32")
    for index in operator.outputs:
        _check_operand(graph.tensors[index], is_bias=False)


# of integer kernels
_ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
# whose weights' zero points TFLite doesn't look at
_SYMMETRIC = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")


def _check_operand(tensor: Tensor, *, is_bias: bool) -> None:
    if tensor.dtype == "float32":
        return
    scheme = tensor.quantisation
    if tensor.is_constant and not ELEMENT_TYPES[tensor.dtype].code:
        raise Unsupported(f"{tensor.name} is {tensor.dtype}")
    if tensor.dtype not in _QUANTISED and not (is_bias or tensor.dtype == "int32"):
        raise Unsupported(f"{tensor.name} is {tensor.dtype}")
    if scheme is None or not all(scale != 0 for scale in scheme.scales):
        raise Unsupported(f"{tensor.name} is {tensor.dtype} without a scale")
    if not tensor.is_constant and (scheme.is_per_channel or not scheme.scale > 0):
        raise Unsupported(f"{tensor.name} has not one scale, above 0")
