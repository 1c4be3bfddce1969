"""One tensor element by element or row by row: activations, and what gives numbers in another scale or type."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tinyflow.model.graph import Quantisation, Shape, Tensor
from tinyflow.model.operators.description import ACTIVATION, UNARY, Description, Option, Options, each
from tinyflow.model.operators.shapes import require, unchanged

UNIT_RANGE = Quantisation((1 / 256,), (-128,))  # 0 to 1, and less than 1
SIGNED_UNIT_RANGE = Quantisation((1 / 128,), (0,))  # -1 to 1


def _rows(read: Sequence[Tensor], _options: Options) -> Shape:
    """Along the last axis, which there must be."""
    require(len(read[0].shape) > 0, "reads a single value, not rows")
    return read[0].shape


_unary = partial(Description, inputs=UNARY, versions=(2, 3), shape=unchanged)

OPERATORS = (
    _unary("SOFTMAX", options=(Option("beta", 1.0),), shape=_rows, output=UNIT_RANGE),
    _unary("LOGISTIC", output=UNIT_RANGE),
    _unary("TANH", output=SIGNED_UNIT_RANGE),
    _unary("LOG_SOFTMAX", table="LogSoftmaxOptions", shape=_rows),
    _unary("RELU"),
    _unary("RELU6"),
    _unary("LEAKY_RELU", options=(Option("alpha", 0.0),)),
    _unary("HARD_SWISH", table="HardSwishOptions", versions=(1, 1)),
    _unary("QUANTIZE", table="QuantizeOptions", versions=(2, 4)),
    _unary("DEQUANTIZE", table="DequantizeOptions", versions=(2, 6)),
    _unary("CAST", options=(Option("in_data_type", "FLOAT32"), Option("out_data_type", "FLOAT32")), versions=(1, 7)),
    _unary("L2_NORMALIZATION", table="L2NormOptions", options=(ACTIVATION,), shape=_rows, output=SIGNED_UNIT_RANGE),
    _unary("GELU", options=(Option("approximate", False),)),
    *each("CEIL COS* ELU FLOOR LOGICAL_NOT* NEG* RELU_0_TO_1 RELU_N1_TO_1 ROUND", inputs=UNARY, shape=unchanged),
    *each("SIN SIGN* SQUARE* ZEROS_LIKE*", inputs=UNARY, shape=unchanged),
    *each("ABS* EXP* LOG RSQRT SQRT", inputs=UNARY, shape=unchanged, versions=(2, 5)),
)
