"""The same bytes in another shape, and numbers that tell a shape."""

from __future__ import annotations

from tinyflow.model.operators.description import BINARY, UNARY, Description, Option, plain

OPERATORS = (
    Description("RESHAPE", (1, 2), parameters=(1,), options=(Option("new_shape", ()),), is_view=True),
    Description("SQUEEZE", UNARY, options=(Option("squeeze_dims", ()),), versions=(1, 2), is_view=True),
    Description("EXPAND_DIMS", BINARY, parameters=(1,), table="ExpandDimsOptions", is_view=True),
    *plain("SHAPE RANK", UNARY),
)
