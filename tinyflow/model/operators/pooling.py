"""Pools: a window slides over [N, H, W, C], each channel by itself."""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow.model.graph import Shape, Tensor
from tinyflow.model.operators.description import ACTIVATION, PADDING, STRIDE, UNARY, Description, Option, Options
from tinyflow.model.operators.shapes import pair, require, slid, text


def _pool(read: Sequence[Tensor], options: Options) -> Shape:
    source = read[0].shape
    require(len(source) == 4, f"reads {text(source)}, not 4-D")
    return (source[0], *slid(source, pair(options, "filter"), options), source[3])


OPERATORS = tuple(
    Description(
        name,
        inputs=UNARY,
        table="Pool2DOptions",
        options=(PADDING, STRIDE, Option("filter", (1, 1), ("FilterHeight", "FilterWidth")), ACTIVATION),
        versions=(version, version),
        shape=_pool,
        keeps_quantisation=True,
    )
    for name, version in (("AVERAGE_POOL_2D", 2), ("MAX_POOL_2D", 2), ("L2_POOL_2D", 1))
)
