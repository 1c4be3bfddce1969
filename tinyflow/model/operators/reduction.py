"""Many elements become one: along axes that a constant names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tinyflow.model.graph import Graph, Operator, Shape, Tensor
from tinyflow.model.operators.description import BINARY, Description, Option, Options
from tinyflow.model.operators.shapes import axis_of, has_same_elements, numbers, require, unchanged

_REDUCER = (Option("keep_dims", False),)
_ARGUMENT = (Option("output_type", "INT64"),)


def _reduced(read: Sequence[Tensor], options: Options) -> Shape:
    source = read[0].shape
    axes = {axis_of(axis, len(source)) for axis in numbers(read[1])}
    if options.get("keep_dims", False):
        return tuple(1 if axis in axes else size for axis, size in enumerate(source))
    return tuple(size for axis, size in enumerate(source) if axis not in axes)


def _argument(read: Sequence[Tensor], _options: Options) -> Shape:
    """Which index is largest along one axis, that goes."""
    require(read[1].elements == 1, f"names {read[1].elements} axes, not one")
    return _reduced(read, {})


def _check_axis(graph: Graph, operator: Operator) -> None:
    source, axis = (graph.tensors[index] for index in operator.inputs)
    require(axis.elements == 1, f"names {axis.elements} axes, not one")
    axis_of(numbers(axis)[0], len(source.shape))


_reducer = partial(Description, inputs=BINARY, parameters=(1,), versions=(2, 3), shape=_reduced, fits=has_same_elements)

OPERATORS = (
    _reducer("MEAN", table="ReducerOptions", options=_REDUCER),
    _reducer("SUM", table="ReducerOptions", options=_REDUCER),
    _reducer("REDUCE_MAX", table="ReducerOptions", options=_REDUCER),
    _reducer("REDUCE_MIN", table="ReducerOptions", options=_REDUCER),
    _reducer("REDUCE_PROD", table="ReducerOptions", options=_REDUCER),
    _reducer("REDUCE_ALL", table="ReducerOptions", options=_REDUCER),
    _reducer("REDUCE_ANY", table="ReducerOptions", options=_REDUCER),
    _reducer("ARG_MAX", options=_ARGUMENT, shape=_argument),
    _reducer("ARG_MIN", options=_ARGUMENT, shape=_argument),
    Description(
        "CUMSUM",
        BINARY,
        parameters=(1,),
        options=(Option("exclusive", False), Option("reverse", False)),
        shape=unchanged,
        check=_check_axis,
    ),
)
