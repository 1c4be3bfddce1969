"""The graph that an import makes: tensors and operators, and which of them stand for which values of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import OptionValue, Quantisation, Shape
from tinyflow.model.onnx.source import Array, Node, Source
from tinyflow.model.operators.shapes import Pair, same_padding


def nhwc(shape: Shape) -> Shape:
    """NCHW to NHWC; other ranks as they are."""
    return (shape[0], shape[2], shape[3], shape[1]) if len(shape) == 4 else shape


@dataclass(frozen=True)
class FloatValue:
    """A float value: the node that computes it, whose result nothing has quantised yet, and an activation on top."""

    node: Node
    activation: str = "NONE"


@dataclass(frozen=True)
class Weights:
    """A constant behind a DequantizeLinear: integers, scales along an axis."""

    values: Array
    scales: tuple[float, ...]
    axis: int


class ImportedGraph(GraphBuilder):
    """The graph that is being made, and what its tensors are to the file's values."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        # float value → the int8 tensor that it stands for
        self.dequantised: dict[str, int] = {}
        # dequantised constants by float value
        self.constants: dict[str, Weights] = {}
        # tensor → (channels, height, width) before it was flattened
        self.flattened: dict[int, tuple[int, int, int]] = {}

    def activation(self, node: Node, position: int = 0) -> int:
        """The int8 tensor of an input. Raises ModelError where it isn't quantised."""
        value = node.inputs[position]
        if value not in self.dequantised:
            raise node.refuse(f"its input {value} is not quantised", "each operator is between DQ and Q")
        return self.dequantised[value]

    def weights(self, node: Node, position: int) -> Weights:
        """The constant of an input. Raises ModelError where it is none."""
        value = node.inputs[position]
        if value not in self.constants:
            raise node.refuse(f"its input {value} is not a quantised constant", "store weights as int8 behind a DQ")
        return self.constants[value]

    def result(
        self, node: Node, kind: str, inputs: Sequence[int], name: str, scheme: Quantisation, **options: OptionValue
    ) -> int:
        """An operator that computes a node's output; its tensor, NHWC."""
        return self.layer(kind, inputs, name, scheme, nhwc(self.source.shape(node.outputs[0])), **options)

    def requantise(self, tensor: int, quantisation: Quantisation, name: str) -> int:
        """The tensor with this quantisation, by a QUANTIZE where it has another."""
        if self.tensors[tensor].quantisation == quantisation:
            return tensor
        return self.layer("QUANTIZE", (tensor,), name, quantisation)

    def padded(self, node: Node, source: int, window: Pair, stride: Pair, dilation: Pair = (1, 1)) -> tuple[int, str]:
        """TFLite's padding where it is the same; else a PAD of its own in front."""
        batch, height, width, channels = self.shape(source)
        same = same_padding(self.shape(source), window, stride, dilation)
        pads = node.pads(same)
        if pads == ((0, 0), (0, 0)):
            return source, "VALID"
        if pads == same:
            return source, "SAME"
        if node.kind != "Conv":
            raise node.refuse(f"padding {pads} is not that of SAME", "pad a convolution, or pool without padding")
        amounts = ((0, 0), *pads, (0, 0))
        constant = self.constant(f"{node.name}/padding", amounts, "int32")
        shape = (batch, height + sum(pads[0]), width + sum(pads[1]), channels)
        return self.layer("PAD", (source, constant), f"{node.name}/padded", self.quantisation(source), shape), "VALID"
