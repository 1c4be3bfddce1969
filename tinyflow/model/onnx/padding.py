"""Padding in front of a convolution or pool."""

from __future__ import annotations

from tinyflow.model.onnx.geometry import pads_of
from tinyflow.model.onnx.imported import ImportedGraph
from tinyflow.model.onnx.source import Node
from tinyflow.model.operators.shapes import same_padding


def padded(
    net: ImportedGraph,
    node: Node,
    source: int,
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> tuple[int, str]:
    """TFLite's padding where it is the same; else a PAD of its own in front."""
    pads = pads_of(node, net.shape(source)[1:3], window, stride, dilation)
    same = tuple(
        same_padding(size, *rest) for size, *rest in zip(net.shape(source)[1:3], window, stride, dilation, strict=True)
    )
    if pads == ((0, 0), (0, 0)):
        return source, "VALID"
    if pads == same:
        return source, "SAME"
    if node.kind != "Conv":
        raise node.refuse(f"padding {pads} is not that of SAME", "pad a convolution, or pool without padding")
    batch, height, width, channels = net.shape(source)
    (top, bottom), (left, right) = pads
    amounts = ((0, 0), (top, bottom), (left, right), (0, 0))
    constant = net.constant(f"{node.name}/padding", amounts, "int32")
    shape = (batch, height + top + bottom, width + left + right, channels)
    return net.layer("PAD", (source, constant), f"{node.name}/padded", net.quantisation(source), shape), "VALID"
