"""The graph that an import makes: tensors and operators, and which of them stand for which values of the file."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tinyflow.model.graph import Operator, OptionValue, Quantisation, Shape, Tensor
from tinyflow.model.onnx.geometry import nhwc
from tinyflow.model.onnx.source import Array, Node, Source
from tinyflow.model.tflite_options import default_options

# Versions whose int8 arithmetic is that of TFLM's reference kernels.
_VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "ADD": 2, "AVERAGE_POOL_2D": 2}
_VERSIONS |= {"MAX_POOL_2D": 2, "SOFTMAX": 2, "RELU": 2, "MEAN": 2, "PAD": 2, "QUANTIZE": 2, "CONCATENATION": 2}


@dataclass(frozen=True)
class Real:
    """A float value: the node that computes it, whose result nothing has quantised yet, and an activation on top."""

    node: Node
    activation: str = "NONE"


@dataclass(frozen=True)
class Weights:
    """A constant behind a DequantizeLinear: integers, scales along an axis."""

    values: Array
    scales: tuple[float, ...]
    axis: int


@dataclass
class Growing:
    """The graph that is being made, and what its tensors are to the file's values."""

    source: Source
    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    dequantised: dict[str, int] = field(default_factory=dict)
    """Float value → the int8 tensor that it stands for."""
    constants: dict[str, Weights] = field(default_factory=dict)
    """Dequantised constants by float value."""
    flattened: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    """Tensor → (channels, height, width) before it was flattened."""

    def add_tensor(
        self, name: str, shape: Shape, dtype: str, quantisation: Quantisation | None, data: bytes | None = None
    ) -> int:
        """A tensor; its index."""
        self.tensors.append(Tensor(len(self.tensors), name, shape, dtype, quantisation, data))
        return len(self.tensors) - 1

    def add_constant(self, name: str, values: Array, dtype: str, quantisation: Quantisation | None) -> int:
        """A tensor that has these values."""
        data = np.ascontiguousarray(values).astype(np.dtype(dtype).newbyteorder("<")).tobytes()
        return self.add_tensor(name, values.shape, dtype, quantisation, data)

    def add_operator(self, name: str, inputs: tuple[int, ...], output: int, **options: OptionValue) -> int:
        """An operator that gives the tensor `output`; its index again."""
        complete = {**default_options(name), **options}
        version = _VERSIONS.get(name, 1)
        self.operators.append(Operator(len(self.operators), name, version, inputs, (output,), complete))
        return output

    def activation(self, node: Node, position: int = 0) -> int:
        """The int8 tensor of an input. Raises ModelError where it isn't quantised."""
        value = node.inputs[position]
        if value not in self.dequantised:
            raise node.refuse(f"its input {value} is not quantised", "each operator stands between DQ and Q")
        return self.dequantised[value]

    def weights(self, node: Node, position: int) -> Weights:
        """The constant of an input. Raises ModelError where it is none."""
        value = node.inputs[position]
        if value not in self.constants:
            raise node.refuse(f"its input {value} is no quantised constant", "store weights as int8 behind a DQ")
        return self.constants[value]

    def shape(self, tensor: int) -> Shape:
        """Of a tensor, NHWC."""
        return self.tensors[tensor].shape

    def add_result(self, node: Node, name: str, quantisation: Quantisation) -> int:
        """The tensor for a node's output."""
        return self.add_tensor(name, nhwc(self.source.shape(node.outputs[0])), "int8", quantisation)

    def requantise(self, tensor: int, quantisation: Quantisation, name: str) -> int:
        """The tensor with this quantisation, by a QUANTIZE where it has another."""
        if self.tensors[tensor].quantisation == quantisation:
            return tensor
        made = self.add_tensor(name, self.tensors[tensor].shape, "int8", quantisation)
        return self.add_operator("QUANTIZE", (tensor,), made)
