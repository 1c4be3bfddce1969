"""The layers that `kernels.py` measures: those of the four MLPerf Tiny models, and a table of all operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tinynn_cases as cases
import tinynn_int16 as int16
import tinynn_moves as moves
from tinynn_cases import Case, Generator

Make = Callable[[Generator], Case]


@dataclass(frozen=True)
class Layer:
    """A layer of a model and how often it occurs there."""

    make: Make
    times: int = 1


# Where a RELU follows, the models' zero points are -128: the clamp is int8's own.
_RELU: dict[str, Any] = {"activation": "RELU", "output_zero_point": -128}
_NONE: dict[str, Any] = {"activation": "NONE"}


def _conv(
    height: int,
    width: int,
    inputs: int,
    outputs: int,
    kernel: int = 1,
    stride: int = 1,
    more: Mapping[str, Any] = _RELU,
) -> Make:
    shape = (1, height, width, inputs)
    return lambda generator: cases.conv2d(generator, shape, outputs, (kernel, kernel), (stride, stride), **more)


def _depthwise(height: int, width: int, channels: int, stride: int = 1) -> Make:
    shape = (1, height, width, channels)
    return lambda generator: cases.depthwise(generator, shape, (3, 3), (stride, stride), **_RELU)


def _dense(inputs: int, outputs: int) -> Make:
    return lambda generator: cases.fully_connected(generator, 1, inputs, outputs, **_RELU)


def _pool(height: int, width: int, channels: int) -> Make:
    shape = (1, height, width, channels)
    return lambda generator: cases.average_pool(generator, shape, (height, width), (height, width))


def _add(*shape: int) -> Make:
    return lambda generator: cases.add(generator, (1, *shape), **_RELU)


def _binary(operator: str, left: tuple[int, ...], right: tuple[int, ...], constant: int | None = None) -> Make:
    return lambda generator: cases.binary(generator, operator, left, right, constant, (0.05, 0.03, 0.07))


def _softmax(columns: int) -> Make:
    return lambda generator: cases.softmax(generator, 1, columns)


MODELS: dict[str, Sequence[Layer]] = {
    "aww": (
        Layer(lambda generator: cases.conv2d(generator, (1, 49, 10, 1), 64, (10, 4), (2, 2), **_RELU)),
        Layer(_depthwise(25, 5, 64), 4),
        Layer(_conv(25, 5, 64, 64), 4),
        Layer(_pool(25, 5, 64)),
        Layer(_dense(64, 12)),
        Layer(_softmax(12)),
    ),
    "vww": (
        Layer(_conv(96, 96, 3, 8, 3, 2)),
        Layer(_depthwise(48, 48, 8)),
        Layer(_conv(48, 48, 8, 16)),
        Layer(_depthwise(48, 48, 16, 2)),
        Layer(_conv(24, 24, 16, 32)),
        Layer(_depthwise(24, 24, 32)),
        Layer(_conv(24, 24, 32, 32)),
        Layer(_depthwise(24, 24, 32, 2)),
        Layer(_conv(12, 12, 32, 64)),
        Layer(_depthwise(12, 12, 64)),
        Layer(_conv(12, 12, 64, 64)),
        Layer(_depthwise(12, 12, 64, 2)),
        Layer(_conv(6, 6, 64, 128)),
        Layer(_depthwise(6, 6, 128), 5),
        Layer(_conv(6, 6, 128, 128), 5),
        Layer(_depthwise(6, 6, 128, 2)),
        Layer(_conv(3, 3, 128, 256)),
        Layer(_depthwise(3, 3, 256)),
        Layer(_conv(3, 3, 256, 256)),
        Layer(_pool(3, 3, 256)),
        Layer(_dense(256, 2)),
        Layer(_softmax(2)),
    ),
    "resnet": (
        Layer(_conv(32, 32, 3, 16, 3)),
        Layer(_conv(32, 32, 16, 16, 3)),
        Layer(_conv(32, 32, 16, 16, 3, more=_NONE)),
        Layer(_add(32, 32, 16)),
        Layer(_conv(32, 32, 16, 32, 3, 2)),
        Layer(_conv(16, 16, 32, 32, 3, more=_NONE)),
        Layer(_conv(32, 32, 16, 32, 1, 2, more=_NONE)),
        Layer(_add(16, 16, 32)),
        Layer(_conv(16, 16, 32, 64, 3, 2)),
        Layer(_conv(8, 8, 64, 64, 3, more=_NONE)),
        Layer(_conv(16, 16, 32, 64, 1, 2, more=_NONE)),
        Layer(_add(8, 8, 64)),
        Layer(_pool(8, 8, 64)),
        Layer(_dense(64, 10)),
        Layer(_softmax(10)),
    ),
    "toycar": (
        Layer(_dense(640, 128)),
        Layer(_dense(128, 128), 6),
        Layer(_dense(128, 8)),
        Layer(_dense(8, 128)),
        Layer(_dense(128, 640)),
    ),
}

# layers with weights of eight bits and of four
INT4: Sequence[Make] = tuple(
    make
    for bits in (8, 4)
    for make in (
        lambda generator, bits=bits: cases.conv2d(generator, (1, 24, 24, 32), 32, (1, 1), **_RELU, bits=bits),
        lambda generator, bits=bits: cases.conv2d(generator, (1, 6, 6, 128), 128, (1, 1), **_RELU, bits=bits),
        lambda generator, bits=bits: cases.conv2d(generator, (1, 16, 16, 32), 32, (3, 3), **_RELU, bits=bits),
        lambda generator, bits=bits: cases.conv2d(generator, (1, 8, 8, 64), 64, (3, 3), **_RELU, bits=bits),
        lambda generator, bits=bits: cases.depthwise(generator, (1, 24, 24, 32), (3, 3), **_RELU, bits=bits),
        lambda generator, bits=bits: cases.fully_connected(generator, 1, 640, 128, **_RELU, bits=bits),
        lambda generator, bits=bits: cases.fully_connected(generator, 1, 64, 12, **_RELU, bits=bits),
    )
)

# Shapes as small networks have them; of each operator those that its kernels treat differently.
OPERATORS: Sequence[Make] = (
    _conv(24, 24, 32, 32),
    _conv(32, 32, 3, 16, 3),
    _conv(16, 16, 32, 32, 3),
    _conv(48, 48, 8, 16, 5, 2),
    lambda generator: cases.conv2d(generator, (1, 16, 16, 32), 32, (3, 3), dilation=(2, 2), **_RELU),
    _depthwise(24, 24, 32),
    _depthwise(24, 24, 32, 2),
    lambda generator: cases.depthwise(generator, (1, 24, 24, 32), (5, 5), **_RELU),
    lambda generator: cases.depthwise(generator, (1, 24, 24, 32), (5, 5), (2, 2), **_RELU),
    lambda generator: cases.depthwise(generator, (1, 49, 1, 64), (9, 1), **_RELU),
    lambda generator: cases.depthwise(generator, (1, 24, 24, 32), (3, 3), dilation=(2, 2), **_RELU),
    lambda generator: cases.depthwise(generator, (1, 24, 24, 16), (3, 3), depth_multiplier=2, **_RELU),
    lambda generator: cases.depthwise(generator, (1, 49, 10, 1), (10, 8), (2, 2), depth_multiplier=8, **_RELU),
    _dense(640, 128),
    _dense(64, 12),
    _pool(25, 5, 64),
    lambda generator: cases.average_pool(generator, (1, 24, 24, 32), (2, 2), (2, 2)),
    lambda generator: cases.average_pool(generator, (1, 24, 24, 32), (2, 2), (2, 2), operator="max_pool"),
    lambda generator: cases.average_pool(generator, (1, 24, 24, 32), (3, 3), (2, 2), "SAME", "max_pool"),
    lambda generator: cases.mean(generator, (1, 8, 8, 64), (1, 2)),
    lambda generator: cases.mean(generator, (1, 8, 8, 64), (3,)),
    _add(16, 16, 32),
    _binary("ADD", (1, 16, 16, 32), (1, 1, 1, 32)),
    _binary("ADD", (1, 16, 16, 32), (1, 1, 1, 1), constant=1),
    _binary("MUL", (1, 16, 16, 32), (1, 16, 16, 32)),
    _binary("MUL", (1, 16, 16, 32), (1, 1, 1, 32)),
    _binary("MUL", (1, 16, 16, 32), (1, 16, 16, 1)),
    _binary("MUL", (1, 16, 16, 32), (1, 1, 1, 1), constant=1),
    _binary("MAXIMUM", (1, 16, 16, 32), (1, 16, 16, 32)),
    _binary("MINIMUM", (1, 16, 16, 32), (1, 1, 1, 32)),
    _softmax(10),
    lambda generator: cases.softmax(generator, 16, 16),
    lambda generator: cases.softmax(generator, 1, 1000),
    lambda generator: cases.unary(generator, "LOGISTIC", 8192),
    lambda generator: cases.unary(generator, "TANH", 32),
    lambda generator: cases.unary(generator, "TANH", 8192),
    lambda generator: cases.unary(generator, "LEAKY_RELU", 8192),
    lambda generator: cases.unary(generator, "RELU", 8192),
    lambda generator: cases.unary(generator, "QUANTIZE", 8192),
    lambda generator: cases.hard_swish(generator, 8192),
    lambda generator: moves.pad(generator, (1, 16, 16, 32), (0, 1, 1, 0), (0, 1, 1, 0)),
    lambda generator: moves.pad(generator, (1, 32, 32, 3), (0, 1, 1, 0), (0, 1, 1, 1)),
    lambda generator: moves.concatenation(generator, [(1, 16, 16, 32)] * 2, 3),
    lambda generator: moves.concatenation(generator, [(1, 32, 32, 3)] * 2, 3),
    lambda generator: moves.split(generator, (1, 16, 16, 32), 2, 3),
    lambda generator: moves.resize_nearest(generator, (1, 8, 8, 32), 16, 16),
    lambda generator: moves.resize_nearest(generator, (1, 16, 16, 3), 32, 32),
    lambda generator: moves.transpose(generator, (1, 16, 16, 32), (0, 3, 1, 2)),
    lambda generator: moves.transpose(generator, (1, 32, 49, 4), (0, 2, 1, 3)),
    lambda generator: moves.transpose(generator, (1, 32, 16, 16), (0, 2, 3, 1)),
    lambda generator: moves.strided_slice(generator, (1, 16, 16, 32), (0, 1, 1, 0), (1, 15, 15, 32), (1, 1, 1, 1)),
    lambda generator: moves.strided_slice(generator, (1, 16, 16, 32), (0, 0, 0, 0), (1, 16, 16, 32), (1, 2, 2, 1)),
    lambda generator: moves.strided_slice(generator, (1, 16, 16, 32), (0, 0, 0, 0), (1, 16, 16, 32), (1, 1, 1, 2)),
    # of int16x8 networks
    lambda generator: int16.conv2d(generator, (1, 24, 24, 32), 32, (1, 1)),
    lambda generator: int16.conv2d(generator, (1, 32, 32, 3), 16, (3, 3)),
    lambda generator: int16.conv2d(generator, (1, 16, 16, 32), 32, (3, 3)),
    lambda generator: int16.depthwise(generator, (1, 24, 24, 32), (3, 3)),
    lambda generator: int16.fully_connected(generator, 1, 640, 128),
    lambda generator: int16.binary(generator, "ADD", (1, 16, 16, 32), (1, 16, 16, 32)),
    lambda generator: int16.binary(generator, "MUL", (1, 16, 16, 32), (1, 16, 16, 32)),
    lambda generator: int16.unary(generator, "SOFTMAX", (1, 10)),
    lambda generator: int16.unary(generator, "LOGISTIC", (1, 8192)),
)
