"""The walk over a QDQ graph: float values stay expressions until a QuantizeLinear says what their integers are.

Activations of rank 4 are kept as NHWC. A tensor that was flattened remembers its channels, height and width, since the
weights behind it are in the order of NCHW.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.onnx import plain, products
from tinyflow.model.onnx.imported import FloatValue, ImportedGraph, Weights, nhwc
from tinyflow.model.onnx.source import Node, Source
from tinyflow.model.operators.activation import UNIT_RANGE

# Each gets the node with its activation, the output's name and quantisation; the output's tensor.
_EMITTERS: Mapping[str, Callable[[ImportedGraph, FloatValue, str, Quantisation], int]] = {
    "Conv": products.conv,
    "Gemm": products.gemm,
    "MatMul": products.gemm,
    "Add": plain.add,
    "Relu": plain.relu,
    "Concat": plain.concat,
    "MaxPool": plain.pool,
    "AveragePool": plain.pool,
    "GlobalAveragePool": plain.global_average,
    "Flatten": plain.reshape,
    "Reshape": plain.reshape,
    "Softmax": plain.softmax,
}
# What a node whose inputs and attributes aren't those of its kind can raise wherever they are used.
_MISFITS = (LookupError, ValueError, TypeError, ArithmeticError, AttributeError)
_FUSING = ("Conv", "Gemm", "MatMul", "Add")
_KNOWN = (*_EMITTERS, "Clip", "QuantizeLinear", "DequantizeLinear")


class Importer(ImportedGraph):
    """One walk over one file."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        # value → int8 tensor: what QuantizeLinear gives, and DequantizeLinear takes
        self._quantised: dict[str, int] = {}
        self._reals: dict[str, FloatValue] = {}

    def imported(self) -> Graph:
        """The whole graph. Raises ModelError."""
        for node in self.source.nodes:
            try:
                self._take(node)
            except _MISFITS as error:
                raise node.refuse(f"its inputs and attributes don't fit: {error}", "export the model again") from None
        outputs = [self._output(name) for name in self.source.outputs]
        return self.graph(outputs, self.source.name)

    def _take(self, node: Node) -> None:
        if node.kind == "QuantizeLinear":
            self._quantise(node)
        elif node.kind == "DequantizeLinear":
            self._dequantise(node)
        elif node.kind in ("Relu", "Clip") and self._fuse(node):
            pass
        elif node.kind in _EMITTERS:
            self._reals[node.outputs[0]] = FloatValue(node)
        else:
            raise node.refuse(f"the operator {node.kind} can't be imported", f"known: {', '.join(sorted(_KNOWN))}")

    def _output(self, name: str) -> int:
        """The tensor of a graph output: quantised, or what a Softmax that nothing quantises gives."""
        for found in (self.dequantised, self._quantised):
            if name in found:
                return found[name]
        real = self._reals.get(name)
        if real is not None and real.node.kind == "Softmax":
            return _EMITTERS["Softmax"](self, real, name, UNIT_RANGE)
        raise ModelError(f"the output {name} is not quantised", hint="quantise the network's outputs too (QDQ)")

    def _quantise(self, node: Node) -> None:
        """A QuantizeLinear makes the float value in front of it an int8 tensor."""
        value, output = node.inputs[0], node.outputs[0]
        quantisation = self._quantisation(node)
        if value in self.source.inputs:
            index = self.add_input(value, nhwc(self.source.shape(value)), quantisation)
        elif value in self.dequantised:
            index = self.requantise(self.dequantised[value], quantisation, output)
        elif value in self._reals:
            real = self._reals[value]
            index = _EMITTERS[real.node.kind](self, real, output, quantisation)
        elif value in self.source.constants:
            raise node.refuse("a constant is quantised at run time", "store it as integers (QDQ after quantisation)")
        else:
            raise node.refuse(f"nothing computes {value}")
        self._quantised[output] = index

    def _dequantise(self, node: Node) -> None:
        value, output = node.inputs[0], node.outputs[0]
        if value in self._quantised:
            self.dequantised[output] = self._quantised[value]
            return
        if value not in self.source.constants:
            raise node.refuse("it reads integers that no QuantizeLinear made")
        values = self.source.constants[value]
        scales, zero_points, axis = self._scales(node)
        if any(zero_points):
            raise node.refuse("weights must have the zero point 0", "quantise weights symmetrically")
        if values.dtype not in (np.int8, np.int32):
            raise node.refuse(f"weights of {values.dtype}", "quantise weights to int8 and biases to int32")
        self.constants[output] = Weights(values, scales, axis)

    def _scales(self, node: Node) -> tuple[tuple[float, ...], tuple[int, ...], int]:
        names = [*node.inputs[1:], ""]
        scale = self.source.constants.get(names[0])
        zero = np.zeros(1, np.int8) if not names[1] else self.source.constants.get(names[1])
        if scale is None or zero is None:
            raise node.refuse("scale and zero point must be constants")
        zeros = np.atleast_1d(zero)
        offset = 128 if zeros.dtype == np.uint8 else 0
        if zeros.dtype not in (np.int8, np.uint8, np.int32):
            raise node.refuse(f"it quantises to {zeros.dtype}", "quantise to int8 or uint8")
        scales = tuple(np.atleast_1d(scale).astype(np.float32).tolist())
        if not all(0 < value < math.inf for value in scales):
            raise node.refuse("its scale is not a positive number of 32 bits", "quantise with representative samples")
        return scales, tuple(int(value) - offset for value in zeros), int(node.attributes.get("axis", 1))

    def _quantisation(self, node: Node) -> Quantisation:
        """Of an activation, as int8; uint8 has the same steps 128 lower."""
        scales, zero_points, _ = self._scales(node)
        if len(scales) != 1 or len(zero_points) != 1:
            raise node.refuse("an activation has a scale for each channel", "quantise activations per tensor")
        return Quantisation(scales, zero_points)

    def _fuse(self, node: Node) -> bool:
        """Put an activation on the value before it, if that isn't quantised yet."""
        real = self._reals.get(node.inputs[0])
        if real is None or real.activation != "NONE" or real.node.kind not in _FUSING:
            if node.kind == "Clip":
                raise node.refuse("a Clip must follow a convolution, Gemm or Add", "fuse it before quantising")
            return False
        if node.kind == "Clip":
            low, high = (self.source.constants.get(name) for name in (*node.inputs[1:], "", "")[:2])
            if low is None or high is None or (float(low), float(high)) != (0.0, 6.0):
                raise node.refuse("only clipping to 0 … 6 can be imported")
        self._reals[node.outputs[0]] = replace(real, activation="RELU" if node.kind == "Relu" else "RELU6")
        return True
