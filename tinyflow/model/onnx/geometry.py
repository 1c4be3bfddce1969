"""Shapes, pairs and padding as ONNX spells them, and as TFLite does."""

from __future__ import annotations

from tinyflow.model.graph import Shape
from tinyflow.model.onnx.source import Node
from tinyflow.model.operators.shapes import Pair


def nhwc(shape: Shape) -> Shape:
    """NCHW to NHWC; other ranks as they are."""
    return (shape[0], shape[2], shape[3], shape[1]) if len(shape) == 4 else shape


def nchw(shape: Shape) -> Shape:
    """NHWC to NCHW."""
    return (shape[0], shape[3], shape[1], shape[2])


def pair(node: Node, name: str) -> Pair:
    """An attribute for height and width; 1 and 1 where it is absent."""
    first, second = node.attributes.get(name, (1, 1))
    return int(first), int(second)


def pads_of(node: Node, same: tuple[Pair, Pair]) -> tuple[Pair, Pair]:
    """Padding before and after height and width, as a node's attributes say; `same` is what TFLite calls SAME."""
    auto = node.attributes.get("auto_pad", b"NOTSET")
    auto = auto.decode() if isinstance(auto, bytes) else auto
    if auto == "SAME_UPPER":
        return same
    if auto not in ("NOTSET", "VALID"):
        raise node.refuse(f"auto_pad {auto} can't be imported", "export with explicit pads")
    top, left, bottom, right = node.attributes.get("pads", (0, 0, 0, 0)) if auto == "NOTSET" else (0, 0, 0, 0)
    return (int(top), int(bottom)), (int(left), int(right))
