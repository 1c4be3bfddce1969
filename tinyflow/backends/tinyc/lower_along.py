"""Operators along axes: reductions, arguments, running sums, rows that are normalised; and CAST."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tinyflow.backends.programs.steps import Lowering, Operand, Step
from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinyc.lower_spatial import mean_fields
from tinyflow.backends.tinyc.strides import RANK, padded_to_rank
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.choice import plain
from tinyflow.model.arithmetic import sums
from tinyflow.model.arithmetic.mean import axes_of
from tinyflow.model.element_types import NUMBERS
from tinyflow.model.fixed_point import log_softmax_scaling
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.forms import activations, form_of, quantisation_of
from tinyflow.model.weighted import integers

_LOG_SOFTMAX = (16 / 256, 127)


def _sum(graph: Graph, operator: Operator, variant: str) -> Call:
    return plain(variant, "mean", mean_fields(graph, operator))


def _reduced(graph: Graph, operator: Operator, variant: str) -> Call:
    source, output = activations(graph, operator)
    if source.quantisation != output.quantisation and source.dtype == "int8":
        raise Unsupported("input and output are quantised differently", "quantise with TFLite's converter")
    axes, rank = axes_of(graph, operator), len(source.shape)
    reduced = (0,) * (RANK - rank) + tuple(int(axis in axes) for axis in range(rank))
    suffix = "" if source.dtype == "int8" else f"_{source.dtype}"
    fields = {"shape": padded_to_rank(source.shape), "reduced": reduced}
    return plain(variant, f"{operator.name.lower()}{suffix}", fields)


def _along(graph: Graph, operator: Operator) -> dict[str, Any]:
    shape = graph.tensors[operator.inputs[0]].shape
    axis = int(integers(graph.tensors[operator.inputs[1]]).reshape(-1)[0]) % len(shape)
    return {"outer": math.prod(shape[:axis]), "size": shape[axis], "inner": math.prod(shape[axis + 1 :])}


def _argument(graph: Graph, operator: Operator, variant: str) -> Call:
    output = graph.tensors[operator.outputs[0]]
    if output.dtype not in ("int32", "int64"):
        raise Unsupported(f"{output.name} is {output.dtype}, not int32", "ask for indices of int32")
    form = form_of(graph, operator)
    fields = {**_along(graph, operator), "is_wide": int(output.dtype == "int64")}
    return plain(variant, f"{operator.name.lower()}{'' if form == 'int8' else f'_{form}'}", fields)


def _cumsum(graph: Graph, operator: Operator, variant: str) -> Call:
    how = {"is_exclusive": "exclusive", "is_reversed": "reverse"}
    options = {field: int(operator.options[option]) for field, option in how.items()}
    fields = {**_along(graph, operator), **options}
    if form_of(graph, operator) == "float32":
        return plain(variant, "cumsum_float32", fields)
    return plain(variant, "cumsum", {**fields, **sums.constants_of(graph, operator)})


def _l2_normalization(graph: Graph, operator: Operator, variant: str) -> Call:
    source, _ = activations(graph, operator)
    if operator.options["activation"] != "NONE":
        raise Unsupported(f"activation {operator.options['activation']} is not supported", "leave it out")
    rows = {"outer": source.elements // source.shape[-1], "size": source.shape[-1]}
    return plain(variant, "l2_normalization", {**rows, "input_zero_point": quantisation_of(source).zero_point})


def _log_softmax(graph: Graph, operator: Operator, variant: str) -> Call:
    source, output = activations(graph, operator)
    made = quantisation_of(output)
    if (made.scale, made.zero_point) != _LOG_SOFTMAX:
        raise Unsupported("the output is not quantised as 1/16 and 127", "quantise with TFLite's converter")
    columns = source.shape[-1]
    scaling = log_softmax_scaling(quantisation_of(source).scale)
    return plain(variant, "log_softmax", {"rows": source.elements // columns, "columns": columns, **scaling})


def _cast(graph: Graph, operator: Operator, variant: str) -> list[Step]:
    source, output = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
    for tensor in (source, output):
        if tensor.dtype not in NUMBERS:
            raise Unsupported(f"{tensor.name} is {tensor.dtype}", f"there are {', '.join(NUMBERS)}")
    fields = {"elements": output.elements, "from": NUMBERS[source.dtype], "to": NUMBERS[output.dtype]}
    is_real = "float32" in (source.dtype, output.dtype)
    call = plain(variant, "cast_float32" if is_real else "cast", fields)
    return [Step(operator.index, call, (Operand(source.index),), Operand(output.index))]


_ARGUMENTS = dict.fromkeys(("ARG_MAX", "ARG_MIN"), _argument)
LOWERINGS: Mapping[str, Mapping[str, Lowering]] = {
    **{form: {"CAST": _cast} for form in NUMBERS},
    "int8": {
        "CAST": _cast,
        "SUM": _sum,
        **dict.fromkeys(("REDUCE_MAX", "REDUCE_MIN"), _reduced),
        **_ARGUMENTS,
        "CUMSUM": _cumsum,
        "L2_NORMALIZATION": _l2_normalization,
        "LOG_SOFTMAX": _log_softmax,
    },
    "float32": {"CAST": _cast, **_ARGUMENTS, "CUMSUM": _cumsum},
    "bool": {"CAST": _cast, "REDUCE_ALL": _reduced},
}
