"""Operators that remember what they have read: their state is among their inputs, as variables.

Which input of UNIDIRECTIONAL_SEQUENCE_LSTM is what: lstm_shared.h of TFLite's kernels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinyflow.model.graph import Graph, Operator, Shape
from tinyflow.model.operators.description import ACTIVATION, Description, Option
from tinyflow.model.operators.shapes import require, text

_ASYMMETRIC = Option("asymmetric_quantize_inputs", False)
# of an LSTM's 24 inputs
_OUTPUT_STATE, _CELL_STATE = 18, 19
_INPUT_TO_OUTPUT = 4


def _check_state(graph: Graph, operator: Operator, position: int) -> None:
    """A variable stands at this position."""
    index = operator.inputs[position] if position < len(operator.inputs) else -1
    require(index >= 0 and graph.tensors[index].is_variable, f"has no variable for its state at input {position}")


def _check_svdf(graph: Graph, operator: Operator) -> None:
    """Input [batch, size], features [filters, size], time [filters, steps], state [batch, filters * steps]."""
    _check_state(graph, operator, 4)
    source, features, time = (graph.tensors[index].shape for index in operator.inputs[:3])
    state, written = graph.tensors[operator.inputs[4]], graph.tensors[operator.outputs[0]].shape
    rank = operator.options["rank"]
    fits = len(source) == len(features) == len(time) == 2 and source[1] == features[1] and time[0] == features[0]
    require(
        fits and rank > 0 and features[0] % rank == 0, f"reads {text(source)} with {text(features)} and {text(time)}"
    )
    require(state.elements == source[0] * math.prod(time), f"has a state {text(state.shape)} for {text(time)}")
    expected = (source[0], features[0] // rank)
    require(written == expected, f"computes {text(expected)}, its output tensor is {text(written)}")


def _check_lstm(graph: Graph, operator: Operator) -> None:
    """Input [time, batch, size] or [batch, time, size], weights [cells, size], output state [batch, outputs]."""
    for position in (_OUTPUT_STATE, _CELL_STATE):
        _check_state(graph, operator, position)
    # the input gate may be the forget gate's other half
    require(min(operator.inputs[2:5] + operator.inputs[6:9]) >= 0, "lacks weights of a gate")
    source, weights = (graph.tensors[operator.inputs[position]].shape for position in (0, _INPUT_TO_OUTPUT))
    state, cells = (graph.tensors[operator.inputs[position]] for position in (_OUTPUT_STATE, _CELL_STATE))
    require(
        len(source) == 3 and len(weights) == 2 and source[2] == weights[1], f"reads {text(source)} with {text(weights)}"
    )
    batch = source[1 if operator.options["time_major"] else 0]
    require(cells.elements == batch * weights[0], f"has a state {text(cells.shape)} for {weights[0]} cells")
    require(state.elements % batch == 0, f"has a state {text(state.shape)} for {batch} rows")
    expected, written = (*source[:2], state.elements // batch), graph.tensors[operator.outputs[0]].shape
    require(written == expected, f"computes {text(expected)}, its output tensor is {text(written)}")


def _matrices(read: Sequence[Shape]) -> int:
    """Elements of all matrices of weights; the last two are states."""
    return sum(math.prod(shape) for shape in [shape for shape in read if len(shape) == 2][:-2])


OPERATORS = (
    Description(
        "SVDF",
        # a bias may be absent, the state behind it not
        inputs=(3, 5),
        weights=(1, 2, 3),
        state=(4,),
        table="SVDFOptions",
        options=(Option("rank", 0), ACTIVATION, _ASYMMETRIC),
        versions=(3, 4),
        check=_check_svdf,
        macs=lambda _, read, written: read[0][0] * (math.prod(read[1]) + math.prod(read[2])),
    ),
    Description(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        # gates, peepholes, projection and layer normalisation may be absent
        inputs=(1, 24),
        weights=(*range(1, 18), *range(20, 24)),
        state=(_OUTPUT_STATE, _CELL_STATE),
        table="UnidirectionalSequenceLSTMOptions",
        options=(
            ACTIVATION,
            Option("cell_clip", 0.0),
            Option("proj_clip", 0.0),
            Option("time_major", False),
            _ASYMMETRIC,
            Option("diagonal_recurrent_tensors", False, is_fixed=True),
        ),
        versions=(1, 4),
        check=_check_lstm,
        macs=lambda _, read, written: math.prod(read[0][:2]) * _matrices(read[1:]),
    ),
)
