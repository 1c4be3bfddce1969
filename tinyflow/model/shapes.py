"""What shape an operator's output must have, from the shapes that it reads: for checking models and for building them.

Raises ModelError without a place (`where`); the caller knows it. Operators without a rule here are not checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import OptionValue, Shape

Options = Mapping[str, OptionValue]
Rule = Callable[[Sequence[Shape], Options], Shape]


def output_shape(operator: str, read: Sequence[Shape], options: Options) -> Shape | None:
    """The shape of an operator's first output; None without a rule. Raises ModelError for shapes that don't fit."""
    rule = _RULES.get(operator)
    return None if rule is None else rule(read, options)


def check_output(operator: str, read: Sequence[Shape], options: Options, written: Shape) -> None:
    """Raise ModelError where the output's shape is not what the operator computes."""
    if operator in _REARRANGING:
        expected_elements = math.prod(read[0])
        if math.prod(written) != expected_elements:
            raise ModelError(f"{operator} turns {_text(read[0])} into {_text(written)}, which has other elements")
        return
    expected = output_shape(operator, read, options)
    if operator == "FULLY_CONNECTED" and expected is not None:  # leading dimensions may be kept apart
        if math.prod(written) != math.prod(expected) or written[-1] != expected[-1]:
            raise _mismatch(operator, expected, written)
    elif expected is not None and written != expected:
        raise _mismatch(operator, expected, written)


_REARRANGING = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH")


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Elements that SAME padding adds before and after one spatial dimension; the odd one comes after."""
    wanted = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return wanted // 2, wanted - wanted // 2


def _text(shape: Shape) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _mismatch(operator: str, expected: Shape, written: Shape) -> ModelError:
    return ModelError(f"{operator} computes {_text(expected)}, its output tensor is {_text(written)}")


def _pair(options: Options, option: str, least: int = 1) -> tuple[int, int]:
    value = options[option]
    if not isinstance(value, tuple) or len(value) != 2 or min(value) < least:
        raise ModelError(f"{option} {value} is not a pair of positive numbers")
    return value


def _need(condition: bool, what: str) -> None:
    if not condition:
        raise ModelError(what)


def _spatial(
    source: Shape, kernel: Sequence[int], options: Options, dilation: tuple[int, int] = (1, 1)
) -> tuple[int, int]:
    """Output height and width of a window that slides over `source`, [N, H, W, C]."""
    stride = _pair(options, "stride")
    sizes = []
    for size, window, step, spread in zip(source[1:3], kernel, stride, dilation, strict=True):
        reach = (window - 1) * spread + 1
        # positions are int32 in every kernel
        _need(max(reach, step) + size < 1 << 31, f"a window of {reach} elements in steps of {step} is too large")
        steps = -(-size // step) if options["padding"] == "SAME" else -(-(size - reach + 1) // step)
        _need(steps > 0, f"a window of {reach} elements does not fit into {size}")
        sizes.append(steps)
    return sizes[0], sizes[1]


def _convolution(read: Sequence[Shape], options: Options) -> Shape:
    source, weights = _window_operands("CONV_2D", read, weights_out_axis=0)
    _need(source[3] % weights[3] == 0, f"CONV_2D reads {source[3]} channels with weights for {weights[3]}")
    height, width = _spatial(source, weights[1:3], options, _pair(options, "dilation"))
    return (source[0], height, width, weights[0])


def _depthwise(read: Sequence[Shape], options: Options) -> Shape:
    source, weights = _window_operands("DEPTHWISE_CONV_2D", read, weights_out_axis=3)
    multiplier = options["depth_multiplier"]
    # a multiplier of 0 in the file means: the one that fits
    fits = weights[3] % source[3] == 0 and multiplier in (0, weights[3] // source[3])
    _need(weights[0] == 1 and fits, f"DEPTHWISE_CONV_2D reads {_text(source)} with weights {_text(weights)}")
    height, width = _spatial(source, weights[1:3], options, _pair(options, "dilation"))
    return (source[0], height, width, weights[3])


def _window_operands(operator: str, read: Sequence[Shape], weights_out_axis: int) -> tuple[Shape, Shape]:
    _need(len(read) in (2, 3), f"{operator} reads {len(read)} tensors, not 2 or 3")
    source, weights = read[:2]
    _need(len(source) == len(weights) == 4, f"{operator} reads {_text(source)} with weights {_text(weights)}, not 4-D")
    if len(read) == 3:
        channels = weights[weights_out_axis]
        _need(read[2] == (channels,), f"{operator} has a bias {_text(read[2])} for {channels} channels")
    return source, weights


def _pool(read: Sequence[Shape], options: Options) -> Shape:
    _need(len(read) == 1 and len(read[0]) == 4, "a pooling operator reads one 4-D tensor")
    height, width = _spatial(read[0], _pair(options, "filter"), options)
    return (read[0][0], height, width, read[0][3])


def _fully_connected(read: Sequence[Shape], _options: Options) -> Shape:
    _need(len(read) in (2, 3), f"FULLY_CONNECTED reads {len(read)} tensors, not 2 or 3")
    source, weights = read[:2]
    _need(len(weights) == 2 and len(source) > 0, f"FULLY_CONNECTED reads {_text(source)} with weights {_text(weights)}")
    elements = math.prod(source)
    _need(elements % weights[1] == 0, f"FULLY_CONNECTED reads {elements} elements with weights for {weights[1]}")
    if len(read) == 3:
        _need(math.prod(read[2]) == weights[0], f"FULLY_CONNECTED has a bias {_text(read[2])} for {weights[0]} outputs")
    return (elements // weights[1], weights[0])


def _broadcast(read: Sequence[Shape], _options: Options) -> Shape:
    _need(len(read) == 2, f"an elementwise operator reads {len(read)} tensors, not 2")
    left, right = read
    rank = max(len(left), len(right))
    pairs = zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True)
    shape = []
    for a, b in pairs:
        _need(a == b or 1 in (a, b), f"{_text(left)} and {_text(right)} do not go together")
        shape.append(max(a, b))
    return tuple(shape)


def _unchanged(read: Sequence[Shape], _options: Options) -> Shape:
    _need(len(read) >= 1, "the operator reads nothing")
    return read[0]


def _batch_matmul(read: Sequence[Shape], options: Options) -> Shape:
    _need(len(read) == 2 and min(map(len, read)) >= 2, "BATCH_MATMUL reads two tensors of 2 or more dimensions")
    left, right = read
    rows, depth = left[-2:][::-1] if options["adj_x"] else left[-2:]
    inner, columns = right[-2:][::-1] if options["adj_y"] else right[-2:]
    _need(depth == inner, f"BATCH_MATMUL multiplies {_text(left)} by {_text(right)}")
    return (*_broadcast((left[:-2], right[:-2]), options), rows, columns)


_RULES: Mapping[str, Rule] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "FULLY_CONNECTED": _fully_connected,
    "BATCH_MATMUL": _batch_matmul,
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM"), _broadcast),
    **dict.fromkeys(
        (
            "SOFTMAX",
            "LOG_SOFTMAX",
            "LOGISTIC",
            "TANH",
            "RELU",
            "RELU6",
            "HARD_SWISH",
            "LEAKY_RELU",
            "QUANTIZE",
            "DEQUANTIZE",
        ),
        _unchanged,
    ),
}
