"""Windows that slide over [N, H, W, C]: convolutions, and pools, which take each channel by itself.

Weights are [out, kh, kw, in], of a depthwise convolution [1, kh, kw, out]; a bias is [out].
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinyflow.model.graph import Graph, Operator, Shape, Tensor
from tinyflow.model.operators.description import (
    ACTIVATION,
    DILATION,
    PADDING,
    STRIDE,
    UNARY,
    Description,
    Option,
    Options,
)
from tinyflow.model.operators.shapes import numbers, pair, require, slid, text


def _convolution(read: Sequence[Tensor], options: Options) -> Shape:
    source, weights = _operands(read, weights_axis=0)
    is_whole = source[3] % weights[3] == 0 and weights[0] % (source[3] // weights[3]) == 0
    require(is_whole, f"reads {source[3]} channels with {weights[0]} filters of {weights[3]}")
    return (source[0], *slid(source, weights[1:3], options), weights[0])


def _depthwise(read: Sequence[Tensor], options: Options) -> Shape:
    source, weights = _operands(read, weights_axis=3)
    multiplier = options["depth_multiplier"]
    # a multiplier of 0 in the file means: the one that fits
    fits = weights[3] % source[3] == 0 and multiplier in (0, weights[3] // source[3])
    require(weights[0] == 1 and fits, f"reads {text(source)} with weights {text(weights)}")
    return (source[0], *slid(source, weights[1:3], options), weights[3])


def _operands(read: Sequence[Tensor], weights_axis: int) -> tuple[Shape, Shape]:
    source, weights = (tensor.shape for tensor in read[:2])
    require(len(source) == len(weights) == 4, f"reads {text(source)} with weights {text(weights)}, not 4-D")
    if len(read) == 3:
        channels = weights[weights_axis]
        require(read[2].shape == (channels,), f"has a bias {text(read[2].shape)} for {channels} channels")
    return source, weights


def _transposed(read: Sequence[Tensor], options: Options) -> Shape:
    made = tuple(numbers(read[0]))
    _check_made(read, made, options)
    return made


def _check_transposed(graph: Graph, operator: Operator) -> None:
    """What a network computes to be the output's shape is what its tensor says."""
    read = [graph.tensors[index] for index in operator.inputs if index >= 0]
    _check_made(read, graph.tensors[operator.outputs[0]].shape, operator.options)


def _check_made(read: Sequence[Tensor], made: Shape, options: Options) -> None:
    """The input has the shape that a convolution would make of the output."""
    weights, source = read[1].shape, read[2].shape
    require(len(weights) == len(source) == 4 == read[0].elements, f"reads {text(source)} with weights {text(weights)}")
    require(weights[3] == source[3], f"reads {source[3]} channels with weights for {weights[3]}")
    if len(read) == 4:
        require(read[3].shape == weights[:1], f"has a bias {text(read[3].shape)} for {weights[0]} channels")
    require(len(made) == 4 and min(made) > 0, f"writes {text(made)} of {text(source)}")
    require(made[0] == source[0] and made[3] == weights[0], f"writes {text(made)} of {text(source)}")
    require(slid(made, weights[1:3], options) == source[1:3], f"writes {text(made)} of {text(source)}")


def _pool(read: Sequence[Tensor], options: Options) -> Shape:
    source = read[0].shape
    require(len(source) == 4, f"reads {text(source)}, not 4-D")
    return (source[0], *slid(source, pair(options, "filter"), options), source[3])


OPERATORS = (
    Description(
        "CONV_2D",
        inputs=(2, 3),
        options=(PADDING, STRIDE, DILATION, ACTIVATION),
        versions=(3, 8),
        shape=_convolution,
        weights=(1, 2),
        macs=lambda _, read, written: math.prod(written) * math.prod(read[1][1:]),
        weights_axis=0,
    ),
    Description(
        "DEPTHWISE_CONV_2D",
        inputs=(2, 3),
        options=(PADDING, STRIDE, DILATION, Option("depth_multiplier", 1), ACTIVATION),
        versions=(3, 7),
        shape=_depthwise,
        weights=(1, 2),
        macs=lambda _, read, written: math.prod(written) * math.prod(read[1][1:3]),
        weights_axis=3,
    ),
    Description(
        "TRANSPOSE_CONV",
        inputs=(3, 4),
        main_input=2,
        parameters=(0,),
        weights=(1, 3),
        options=(PADDING, STRIDE, ACTIVATION),
        versions=(3, 5),
        shape=_transposed,
        check=_check_transposed,
        # every input element meets the kernel once for each output channel
        macs=lambda _, read, _written: math.prod(read[2]) * math.prod(read[1][:3]),
    ),
    *(
        Description(
            name,
            inputs=UNARY,
            table="Pool2DOptions",
            options=(PADDING, STRIDE, Option("filter", (1, 1), ("FilterHeight", "FilterWidth")), ACTIVATION),
            versions=versions,
            shape=_pool,
            keeps_quantisation=True,
        )
        for name, versions in (("AVERAGE_POOL_2D", (2, 3)), ("MAX_POOL_2D", (2, 3)), ("L2_POOL_2D", (1, 1)))
    ),
)
