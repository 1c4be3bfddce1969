"""Two tensors element by element, dimensions of 1 repeated."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tinyflow.model.graph import Shape, Tensor
from tinyflow.model.operators.description import ACTIVATION, ANY, BINARY, TERNARY, Description, Option, Options, plain
from tinyflow.model.operators.shapes import broadcast

_POT_SCALE = Option("pot_scale_int16", True)


def _broadcast(read: Sequence[Tensor], _options: Options) -> Shape:
    return broadcast(read[0].shape, read[1].shape)


_binary = partial(Description, inputs=BINARY, versions=(2, 3), shape=_broadcast)

OPERATORS = (
    _binary("ADD", options=(ACTIVATION, _POT_SCALE)),
    _binary("SUB", options=(ACTIVATION, _POT_SCALE)),
    _binary("MUL", options=(ACTIVATION,)),
    _binary("DIV", options=(ACTIVATION,), versions=(1, 1)),  # no int8 in TFLM
    _binary("MAXIMUM", table="MaximumMinimumOptions", keeps_quantisation=True),
    _binary("MINIMUM", table="MaximumMinimumOptions", keeps_quantisation=True),
    *plain(
        """EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR NOT_EQUAL POW PRELU
        SQUARED_DIFFERENCE""",
        BINARY,
    ),
    *plain("SELECT SELECT_V2", TERNARY),
    *plain("ADD_N", (1, ANY)),
)
