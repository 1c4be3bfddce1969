"""LSTM, GRU and RNN step by step: ONNX begins each call with the state it is given, so nothing is kept between calls.

Equations and the order of gates are those of ONNX's Operators.md. Weights are constants that all steps share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyflow.model.onnx.imported import Call, ImportedGraph, Value
from tinyflow.model.onnx.layout import Layout
from tinyflow.model.onnx.source import Array, Node

# each becomes a dozen operators
_MOST_STEPS = 256
_ACTIVATIONS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
KINDS = tuple(_ACTIVATIONS)


def recurrent(net: ImportedGraph, call: Call) -> tuple[Value, ...]:
    """All steps of all directions: the outputs Y, Y_h and Y_c, as far as they are there."""
    node, source = call.node, net.value(call)
    _require_plain(net, node)
    if len(source.shape) != 3 or source.shape[0] > _MOST_STEPS:
        raise node.refuse(f"a sequence of {list(source.shape)}", f"[steps, batch, inputs], {_MOST_STEPS} steps at most")
    steps, batch, _ = source.shape
    cells = [_Cell(net, call, direction) for direction in range(len(_directions(node)))]
    inputs = _apart(net, call, net.arranged(source), (batch, source.shape[2]), steps)
    every: list[list[int]] = []
    finals: list[list[int]] = []
    for direction, (cell, is_reversed) in enumerate(zip(cells, _directions(node), strict=True)):
        states = [_initial(net, call, position, direction, cell.hidden, batch) for position in cell.state_inputs]
        outputs = []
        order = range(steps - 1, -1, -1) if is_reversed else range(steps)
        for step in order:
            states = cell.step(f"{_name(call)}/{direction}/{step}", inputs[step], states)
            outputs.append(states[0])
        every.append(outputs[::-1] if is_reversed else outputs)
        finals.append(states)
    hidden = cells[0].hidden
    made = [_sequence(net, call, every, (steps, batch, hidden))]
    made += [_last(net, call, [each[i] for each in finals], (batch, hidden)) for i in range(len(finals[0]))]
    return tuple(value for name, value in zip(node.outputs, made, strict=False) if name)


def _name(call: Call) -> str:
    return call.name or call.node.name


def _directions(node: Node) -> list[bool]:
    """Whether each direction begins at the end."""
    named = str(node.attributes.get("direction", "forward"))
    return {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[named]


def _require_plain(net: ImportedGraph, node: Node) -> None:
    """Raise ModelError for what is not the usual cell."""
    wanted = _ACTIVATIONS[node.kind] * len(_directions(node))
    lengths = net.numbers(node, 4)
    if node.attributes.get("activations", wanted) != wanted or "clip" in node.attributes:
        raise node.refuse("activations other than the usual ones, or clipped, can't be imported")
    if node.attributes.get("layout", 0) or node.attributes.get("input_forget", 0) or any(node.inputs[7:8]):
        raise node.refuse("a batch in front, coupled gates and peepholes can't be imported", "export the usual form")
    if lengths is not None:
        raise node.refuse("sequences of different lengths can't be imported", "export with one length")


def _apart(net: ImportedGraph, call: Call, tensor: int, shape: tuple[int, int], steps: int) -> list[int]:
    """The input of each step."""
    if steps == 1:
        return [net.reshaped(tensor, shape)]
    pieces = [net.tensor(f"{_name(call)}/{step}/input", shape, None, "float32") for step in range(steps)]
    net.operator("UNPACK", (tensor,), *pieces, num=steps, axis=0)
    return pieces


def _initial(net: ImportedGraph, call: Call, position: int, direction: int, hidden: int, batch: int) -> int:
    """The state before the first step, zeros where none is given: [batch, hidden]."""
    node = call.node
    name = node.inputs[position] if position < len(node.inputs) else ""
    label = f"{_name(call)}/{direction}/state{position}"
    if not name or name in net.constants:
        values = net.constants[name][direction] if name else np.zeros((batch, hidden))
        return net.constant(label, values, "float32")
    value = net.value(call, position)
    if value.shape != (len(_directions(node)), batch, hidden):
        raise node.refuse(f"its state is {list(value.shape)}")
    tensor = net.arranged(value)
    if value.shape[0] == 1:
        return net.reshaped(tensor, (batch, hidden))
    begin, size = (
        net.constant(f"{label}/{what}", n, "int32")
        for what, n in (("begin", [direction, 0, 0]), ("size", [1, batch, hidden]))
    )
    return net.reshaped(net.step(call, "SLICE", (tensor, begin, size), (1, batch, hidden), name=label), (batch, hidden))


def _sequence(net: ImportedGraph, call: Call, every: Sequence[Sequence[int]], shape: tuple[int, int, int]) -> Value:
    """[steps, directions, batch, hidden] of the outputs of all steps."""
    steps, batch, hidden = shape
    if len(every) == 1:
        if steps == 1:
            return Value(every[0][0], Layout.plain((batch, hidden)).reshaped((1, 1, batch, hidden)))
        packed = net.step(call, "PACK", every[0], shape, name=_name(call), values_count=steps, axis=0)
        return Value(packed, Layout.plain(shape).reshaped((steps, 1, batch, hidden)))
    apart = [step for steps_of in zip(*every, strict=True) for step in steps_of]
    count = len(apart)
    packed = net.step(call, "PACK", apart, (count, batch, hidden), name=_name(call), values_count=count, axis=0)
    return Value(packed, Layout.plain((count, batch, hidden)).reshaped((steps, len(every), batch, hidden)))


def _last(net: ImportedGraph, call: Call, states: Sequence[int], shape: tuple[int, int]) -> Value:
    """[directions, batch, hidden] of the last states."""
    if len(states) == 1:
        return Value(states[0], Layout.plain(shape).reshaped((1, *shape)))
    dims = (len(states), *shape)
    name = f"{_name(call)}/last"
    return Value(net.step(call, "PACK", states, dims, name=name, values_count=len(states), axis=0), Layout.plain(dims))


class _Cell:
    """The weights of one direction, and what a step computes."""

    def __init__(self, net: ImportedGraph, call: Call, direction: int) -> None:
        node = call.node
        self._net, self._call = net, call
        arrays = [net.constants.get(name) for name in (*node.inputs[1:4], "", "")[:3]]
        weights, recurrent, bias = (None if array is None else array[direction] for array in arrays)
        if weights is None or recurrent is None:
            raise node.refuse("its weights are computed by the network", "make them constants")
        self.hidden = recurrent.shape[1]
        gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[node.kind]
        if weights.shape[0] != gates * self.hidden or recurrent.shape[0] != gates * self.hidden:
            raise node.refuse(f"weights {weights.shape} and {recurrent.shape} of {gates} gates")
        biases = np.zeros(2 * gates * self.hidden, np.float32) if bias is None else bias
        self._of_input, self._of_state = biases[: gates * self.hidden], biases[gates * self.hidden :]
        self._label = f"{_name(call)}/{direction}"
        self.state_inputs = (5, 6) if node.kind == "LSTM" else (5,)
        self.step: Callable[[str, int, Sequence[int]], list[int]]
        self.step = {"LSTM": self._lstm, "GRU": self._gru, "RNN": self._rnn}[node.kind]
        both = np.concatenate([weights, recurrent], axis=1)
        rows = slice(0, 2 * self.hidden) if node.kind == "GRU" else slice(None)
        self._gates = self._matrix("gates", both[rows], (self._of_input + self._of_state)[rows])
        if node.kind == "GRU":
            own = slice(2 * self.hidden, None)
            self._is_linear_first = bool(node.attributes.get("linear_before_reset", 0))
            self._candidate = self._matrix("candidate", both[own], (self._of_input + self._of_state)[own])
            self._new = self._matrix("new", weights[own], self._of_input[own])
            self._old = self._matrix("old", recurrent[own], self._of_state[own])

    def _matrix(self, name: str, weights: Array, bias: Array) -> tuple[int, int]:
        label = f"{self._label}/{name}"
        return (
            self._net.constant(f"{label}/weights", weights, "float32"),
            self._net.constant(f"{label}/bias", bias, "float32"),
        )

    def _one(self, kind: str, name: str, *inputs: int, width: int = 0, **options: Any) -> int:
        batch = self._net.shape(inputs[0])[0]
        shape = (batch, width or self.hidden)
        return self._net.step(self._call, kind, inputs, shape, name=name, **options)

    def _product(self, name: str, matrix: tuple[int, int], *inputs: int) -> int:
        """What a matrix makes of inputs side by side."""
        source = inputs[0]
        if len(inputs) > 1:
            width = sum(self._net.shape(one)[1] for one in inputs)
            source = self._one("CONCATENATION", f"{name}/both", *inputs, width=width, axis=1)
        return self._one("FULLY_CONNECTED", name, source, *matrix, width=self._net.shape(matrix[0])[0])

    def _split(self, name: str, tensor: int, count: int) -> list[int]:
        net, shape = self._net, (self._net.shape(tensor)[0], self.hidden)
        pieces = [net.tensor(f"{name}/{gate}", shape, None, "float32") for gate in range(count)]
        net.operator("SPLIT", (net.constant(f"{name}/axis", [1], "int32"), tensor), *pieces, num_splits=count)
        return pieces

    def _lstm(self, name: str, source: int, states: Sequence[int]) -> list[int]:
        hidden, cell = states
        i, o, f, c = self._split(f"{name}/gate", self._product(f"{name}/gates", self._gates, source, hidden), 4)
        i, o, f = (self._one("LOGISTIC", f"{name}/{gate}", one) for gate, one in (("i", i), ("o", o), ("f", f)))
        kept = self._one("MUL", f"{name}/kept", f, cell)
        new = self._one("MUL", f"{name}/new", i, self._one("TANH", f"{name}/c", c))
        cell = self._one("ADD", f"{name}/cell", kept, new)
        return [self._one("MUL", f"{name}/h", o, self._one("TANH", f"{name}/tanh", cell)), cell]

    def _gru(self, name: str, source: int, states: Sequence[int]) -> list[int]:
        (hidden,) = states
        both = self._product(f"{name}/gates", self._gates, source, hidden)
        gates = self._one("LOGISTIC", f"{name}/zr", both, width=2 * self.hidden)
        z, r = self._split(f"{name}/gate", gates, 2)
        if self._is_linear_first:
            old = self._one("MUL", f"{name}/reset", r, self._product(f"{name}/old", self._old, hidden))
            sum_ = self._one("ADD", f"{name}/sum", self._product(f"{name}/new", self._new, source), old)
        else:
            reset = self._one("MUL", f"{name}/reset", r, hidden)
            sum_ = self._product(f"{name}/sum", self._candidate, source, reset)
        new = self._one("TANH", f"{name}/candidate", sum_)
        moved = self._one("MUL", f"{name}/moved", z, self._one("SUB", f"{name}/difference", hidden, new))
        return [self._one("ADD", f"{name}/h", new, moved)]

    def _rnn(self, name: str, source: int, states: Sequence[int]) -> list[int]:
        return [self._one("TANH", f"{name}/h", self._product(f"{name}/sum", self._gates, source, *states))]
