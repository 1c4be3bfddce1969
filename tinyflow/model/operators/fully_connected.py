"""Products of matrices: weights of FULLY_CONNECTED are [out, in], a bias is [out]."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinyflow.model.graph import Shape, Tensor
from tinyflow.model.operators.description import ACTIVATION, BINARY, Description, Option, Options
from tinyflow.model.operators.shapes import broadcast, require, text

_ASYMMETRIC = Option("asymmetric_quantize_inputs", False)


def _fully_connected(read: Sequence[Tensor], _options: Options) -> Shape:
    source, weights = (tensor.shape for tensor in read[:2])
    require(len(weights) == 2 and len(source) > 0, f"reads {text(source)} with weights {text(weights)}")
    elements = math.prod(source)
    require(elements % weights[1] == 0, f"reads {elements} elements with weights for {weights[1]}")
    if len(read) == 3:
        require(read[2].elements == weights[0], f"has a bias {text(read[2].shape)} for {weights[0]} outputs")
    return (elements // weights[1], weights[0])


def _has_same_rows(expected: Shape, written: Shape) -> bool:
    """Leading dimensions may be kept apart."""
    return math.prod(expected) == math.prod(written) and expected[-1:] == written[-1:]


def _batch_matmul(read: Sequence[Tensor], options: Options) -> Shape:
    left, right = (tensor.shape for tensor in read)
    require(min(len(left), len(right)) >= 2, "reads a tensor of less than 2 dimensions")
    rows, depth = left[-2:][::-1] if options["adj_x"] else left[-2:]
    inner, columns = right[-2:][::-1] if options["adj_y"] else right[-2:]
    require(depth == inner, f"multiplies {text(left)} by {text(right)}")
    return (*broadcast(left[:-2], right[:-2]), rows, columns)


OPERATORS = (
    Description(
        "FULLY_CONNECTED",
        inputs=(2, 3),
        options=(
            ACTIVATION,
            Option("weights_format", "DEFAULT", is_fixed=True),
            Option("keep_num_dims", False),
            _ASYMMETRIC,
        ),
        versions=(4, 13),
        shape=_fully_connected,
        weights=(1, 2),
        fits=_has_same_rows,
        macs=lambda _, read, written: math.prod(written) * read[1][1],
        weights_axis=0,
    ),
    Description(
        "BATCH_MATMUL",
        inputs=BINARY,
        table="BatchMatMulOptions",
        options=(Option("adj_x", False), Option("adj_y", False), _ASYMMETRIC),
        versions=(2, 4),
        shape=_batch_matmul,
        macs=lambda options, read, written: math.prod(written) * read[0][-2 if options["adj_x"] else -1],
    ),
)
