"""Two tensors element by element, dimensions of 1 repeated."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tinyflow.model.graph import Shape, Tensor
from tinyflow.model.operators.description import ACTIVATION, ANY, BINARY, TERNARY, Description, Option, Options, each
from tinyflow.model.operators.shapes import elementwise, require, text

_POT_SCALE = Option("pot_scale_int16", True)


def _prelu(read: Sequence[Tensor], options: Options) -> Shape:
    source, slopes = (tensor.shape for tensor in read)
    require(elementwise(read, options) == source, f"has slopes {text(slopes)} for {text(source)}")
    return source


def _sum(read: Sequence[Tensor], _options: Options) -> Shape:
    shapes = {tensor.shape for tensor in read}
    require(len(shapes) == 1, f"adds {text(read[0].shape)} and tensors of other shapes")
    return read[0].shape


_binary = partial(Description, inputs=BINARY, versions=(2, 5), shape=elementwise)

OPERATORS = (
    _binary("ADD", options=(ACTIVATION, _POT_SCALE)),
    _binary("SUB", options=(ACTIVATION, _POT_SCALE)),
    _binary("MUL", options=(ACTIVATION,), versions=(2, 7)),
    _binary("DIV", options=(ACTIVATION,), versions=(1, 2)),  # no int8 in TFLM
    _binary("MAXIMUM", table="MaximumMinimumOptions", keeps_quantisation=True),
    _binary("MINIMUM", table="MaximumMinimumOptions", keeps_quantisation=True),
    _binary("SQUARED_DIFFERENCE", table="SquaredDifferenceOptions"),
    _binary("PRELU", shape=_prelu, versions=(1, 1)),
    *each(
        "EQUAL* NOT_EQUAL* GREATER* GREATER_EQUAL* LESS* LESS_EQUAL*", inputs=BINARY, shape=elementwise, versions=(2, 5)
    ),
    *each("LOGICAL_AND* LOGICAL_OR* POW*", inputs=BINARY, shape=elementwise),
    *each("FLOOR_DIV* FLOOR_MOD*", inputs=BINARY, shape=elementwise, versions=(2, 3)),
    # a condition, and what it chooses from
    *each("SELECT* SELECT_V2*", inputs=TERNARY, shape=elementwise, main_input=1, versions=(1, 4)),
    Description("ADD_N", (1, ANY), table="AddNOptions", shape=_sum),
)
