"""uint8, which converters wrote until 2020, as int8: every integer and every zero point 128 less.

What an operator of uint8 computes is what its int8 form computes, 128 higher, for the operators listed here, by the
reference kernels of LiteRT; but these round a dense layer's outputs once, TFLM's twice: there a step may be between.
Others stay as they are, between conversions, and so do inputs and outputs of the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from tinyflow.model.arithmetic.moving import MOVING
from tinyflow.model.fixed_point import quantised_bound
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.operators import VIEWS, WEIGHTED, describe
from tinyflow.model.operators.shapes import slid
from tinyflow.model.transforms.tidy.editing import Editing
from tinyflow.model.transforms.whole_operators import Reasons
from tinyflow.model.weighted import constant_values

_OFFSET = 128
_SHIFTED = frozenset(
    (
        *WEIGHTED,
        *("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "MAX_POOL_2D", "AVERAGE_POOL_2D", "MEAN", "ARG_MAX", "ARG_MIN"),
        *("RELU", "RELU6", "LEAKY_RELU", "HARD_SWISH", "LOGISTIC", "TANH", "SOFTMAX"),
    )
)
# these are of the type that what they move has come to be
_MOVING = frozenset((*MOVING, *VIEWS, "RESIZE_NEAREST_NEIGHBOR", "GATHER", "GATHER_ND"))
# which take any type as it is
_CONVERTING = ("QUANTIZE", "DEQUANTIZE")
# The int8 form of convolutions has symmetric weights and factors of another rounding. Those of uint8 are told by
# version 1, which no converter writes of int8: `weighted` goes by it.
_OF_UINT8 = 1


def shift_uint8(graph: Graph) -> tuple[Graph, Reasons]:
    """The graph with operators of int8 in place of those of uint8 that compute the same."""
    shifting = _Shifting(graph)
    operators = [new for operator in graph.operators for new in shifting.shifted(operator)]
    if not shifting.reasons:
        return graph, {}
    return replace(graph, tensors=tuple(shifting.editing.tensors), operators=tuple(operators)), shifting.reasons


class _Shifting:
    """One pass. Each activation is of one of both types, and of the other, too, where somebody reads that."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._outputs = frozenset(graph.outputs)
        self.editing = Editing(graph)
        self.reasons = Reasons()
        # the tensor of the original → that of the type
        self._found: Mapping[str, dict[int, int]] = {"int8": {}, "uint8": {}}
        shifted = [operator for operator in graph.operators if self._is_shifted(operator)]
        self._read_shifted = {index for operator in shifted for index in operator.inputs}

    def shifted(self, operator: Operator) -> Iterator[Operator]:
        """What takes an operator's place: itself, or its int8 form, and conversions of what it reads and writes."""
        has_come = any(index in self._found["int8"] for index in operator.inputs)
        if not self._is_shifted(operator) and not (operator.name in _MOVING and has_come and self._has_form(operator)):
            yield from self._as_it_was(operator)
            return
        read = []
        for index in operator.inputs:
            if index >= 0 and self.graph.tensors[index].dtype == "uint8":
                yield from self._converted(index, "int8")
                index = self._found["int8"][index]
            read.append(index)
        made = list(operator.outputs)
        for position, index in enumerate(made):
            if self.graph.tensors[index].dtype == "uint8":
                made[position] = self._written(index)
        form = replace(operator, inputs=tuple(read), outputs=tuple(made), version=_version(operator))
        yield from self._formed(form)
        for index in operator.outputs:
            if index in self._outputs and self.graph.tensors[index].dtype == "uint8":
                yield _conversion(self._found["int8"][index], index)
        self.reasons[operator.outputs[0]] = "it is int8 now: every integer and zero point 128 less"

    def _as_it_was(self, operator: Operator) -> Iterator[Operator]:
        """A conversion takes what there is, and makes what is read; others take and make what they did."""
        read = list(operator.inputs)
        for position, index in enumerate(read):
            if index >= 0 and self.graph.tensors[index].dtype == "uint8":
                if operator.name not in _CONVERTING or index not in self._found["int8"]:
                    yield from self._converted(index, "uint8")
                    read[position] = self._found["uint8"][index]
                else:
                    read[position] = self._found["int8"][index]
        (first, *_) = operator.outputs or (-1,)
        is_read = first in self._read_shifted and first not in self._outputs
        if operator.name in _CONVERTING and is_read and self.graph.tensors[first].dtype == "uint8":
            self._written(first)
        yield replace(operator, inputs=tuple(read)) if read != list(operator.inputs) else operator

    def _is_shifted(self, operator: Operator) -> bool:
        if operator.name not in _SHIFTED or not self._has_form(operator):
            return False
        return operator.name != "AVERAGE_POOL_2D" or self._rounds_alike(operator) or self._is_above_zero(operator)

    def _has_form(self, operator: Operator) -> bool:
        """Whether an operator is of uint8 throughout, with one scale each, and constant weights."""
        tensors = [self.graph.tensors[index] for index in operator.inputs + operator.outputs if index >= 0]
        of_uint8 = [tensor for tensor in tensors if tensor.dtype == "uint8"]
        if not of_uint8 or any(tensor.is_variable for tensor in tensors):
            return False
        if any(tensor.dtype in ("int8", "float32", "int16") for tensor in tensors):
            return False
        schemes = [tensor.quantisation for tensor in of_uint8]
        if not all(scheme and not scheme.is_per_channel and 0 <= scheme.zero_point < 256 for scheme in schemes):
            return False
        if operator.name in WEIGHTED:
            return self.graph.tensors[operator.inputs[1]].is_constant
        keeps = describe(operator.name).keeps_quantisation
        return not keeps or len({tensor.quantisation for tensor in of_uint8}) == 1

    def _rounds_alike(self, operator: Operator) -> bool:
        """Halves go up in uint8, away from zero in int8; averages of an odd number have none."""
        source, output = (self.editing.tensors[index].shape for index in (operator.inputs[0], operator.outputs[0]))
        height, width = operator.options["filter"]
        whole = slid(source, (height, width), {**operator.options, "padding": "VALID"})
        is_whole = whole == output[1:3]
        return is_whole and height * width % 2 == 1

    def _is_above_zero(self, operator: Operator) -> bool:
        """Of numbers that are not negative, halves go up in int16, too, whose zero point is 0."""
        scheme = self.graph.tensors[operator.inputs[0]].quantisation
        return scheme is not None and scheme.zero_point == 0

    def _formed(self, operator: Operator) -> Iterator[Operator]:
        """An int8 form, of several operators where one doesn't do what the uint8 form does."""
        output = self.editing.tensors[operator.outputs[0]]
        if operator.name == "RELU6" and output.quantisation is not None:  # that of TFLM clamps before it rescales
            bound = quantised_bound(6.0, output.quantisation.scale, output.quantisation.zero_point)
            six = self.editing.constant(output, np.array([min(bound, 127)]), name="six")
            above = self.editing.add(output)
            yield replace(operator, name="RELU", outputs=(above,), version=describe("RELU").versions[0])
            yield Operator(0, "MINIMUM", describe("MINIMUM").versions[0], (above, six), operator.outputs)
        elif operator.name == "AVERAGE_POOL_2D" and not self._rounds_alike(operator):
            source = self.editing.tensors[operator.inputs[0]]
            assert source.quantisation is not None
            wide = {"dtype": "int16", "quantisation": Quantisation(source.quantisation.scales, (0,))}
            given, made = self.editing.add(source, **wide), self.editing.add(output, **wide)
            yield _conversion(source.index, given)
            yield replace(operator, inputs=(given,), outputs=(made,))
            yield _conversion(made, output.index)
        else:
            yield operator

    def _written(self, index: int) -> int:
        """The tensor that the int8 form of an operator writes instead of one of uint8."""
        tensor = self.graph.tensors[index]
        if index in self._outputs:
            self._found["uint8"][index] = index
            self._found["int8"][index] = self.editing.add(tensor, dtype="int8", quantisation=_lower(tensor))
        else:
            self.editing.tensors[index] = replace(tensor, dtype="int8", quantisation=_lower(tensor))
            self._found["int8"][index] = index
        return self._found["int8"][index]

    def _converted(self, index: int, dtype: str) -> Iterator[Operator]:
        """Bring a tensor of the original about in one type, and the operator that this takes."""
        tensor, found = self.graph.tensors[index], self._found[dtype]
        if index in found:
            return
        if tensor.is_constant and dtype == "int8":
            lower = constant_values(tensor).astype(np.int64) - _OFFSET
            found[index] = self.editing.constant(tensor, lower, dtype=dtype, quantisation=_lower(tensor))
            return
        other = self._found["uint8" if dtype == "int8" else "int8"].get(index)
        if other is None and dtype == "uint8":  # as it was written
            found[index] = index
            return
        if dtype == "int8":
            found[index] = self.editing.add(tensor, dtype="int8", quantisation=_lower(tensor))
        else:
            found[index] = self.editing.add(tensor)
        yield _conversion(index if other is None else other, found[index])


def _lower(tensor: Tensor) -> Quantisation:
    scheme = tensor.quantisation
    assert scheme is not None, tensor.name
    return replace(scheme, zero_points=tuple(zero_point - _OFFSET for zero_point in scheme.zero_points))


def _version(operator: Operator) -> int:
    return _OF_UINT8 if operator.name in WEIGHTED else describe(operator.name).versions[0]


def _conversion(source: int, output: int) -> Operator:
    return Operator(0, "QUANTIZE", describe("QUANTIZE").versions[0], (source,), (output,))
