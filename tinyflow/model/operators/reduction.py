"""Many elements become one: along axes that a constant names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tinyflow.model.graph import Shape, Tensor
from tinyflow.model.operators.description import BINARY, Description, Option, Options, plain
from tinyflow.model.operators.shapes import axis_of, has_same_elements, numbers

_REDUCER = (Option("keep_dims", False),)
_ARGUMENT = (Option("output_type", "INT64"),)


def _reduced(read: Sequence[Tensor], options: Options) -> Shape:
    source = read[0].shape
    axes = {axis_of(axis, len(source)) for axis in numbers(read[1])}
    if options.get("keep_dims"):
        return tuple(1 if axis in axes else size for axis, size in enumerate(source))
    return tuple(size for axis, size in enumerate(source) if axis not in axes)


_reducer = partial(Description, inputs=BINARY, parameters=(1,), versions=(2, 2), shape=_reduced, fits=has_same_elements)

OPERATORS = (
    _reducer("MEAN", table="ReducerOptions", options=_REDUCER),
    _reducer("SUM", table="ReducerOptions", options=_REDUCER),
    _reducer("REDUCE_MAX", table="ReducerOptions", options=_REDUCER),
    _reducer("REDUCE_MIN", table="ReducerOptions", options=_REDUCER),
    _reducer("REDUCE_PROD"),
    Description("ARG_MAX", BINARY, options=_ARGUMENT),
    Description("ARG_MIN", BINARY, options=_ARGUMENT),
    *plain("CUMSUM REDUCE_ALL REDUCE_ANY", BINARY),
)
