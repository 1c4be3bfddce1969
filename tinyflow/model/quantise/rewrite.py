"""A float graph with the int8 forms of its operators, and with QUANTIZE and DEQUANTIZE around those that have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tinyflow.model.builder import GraphBuilder, symmetric
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.quantise.rounding import Reals, rounded
from tinyflow.model.quantise.schemes import Schemes
from tinyflow.model.quantise.tensors import reals

_INT32_MAX = 2**31 - 1


class Rewriting(GraphBuilder):
    """One walk over a graph. Tensors that stay keep their names."""

    def __init__(self, graph: Graph, schemes: Schemes, moments: Mapping[int, Reals]) -> None:
        """`moments`: of inputs of operators with weights, by the operator's index (`rounding`)."""
        super().__init__()
        self._moments = moments
        self._graph = graph
        self._schemes = schemes
        self._integers: dict[int, int] = {}  # tensor of the float graph → its int8 form
        self._floats: dict[int, int] = {}  # … → its float form, or whatever else it was

    def rewritten(self) -> Graph:
        """The whole graph; its ports are int8 where operators beside them are."""
        for index in self._graph.inputs:
            tensor = self._graph.tensors[index]
            scheme = self._schemes.of.get(index)
            made = self.add_input(tensor.name, tensor.shape, scheme or tensor.quantisation, _type(tensor, scheme))
            (self._integers if scheme else self._floats)[index] = made
        for operator in self._graph.operators:
            self._take(operator)
        outputs = [self._integers.get(index, self._floats.get(index, -1)) for index in self._graph.outputs]
        whole = self.graph(outputs, self._graph.name)
        return whole.part(whole.operators, whole.inputs, whole.outputs)

    def _take(self, operator: Operator) -> None:
        is_integral = operator.index in self._schemes.integral
        read = [self._operand(operator, position, is_integral=is_integral) for position in range(len(operator.inputs))]
        written = [self._result(index, is_integral=is_integral) for index in operator.outputs]
        version = describe(operator.name).versions[0] if is_integral else operator.version
        index = len(self.operators)
        self.operators.append(
            replace(operator, index=index, version=version, inputs=tuple(read), outputs=tuple(written))
        )
        for index in operator.outputs if is_integral else ():
            if index in self._schemes.fixed:
                name, scheme = self._graph.tensors[index].name, self._schemes.of[index]
                self._integers[index] = self.layer("QUANTIZE", (self._integers[index],), f"{name}/requantised", scheme)

    def _operand(self, operator: Operator, position: int, *, is_integral: bool) -> int:
        index = operator.inputs[position]
        if index < 0:
            return -1
        tensor = self._graph.tensors[index]
        described = describe(operator.name)
        if is_integral and position in described.weights:
            return self._bias(operator, tensor) if position != described.weights[0] else self._weights(operator, tensor)
        return self._integer(tensor) if is_integral and tensor.dtype == "float32" else self._float(tensor)

    def _result(self, index: int, *, is_integral: bool) -> int:
        tensor = self._graph.tensors[index]
        scheme = None
        if is_integral and tensor.dtype == "float32":
            scheme = self._schemes.fixed.get(index, self._schemes.of[index])
        made = self.tensor(tensor.name, tensor.shape, scheme or tensor.quantisation, _type(tensor, scheme))
        (self._integers if scheme else self._floats)[index] = made
        return made

    def _float(self, tensor: Tensor) -> int:
        """The tensor as it was."""
        if tensor.index not in self._floats:
            if tensor.index in self._integers:
                source, name = self._integers[tensor.index], f"{tensor.name}/dequantised"
                made = self.layer("DEQUANTIZE", (source,), name, None, tensor.shape, "float32")
            else:  # a constant, or state
                made = len(self.tensors)
                self.tensors.append(replace(tensor, index=made))
            self._floats[tensor.index] = made
        return self._floats[tensor.index]

    def _integer(self, tensor: Tensor) -> int:
        """An activation in int8, or a constant in its place."""
        if tensor.index not in self._integers:
            scheme = self._schemes.of[tensor.index]
            if tensor.is_constant:
                made = self.constant(tensor.name, steps(reals(tensor), scheme), "int8", scheme)
            else:
                made = self.layer("QUANTIZE", (self._floats[tensor.index],), f"{tensor.name}/quantised", scheme)
            self._integers[tensor.index] = made
        return self._integers[tensor.index]

    def _scales(self, operator: Operator) -> tuple[npt.NDArray[np.float32], int]:
        """Of weights along their axis, never so small that a bias would leave int32; and that axis."""
        described = describe(operator.name)
        first, *others = described.weights
        weights = reals(self._graph.tensors[operator.inputs[first]])
        axis = described.weights_axis or 0
        largest = np.abs(weights).max(axis=tuple(i for i in range(weights.ndim) if i != axis)) / 127
        if others and len(operator.inputs) > others[0] and operator.inputs[others[0]] >= 0:
            bias = np.abs(reals(self._graph.tensors[operator.inputs[others[0]]])).reshape(-1)
            given = self._schemes.of[operator.inputs[described.main_input]].scale
            largest = np.maximum(largest, bias / (given * _INT32_MAX / 2))
        return np.where(largest > 0, largest, 1).astype(np.float32), axis

    def _weights(self, operator: Operator, tensor: Tensor) -> int:
        scales, axis = self._scales(operator)
        values, steps = np.moveaxis(reals(tensor), axis, 0), np.array(symmetric(scales).scales)
        rows = values.reshape(len(steps), -1)
        second = self._moments.get(operator.index)
        if second is None:
            made = np.clip(np.rint(rows / steps[:, None]), -127, 127)
        else:
            each = np.array_split(np.arange(len(steps)), len(second))
            made = np.concatenate([rounded(rows[one], steps[one], of) for one, of in zip(each, second, strict=True)])
        whole = np.moveaxis(made.reshape(values.shape), 0, axis)
        return self.constant(tensor.name, whole, "int8", symmetric(scales, axis))

    def _bias(self, operator: Operator, tensor: Tensor) -> int:
        scales, _ = self._scales(operator)
        given = self._schemes.of[operator.inputs[describe(operator.name).main_input]].scale
        scheme = symmetric(np.float32(given) * scales)
        return self.constant(tensor.name, np.rint(reals(tensor) / np.array(scheme.scales)), "int32", scheme)


def _type(tensor: Tensor, scheme: Quantisation | None) -> str:
    return "int8" if scheme else tensor.dtype


def steps(values: Reals, scheme: Quantisation) -> Reals:
    """Real values as int8 of this scheme."""
    made: Reals = np.clip(np.rint(values / scheme.scale) + scheme.zero_point, -128, 127)
    return made
