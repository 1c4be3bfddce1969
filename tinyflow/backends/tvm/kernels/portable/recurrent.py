"""SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM, for every style: one loop nest each, which changes its state in place.

Formulas: EvalIntegerSvdfReference of TFLM's svdf_common.cc, EvalLstm of its lstm_eval.h. All numbers of an operator
come from `model.recurrent`; what zero points make of a sum is part of its bias.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tvm.script import tirx as T

from tinyflow.backends.tvm.kernels.arithmetic import multiply_by_quantised_multiplier, tabled_sigmoid
from tinyflow.backends.tvm.kernels.kernel import Array, Kernel
from tinyflow.model import recurrent
from tinyflow.model.arithmetic import tables
from tinyflow.model.fixed_point import ACTIVATION_BOUNDS
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.forms import form_of
from tinyflow.model.weighted import constant_values

Expr = Any
_GATES = recurrent.GATES
# the order of gates in weights
_INPUT, _FORGET, _CELL, _OUTPUT = range(_GATES)
_GATE_SCALE = 3  # entries of the table of sigmoids for a step of Q3.12


def build(graph: Graph, operator: Operator) -> Kernel:
    """The kernel of an operator that was checked; its constants are its own."""
    return (_svdf if operator.name == "SVDF" else _lstm)(graph, operator)


def _rescaled(x: Expr, multiplier: int, shift: int) -> Expr:
    return multiply_by_quantised_multiplier(x, T.int32(multiplier), T.int32(shift), "double")


def _clamped(x: Expr, dtype: str) -> Expr:
    limits = np.iinfo(dtype)
    return T.max(T.min(x, T.int32(limits.max)), T.int32(limits.min))


def _made(function: Any, **constants: Array) -> Kernel:
    return Kernel.of(function, lambda _: {name: np.ascontiguousarray(a) for name, a in constants.items()}, ("math.h",))


def _svdf(graph: Graph, operator: Operator) -> Kernel:
    """The state, [batch, filter, step], moves on by a step while its products are summed."""
    _, features, time, bias, state = (graph.tensors[index] if index >= 0 else None for index in operator.inputs[:5])
    assert features is not None
    assert time is not None
    assert state is not None
    is_real, kept = form_of(graph, operator) == "float32", state.dtype
    numbers = recurrent.svdf_sizes(graph, operator) if is_real else recurrent.svdf(graph, operator)
    batches, inputs, units, rank, steps = (numbers[name] for name in ("batches", "inputs", "units", "rank", "memory"))
    given, total = ("float32", "float32") if is_real else ("int8", "int32")
    zero_point = 0 if is_real else numbers["state_zero_point"]
    weights = constant_values(features)
    offset = np.zeros(len(weights), total)
    if not is_real:
        offset -= numbers["input_zero_point"] * weights.astype(np.int32).sum(1, dtype=np.int32)

    def feature(sums: Expr) -> Expr:
        if is_real:
            return sums
        scaled = _rescaled(sums, numbers["state_multiplier"], numbers["state_shift"])
        return T.Cast(kept, T.int32(zero_point) + _clamped(scaled, kept))

    def centred(value: Expr) -> Expr:
        return value if is_real else T.Cast("int32", value) - T.int32(zero_point)

    def result(sums: Expr) -> Expr:
        if is_real:
            lowest, highest = ACTIVATION_BOUNDS[operator.options["activation"]]
            sums = sums if highest is None else T.min(sums, T.float32(highest))
            return sums if lowest is None else T.max(sums, T.float32(lowest))
        scaled = _rescaled(sums, numbers["output_multiplier"], numbers["output_shift"])
        return T.Cast("int8", _clamped(scaled + T.int32(numbers["output_zero_point"]), "int8"))

    @T.prim_func(s_tir=True)
    def svdf(
        data: T.Buffer((batches, inputs), given),
        state: T.Buffer((batches, units * rank, steps), kept),
        features: T.Buffer((units * rank, inputs), given),
        offset: T.Buffer((units * rank,), total),
        time: T.Buffer((units * rank, steps), kept),
        bias: T.Buffer((units,), total),
        output: T.Buffer((batches, units), given),
    ):
        T.func_attr({"tirx.noalias": True})
        seen = T.alloc_buffer((1,), total)
        made = T.alloc_buffer((1,), total)
        for n, u in T.grid(batches, units):
            made[0] = bias[u]
            for r in range(rank):
                f: T.let = u * rank + r
                seen[0] = offset[f]
                for i in range(inputs):
                    seen[0] = seen[0] + T.Cast(total, data[n, i]) * T.Cast(total, features[f, i])
                for s in range(steps - 1):
                    state[n, f, s] = state[n, f, s + 1]
                    made[0] = made[0] + centred(state[n, f, s]) * T.Cast(total, time[f, s])
                state[n, f, steps - 1] = feature(seen[0])
                made[0] = made[0] + centred(state[n, f, steps - 1]) * T.Cast(total, time[f, steps - 1])
            output[n, u] = result(made[0])

    biases = np.zeros(units, total) if bias is None else constant_values(bias)
    return _made(svdf, features=weights, offset=offset, time=constant_values(time), bias=biases)


def _matrices(graph: Graph, operator: Operator, positions: tuple[int, ...]) -> NDArray[Any]:
    """Constants of the gates, the gate the innermost axis."""
    return np.stack([constant_values(graph.tensors[operator.inputs[position]]) for position in positions], -1)


def _lstm(graph: Graph, operator: Operator) -> Kernel:
    """All cells of a step before the next; of a cell, all gates at once, so that what they read is loaded once."""
    dtype = form_of(graph, operator)
    is_real = dtype == "float32"
    sizes = recurrent.lstm_sizes(graph, operator)
    batches, steps, inputs, cells = (sizes[name] for name in ("batches", "steps", "inputs", "cells"))
    given, kept = (_matrices(graph, operator, p) for p in (recurrent.INPUT_WEIGHTS, recurrent.STATE_WEIGHTS))
    bias = _matrices(graph, operator, recurrent.BIASES)
    biases = np.stack([bias, np.zeros_like(bias)], 1)
    total, cell = bias.dtype.name, "float32" if is_real else "int16"
    if is_real:
        activated, remembered, shown = _real_cell(float(operator.options["cell_clip"]))
    else:
        numbers = recurrent.lstm(graph, operator, dtype)
        for side, (name, weights) in enumerate((("input", given), ("state", kept))):
            biases[:, side] -= numbers[f"{name}_zero_point"] * weights.astype(total).sum(1, dtype=total)
        activated, remembered, shown = _integer_cell(numbers, dtype)

    function = np.zeros(1, np.int16) if is_real else tables.sigmoids().astype(np.uint16).view(np.int16)

    def row(batch: Expr, step: Expr) -> Expr:
        return step * batches + batch if sizes["is_time_major"] else batch * steps + step

    @T.prim_func(s_tir=True)
    def lstm(
        data: T.Buffer((batches * steps, inputs), dtype),
        state: T.Buffer((batches, cells), dtype),
        memory: T.Buffer((batches, cells), cell),
        weights: T.Buffer((cells, inputs + cells, _GATES), "float32" if is_real else "int8"),
        bias: T.Buffer((cells, 2, _GATES), total),
        table: T.Buffer(function.shape, "int16"),
        output: T.Buffer((batches * steps, cells), dtype),
    ):
        T.func_attr({"tirx.noalias": True})
        seen = T.alloc_buffer((_GATES,), total)
        held = T.alloc_buffer((_GATES,), total)
        gates = T.alloc_buffer((_GATES,), cell)
        for n, t in T.grid(batches, steps):
            at: T.let = row(n, t)
            for c in range(cells):
                for g in T.unroll(_GATES):
                    seen[g] = bias[c, 0, g]
                    held[g] = bias[c, 1, g]
                for i in range(inputs):
                    for g in T.unroll(_GATES):
                        seen[g] = seen[g] + T.Cast(total, data[at, i]) * T.Cast(total, weights[c, i, g])
                for i in range(cells):
                    for g in T.unroll(_GATES):
                        held[g] = held[g] + T.Cast(total, state[n, i]) * T.Cast(total, weights[c, inputs + i, g])
                gates[_INPUT] = activated(seen, held, table, _INPUT)
                gates[_FORGET] = activated(seen, held, table, _FORGET)
                gates[_CELL] = activated(seen, held, table, _CELL)
                gates[_OUTPUT] = activated(seen, held, table, _OUTPUT)
                memory[n, c] = remembered(gates, memory[n, c])
                output[at, c] = shown(gates, memory[n, c], table)
            for c in range(cells):
                state[n, c] = output[at, c]

    return _made(lstm, weights=np.concatenate([given, kept], 1), bias=biases, table=function)


# the function of a gate of the sums; the cell from its gates and what it was; the output of these
_Cell = tuple[Callable[..., Expr], Callable[..., Expr], Callable[..., Expr]]


def _integer_cell(numbers: Mapping[str, Any], dtype: str) -> _Cell:
    """Gates are Q3.12 before their functions and Q0.15 behind them; every product is saturated before it is added."""

    def side(name: str, sums: Expr, gate: int) -> Expr:
        multiplier, shift = (numbers[f"{name}_{what}"][gate] for what in ("multipliers", "shifts"))
        if dtype == "int8":
            return _clamped(_rescaled(sums, multiplier, shift), "int16")
        # of sums of 64 bits, rounded once: tinynn/wide.h
        product = sums * T.int64(multiplier) + T.int64(1 << 14 - shift)
        return _clamped(T.Cast("int32", T.shift_right(product, T.int64(15 - shift))), "int16")

    def activated(seen: Any, held: Any, table: Any, gate: int) -> Expr:
        x = _clamped(side("input", seen[gate], gate) + side("state", held[gate], gate), "int16")
        return tabled_sigmoid(x * T.int32(_GATE_SCALE), table, is_tanh=gate == _CELL)

    def product(name: str, left: Expr, right: Expr) -> Expr:
        factor = numbers[f"{name}_multiplier"], numbers[f"{name}_shift"]
        return _rescaled(T.Cast("int32", left) * T.Cast("int32", right), *factor)

    def remembered(gates: Any, before: Expr) -> Expr:
        kept = _clamped(product("keep", gates[_FORGET], before), "int16")
        value = _clamped(kept + _clamped(product("update", gates[_INPUT], gates[_CELL]), "int16"), "int16")
        clip = T.int32(numbers["clip"])
        return T.Cast("int16", T.max(T.min(value, clip), -clip) if numbers["clip"] > 0 else value)

    def shown(gates: Any, value: Expr, table: Any) -> Expr:
        right = numbers["tanh_right_shift"]
        x = T.Cast("int32", value) * T.int32(numbers["tanh_multiplier"]) + T.int32((1 << right) >> 1)
        share = tabled_sigmoid(T.shift_right(x, T.int32(right)), table, is_tanh=True)
        made = product("output", gates[_OUTPUT], share) + T.int32(numbers["state_zero_point"])
        return T.Cast(dtype, _clamped(made, dtype))

    return activated, remembered, shown


def _real_cell(clip: float) -> _Cell:
    def activated(seen: Any, held: Any, table: Any, gate: int) -> Expr:  # noqa: ARG001
        x = seen[gate] + held[gate]
        return T.tanh(x) if gate == _CELL else T.float32(1) / (T.float32(1) + T.exp(T.float32(0) - x))

    def remembered(gates: Any, before: Expr) -> Expr:
        value = gates[_FORGET] * before + gates[_INPUT] * gates[_CELL]
        return T.max(T.min(value, T.float32(clip)), T.float32(-clip)) if clip > 0 else value

    def shown(gates: Any, value: Expr, table: Any) -> Expr:  # noqa: ARG001
        return T.tanh(value) * gates[_OUTPUT]

    return activated, remembered, shown
