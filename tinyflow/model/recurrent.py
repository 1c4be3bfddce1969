"""SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM: what TFLM's kernels make of their shapes and scales when they are set up.

Names are those of tinynn's structs (include/tinynn/recurrent.h).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyflow.model.fixed_point import OutOfRange, rescaling_factor
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators.forms import quantisation_of

GATES = 4
# of an LSTM's inputs, for the input, forget, cell and output gates
INPUT_WEIGHTS, STATE_WEIGHTS, BIASES = (1, 2, 3, 4), (5, 6, 7, 8), (12, 13, 14, 15)
STATE, MEMORY = 18, 19
# variants that TFLM has not: peepholes, projection, layer normalisation
_ABSENT = (9, 10, 11, 16, 17, 20, 21, 22, 23)
_GATE_SCALE, _UNIT = 2.0**-12, 2.0**-15
_LARGEST_WIDE_SHIFT = 7


def _float32(*factors: float, by: float = 1.0) -> float:
    """A product and a quotient, every step rounded to float32."""
    with np.errstate(all="ignore"):
        product = np.float32(factors[0])
        for factor in factors[1:]:
            product = product * np.float32(factor)
        return float(product / np.float32(by))


def _weights(tensor: Tensor, dtype: str = "int8") -> float:
    """The scale of symmetric weights. ValueError for others, and for activations."""
    if not tensor.is_constant:
        raise ValueError(f"{tensor.name} is not a constant")
    scheme = quantisation_of(tensor, dtype)
    if scheme.zero_point:
        raise ValueError(f"{tensor.name} is not symmetric")
    return scheme.scale


def _require(tensor: Tensor, dtype: str) -> None:
    if tensor.dtype != dtype or not tensor.is_constant:
        raise ValueError(f"{tensor.name} is not a constant of {dtype}")


def svdf_sizes(graph: Graph, operator: Operator) -> dict[str, int]:
    """Of any form."""
    source, features, time = (graph.tensors[index].shape for index in operator.inputs[:3])
    rank = operator.options["rank"]
    sizes = {"batches": source[0], "inputs": source[1], "units": features[0] // rank, "rank": rank}
    return {**sizes, "memory": time[1]}


def svdf(graph: Graph, operator: Operator) -> dict[str, int]:
    """All numbers of int8 SVDF. ValueError where TFLM has no such kernel."""
    source, features, time, bias, state = (graph.tensors[i] if i >= 0 else None for i in operator.inputs[:5])
    output = graph.tensors[operator.outputs[0]]
    assert source is not None
    assert features is not None
    assert time is not None
    assert state is not None
    if state.dtype not in ("int8", "int16") or time.dtype != state.dtype:
        raise ValueError(f"{state.name} is {state.dtype} with weights of {time.dtype}")
    if bias is not None:
        _require(bias, "int32")
    given, made, kept = quantisation_of(source), quantisation_of(output), quantisation_of(state, state.dtype)
    if state.dtype == "int16" and kept.zero_point:
        raise ValueError(f"{state.name} has the zero point {kept.zero_point}, not 0")
    state_multiplier, state_shift = rescaling_factor(_float32(given.scale, _weights(features), by=kept.scale))
    filtered = _float32(kept.scale, _weights(time, time.dtype), by=made.scale)
    output_multiplier, output_shift = rescaling_factor(filtered)
    return {
        **svdf_sizes(graph, operator),
        "input_zero_point": given.zero_point,
        "state_zero_point": kept.zero_point,
        "output_zero_point": made.zero_point,
        "state_multiplier": state_multiplier,
        "state_shift": state_shift,
        "output_multiplier": output_multiplier,
        "output_shift": output_shift,
    }


def lstm_sizes(graph: Graph, operator: Operator) -> dict[str, int]:
    """Of any form. ValueError for variants that TFLM has not."""
    if len(operator.inputs) != STATE + 6 or any(operator.inputs[position] >= 0 for position in _ABSENT):
        raise ValueError("peepholes, projection and layer normalisation are not supported")
    if min(operator.inputs[position] for position in (*INPUT_WEIGHTS, *STATE_WEIGHTS, *BIASES)) < 0:
        raise ValueError("a gate without weights or bias is not supported")
    if operator.options["activation"] != "TANH":
        raise OutOfRange(f"activation {operator.options['activation']} is not supported", "use TANH")
    source, weights = (graph.tensors[operator.inputs[position]].shape for position in (0, INPUT_WEIGHTS[0]))
    cells, is_time_major = weights[0], int(operator.options["time_major"])
    if graph.tensors[operator.inputs[STATE]].elements != graph.tensors[operator.inputs[MEMORY]].elements:
        raise ValueError("a projection is not supported")
    return {
        "batches": source[is_time_major],
        "steps": source[1 - is_time_major],
        "inputs": source[2],
        "cells": cells,
        "is_time_major": is_time_major,
    }


def lstm(graph: Graph, operator: Operator, form: str) -> dict[str, Any]:
    """All numbers of an LSTM with activations of int8 or int16. ValueError where TFLM has no such kernel.

    PrepareGateParametersInteger of lstm_eval_common.cc.
    """
    sizes = lstm_sizes(graph, operator)

    def at(position: int) -> Tensor:
        return graph.tensors[operator.inputs[position]]

    output = graph.tensors[operator.outputs[0]]
    if output.dtype != form:
        raise ValueError(f"{output.name} is {output.dtype}, not {form}")
    given, kept, cell = (
        quantisation_of(at(0), form),
        quantisation_of(at(STATE), form),
        quantisation_of(at(MEMORY), "int16"),
    )
    if form == "int16" and (given.zero_point or kept.zero_point):
        raise ValueError("a zero point other than 0 is not supported")
    for position in BIASES:
        _require(at(position), "int32" if form == "int8" else "int64")
    # TFLM takes the nearest power of two, whatever the scale
    places = 12 + round(np.log2(cell.scale))
    if not -16 <= places <= 11:
        raise OutOfRange(f"cells with a scale of {cell.scale:g} are not supported")
    numbers: dict[str, Any] = {
        **sizes,
        "input_zero_point": given.zero_point,
        "state_zero_point": kept.zero_point,
        "tanh_multiplier": 3 << max(places, 0),
        "tanh_right_shift": max(-places, 0),
        "clip": int(max(min(operator.options["cell_clip"] / cell.scale, 32767.0), 0.0)),
    }
    for name, scheme, weights in (("input", given, INPUT_WEIGHTS), ("state", kept, STATE_WEIGHTS)):
        factors = [rescaling_factor(_float32(scheme.scale, _weights(at(one))) / _GATE_SCALE) for one in weights]
        if form == "int16":
            factors = [_wide(*factor) for factor in factors]
        numbers[f"{name}_multipliers"], numbers[f"{name}_shifts"] = zip(*factors, strict=True)
    products = {"keep": _UNIT, "update": _UNIT * _UNIT / cell.scale, "output": _UNIT * _UNIT / kept.scale}
    for name, factor in products.items():
        numbers[f"{name}_multiplier"], numbers[f"{name}_shift"] = rescaling_factor(factor)
    return numbers


def _wide(multiplier: int, shift: int) -> tuple[int, int]:
    """Of sums of 64 bits: see include/tinynn/wide.h."""
    if shift > _LARGEST_WIDE_SHIFT:
        raise OutOfRange("a factor of 128 and more between scales is not supported")
    return min((multiplier + (1 << 15)) >> 16, 2**15 - 1), shift
