"""Networks with state, written by hand: resource variables, subgraphs, recurrent operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from small_networks import Net, Q

from tinyflow.model.graph import Graph, Operator
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write


class StatefulNet(Net):
    """A network with subgraphs and variables."""

    def __init__(self, *shape: int) -> None:
        super().__init__(*shape)
        self.subgraphs: list[Graph] = []
        self.inputs = [self.input] if shape else []

    def add(self, name: str, inputs: Sequence[int], outputs: Sequence[int], **options: Any) -> None:
        """An operator with any number of outputs, which are there already."""
        self.operators.append(Operator(len(self.operators), name, 1, tuple(inputs), tuple(outputs), options))

    def handle(self, variable: str) -> int:
        """A name of a resource variable."""
        handle = self.builder.tensor(f"h{len(self.tensors)}", (), None, "resource")
        self.add("VAR_HANDLE", (), (handle,), container="", shared_name=variable)
        return handle

    def read(self, variable: str, shape: tuple[int, ...]) -> int:
        """The value of a resource variable."""
        value = self.activation(shape)
        self.add("READ_VARIABLE", (self.handle(variable),), (value,))
        return value

    def assign(self, variable: str, value: int) -> None:
        """Change a resource variable."""
        self.add("ASSIGN_VARIABLE", (self.handle(variable), value), ())

    def call(self, name: str, inputs: Sequence[int], outputs: Sequence[int], **subgraphs: Graph) -> None:
        """An operator that runs subgraphs, by the names of its options."""
        options = {}
        for option, part in subgraphs.items():
            if part not in self.subgraphs:
                self.subgraphs.append(part)
            options[f"{option}_subgraph_index"] = self.subgraphs.index(part) + 1
        self.add(name, inputs, outputs, **options)

    def part(self, *outputs: int) -> Graph:
        """A graph for others to call."""
        return Graph(tuple(self.tensors), tuple(self.operators), tuple(self.inputs), outputs, "part")

    def graph(self, *outputs: int) -> Graph:
        """The finished network, as a reader gives it."""
        return read(write(replace(self.part(*outputs), subgraphs=tuple(self.subgraphs))))


def initialiser(**values: Any) -> Graph:
    """A subgraph that assigns constants to resource variables."""
    net = StatefulNet()
    for variable, array in values.items():
        net.assign(variable, net.constant(array, "int8", Q))
    net.inputs = []
    return net.part()


def shuffled(seed: int) -> Graph:
    """Two variables that are read, added to others and assigned in any order."""
    random, shape = np.random.default_rng(seed), (1, 2, 2, 3)
    net = StatefulNet(*shape)
    first, second = random.integers(-128, 128, shape), np.full(shape, random.choice([3, -7]))
    net.call("CALL_ONCE", (), (), init=initialiser(a=first, b=second))
    values = [net.input]
    for _ in range(int(random.integers(4, 14))):
        variable, value = str(random.choice(["a", "b"])), int(random.choice(values[-3:]))
        what = random.choice(["read", "assign", "compute", "compute"])
        if what == "read":
            values.append(net.read(variable, shape))
        elif what == "assign":
            net.assign(variable, value)
        else:
            other = int(random.choice(values[-3:]))
            options = {"pot_scale_int16": False}
            values.append(net.operator("ADD", value, other, shape=shape, q=Q, **options))
    outputs = {net.operator("RELU", value, shape=shape) for value in values[-2:]}
    return net.graph(*sorted(outputs))


def ring(channels: int = 5) -> Graph:
    """As streaming networks have it: the last rows are kept, a new one comes, a convolution runs over them all."""
    net = StatefulNet(1, 1, 1, channels)
    kept = np.random.default_rng(channels).integers(-128, 128, (1, 3, 1, channels))
    net.call("CALL_ONCE", (), (), init=initialiser(rows=kept))
    rows = net.operator("CONCATENATION", net.read("rows", kept.shape), net.input, axis=1)
    numbers = [net.constant(each, "int32") for each in ([0, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1])]
    masks = {"begin_mask": 0b1101, "end_mask": 0b1111}
    net.assign("rows", net.operator("STRIDED_SLICE", rows, *numbers, shape=kept.shape, **masks))
    weights = np.random.default_rng(1).integers(-128, 128, (4, 4, 1, channels))
    return net.graph(net.convolution(rows, weights, np.zeros(4), padding="VALID"))


def _adding(shape: tuple[int, ...], constant: int) -> Graph:
    net = StatefulNet(*shape)
    number = net.constant(np.full(shape, constant), "int8", Q)
    return net.part(net.operator("ADD", net.input, number, pot_scale_int16=False))


def branching() -> Graph:
    """Adds one number or another, as an input says, and one of two more inside of the first."""
    shape = (1, 2, 3)
    inner = StatefulNet(*shape)
    inner.inputs.append(inner.builder.tensor("inner condition", (1,), None, "bool"))
    inner.inputs.reverse()
    # subgraphs of subgraphs have the numbers that the network gives them
    result = inner.activation(shape)
    inner.add("IF", inner.inputs, (result,), then_subgraph_index=1, else_subgraph_index=2)
    net = StatefulNet(*shape)
    conditions = [net.builder.tensor(f"condition {i}", (1,), None, "bool") for i in (0, 1)]
    net.inputs += conditions
    net.subgraphs = [_adding(shape, 5), _adding(shape, -40)]
    other = StatefulNet(*shape)
    other.inputs.append(other.builder.tensor("unused", (1,), None, "bool"))
    other.inputs.reverse()
    given = other.part(other.operator("RELU", other.input))
    made = net.activation(shape)
    net.call("IF", (conditions[0], conditions[1], net.input), (made,), then=inner.part(result), **{"else": given})
    return net.graph(net.operator("ADD", made, net.input, pot_scale_int16=False))


def looping(seed: int) -> Graph:
    """Goes round as often as flags say, of which each round takes the next; two activations change places."""
    shape = (1, 2, 3)
    tensors = [(f"flag {i}", (1,), None, "bool") for i in (0, 1)] + [("x", shape, Q, "int8"), ("y", shape, Q, "int8")]

    def begin() -> StatefulNet:
        net = StatefulNet()
        net.inputs = [net.builder.tensor(*tensor) for tensor in tensors]
        return net

    condition, body, net = begin(), begin(), begin()
    no = body.constant(np.array([False]), "bool")
    x, y = body.inputs[2:]
    added = body.operator("ADD", x, y, pot_scale_int16=False)
    results = {0: (x, added), 1: (y, x), 2: (added, y)}[seed % 3]
    outputs = [net.builder.tensor(f"out {name}", *more) for name, *more in tensors]
    after = condition.part(condition.inputs[0])
    net.call("WHILE", net.inputs, outputs, cond=after, body=body.part(body.inputs[1], no, *results))
    return net.graph(outputs[2], outputs[3], net.operator("ADD", outputs[3], net.inputs[2], pot_scale_int16=False))
