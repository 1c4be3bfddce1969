"""Shapes, pairs and padding as ONNX spells them, and as TFLite does."""

from __future__ import annotations

from tinyflow.model.graph import Shape
from tinyflow.model.onnx.source import Node
from tinyflow.model.operators.shapes import same_padding


def nhwc(shape: Shape) -> Shape:
    """NCHW to NHWC; other ranks as they are."""
    return (shape[0], shape[2], shape[3], shape[1]) if len(shape) == 4 else shape


def nchw(shape: Shape) -> Shape:
    """NHWC to NCHW."""
    return (shape[0], shape[3], shape[1], shape[2])


def pair(node: Node, name: str, default: tuple[int, int]) -> tuple[int, int]:
    """An attribute for height and width."""
    first, second = node.attributes.get(name, default)
    return int(first), int(second)


def pads_of(
    node: Node, sizes: tuple[int, ...], window: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Before and after, for height and width."""
    auto = node.attributes.get("auto_pad", b"NOTSET")
    auto = auto.decode() if isinstance(auto, bytes) else auto
    if auto == "SAME_UPPER":
        height, width = (same_padding(*row) for row in zip(sizes, window, stride, dilation, strict=True))
        return height, width
    if auto not in ("NOTSET", "VALID"):
        raise node.refuse(f"auto_pad {auto} can't be imported", "export with explicit pads")
    top, left, bottom, right = node.attributes.get("pads", (0, 0, 0, 0)) if auto == "NOTSET" else (0, 0, 0, 0)
    return (int(top), int(bottom)), (int(left), int(right))
