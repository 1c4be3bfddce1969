"""What the shape rules of several operators need. Raises ModelError in words that go behind an operator's name."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Shape, Tensor
from tinyflow.model.operators.description import Options

Pair = tuple[int, int]


class NotConstant(Exception):
    """Numbers that are known only when the network runs, and with them a shape."""


def require(condition: bool, what: str) -> None:
    """Raise ModelError unless a condition holds."""
    if not condition:
        raise ModelError(what)


def text(shape: Sequence[int]) -> str:
    """A shape as it is told."""
    return f"[{', '.join(map(str, shape))}]"


def unchanged(read: Sequence[Tensor], options: Options) -> Shape:  # noqa: ARG001
    """The first input's."""
    return read[0].shape


def elementwise(read: Sequence[Tensor], options: Options) -> Shape:  # noqa: ARG001
    """All inputs', dimensions of 1 repeated."""
    shape = read[0].shape
    for tensor in read[1:]:
        shape = broadcast(shape, tensor.shape)
    return shape


def broadcast(left: Shape, right: Shape) -> Shape:
    """The shape in which two meet element by element, dimensions of 1 repeated."""
    rank = max(len(left), len(right))
    shape = []
    for a, b in zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True):
        require(a == b or 1 in (a, b), f"reads {text(left)} and {text(right)}, which do not go together")
        shape.append(max(a, b))
    return tuple(shape)


def has_same_elements(expected: Shape, written: Shape) -> bool:
    """Only their number counts."""
    return math.prod(expected) == math.prod(written)


def axis_of(axis: int, rank: int) -> int:
    """An axis that may be counted from the end."""
    require(-rank <= axis < rank, f"names axis {axis} of a tensor of {rank} dimensions")
    return axis % rank


def numbers(tensor: Tensor) -> list[int]:
    """The values of a constant of int32 or int64. Raises NotConstant."""
    types = {"int32": "i", "int64": "q"}
    require(tensor.dtype in types, f"takes int32 numbers from {tensor.name}, which is {tensor.dtype}")
    if tensor.data is None:
        raise NotConstant(tensor.name)
    return list(struct.unpack(f"<{tensor.elements}{types[tensor.dtype]}", tensor.data))


def pair(options: Options, name: str) -> Pair:
    """An option of (height, width), both at least 1."""
    value = options[name]
    if not isinstance(value, tuple) or len(value) != 2 or min(value) < 1:
        raise ModelError(f"has a {name} of {value}, which is not a pair of positive numbers")
    return value


def same_padding(source: Shape, kernel: Pair, stride: Pair, dilation: Pair = (1, 1)) -> tuple[Pair, Pair]:
    """Elements that SAME padding adds before and after height and width of [N, H, W, C]; the odd one comes after."""
    rows = zip(source[1:3], kernel, stride, dilation, strict=True)
    height, width = (max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0) for size, k, s, d in rows)
    return (height // 2, height - height // 2), (width // 2, width - width // 2)


def slid(source: Shape, kernel: Sequence[int], options: Options) -> Pair:
    """Output height and width of a window that slides over `source`, [N, H, W, C]."""
    stride, dilation = pair(options, "stride"), pair(options, "dilation") if "dilation" in options else (1, 1)
    sizes = []
    for size, window, step, spread in zip(source[1:3], kernel, stride, dilation, strict=True):
        reach = (window - 1) * spread + 1
        # positions are int32 in every kernel
        require(max(reach, step) + size < 1 << 31, f"has a window of {reach} elements in steps of {step}: too large")
        steps = -(-size // step) if options["padding"] == "SAME" else -(-(size - reach + 1) // step)
        require(steps > 0, f"has a window of {reach} elements, which does not fit into {size}")
        sizes.append(steps)
    return sizes[0], sizes[1]
