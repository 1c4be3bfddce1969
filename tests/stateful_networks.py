"""Networks with state, written by hand: resource variables, subgraphs, recurrent operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from small_networks import Net, Q

from tinyflow.model.builder import symmetric
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
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


def _scaled(random: np.random.Generator, low: float, high: float) -> float:
    return float(np.float32(random.uniform(low, high)))


def svdf(seed: int, dtype: str = "int8", state: str = "int8", width: int | None = None) -> Graph:
    """One SVDF of any sizes, or of `width` inputs; a state of int16, or all float32."""
    random = np.random.default_rng(seed)
    batches, inputs, rank, memory = (int(random.integers(1, most)) for most in (3, 40, 3, 12))
    inputs = width or inputs
    filters = rank * int(random.integers(1, 9))
    is_real = dtype == "float32"
    net = StatefulNet(batches, inputs)

    def of(zero_point: int, low: float, high: float) -> Quantisation | None:
        return None if is_real else Quantisation((_scaled(random, low, high),), (zero_point,))

    def weights(name: str, shape: tuple[int, ...], kind: str, most: int, scheme: Quantisation | None) -> int:
        values = random.normal(size=shape) if is_real else random.integers(-most, most, shape)
        return net.builder.constant(name, values, kind, scheme)

    given = of(int(random.integers(-128, 128)), 0.02, 0.1)
    net.tensors[net.input] = replace(net.tensors[net.input], dtype=dtype, quantisation=given)
    wide = 2**15 if state == "int16" else 128
    kept = of(0 if state == "int16" else int(random.integers(-20, 20)), 64 / wide, 128 / wide)
    features = weights("features", (filters, inputs), dtype, 128, of(0, 0.002, 0.02))
    time = weights("time", (filters, memory), state, wide, of(0, 0.5 / wide, 1 / wide))
    scales = [] if is_real else [kept.scale * net.tensors[time].quantisation.scale]
    bias = weights(
        "bias", (filters // rank,), "float32" if is_real else "int32", 1000, symmetric(scales) if scales else None
    )
    shape = (batches, filters * memory)
    net.tensors.append(Tensor(len(net.tensors), "state", shape, state, kept, is_variable=True))
    made = net.builder.tensor("made", (batches, filters // rank), of(int(random.integers(-128, 128)), 0.1, 2), dtype)
    options = {"rank": rank, "activation": "RELU" if is_real else "NONE", "asymmetric_quantize_inputs": False}
    net.add("SVDF", (net.input, features, time, bias, len(net.tensors) - 2), (made,), **options)
    net.operators[-1] = replace(net.operators[-1], version=3)
    return net.graph(made)


def lstm(seed: int, dtype: str = "int8", sizes: tuple[int, int] | None = None) -> Graph:
    """One LSTM of any sizes, with activations of any form."""
    random = np.random.default_rng(seed)
    batches, steps = (int(random.integers(1, most)) for most in (3, 5))
    inputs, cells = sizes or (int(random.integers(1, 20)), int(random.integers(1, 20)))
    is_real, is_time_major = dtype == "float32", bool(random.integers(2))
    zero_points = [0 if dtype == "int16" else int(random.integers(-128, 128)) for _ in range(2)]
    steps_per_unit = 2**15 if dtype == "int16" else 128
    net = StatefulNet(*((steps, batches) if is_time_major else (batches, steps)), inputs)

    def of(low: float, high: float, zero_point: int = 0) -> Quantisation | None:
        return None if is_real else Quantisation((_scaled(random, low, high),), (zero_point,))

    given, kept = (of(1 / steps_per_unit, 2 / steps_per_unit, zero_point) for zero_point in zero_points)
    net.tensors[net.input] = replace(net.tensors[net.input], dtype=dtype, quantisation=given)

    def weights(columns: int) -> int:
        values = random.normal(size=(cells, columns)) if is_real else random.integers(-127, 128, (cells, columns))
        name = f"w{len(net.tensors)}"
        return net.builder.constant(name, values, "float32" if is_real else "int8", of(0.002, 0.02))

    def bias() -> int:
        kind = {"float32": "float32", "int8": "int32", "int16": "int64"}[dtype]
        values = random.normal(size=cells) if is_real else random.integers(-3000, 3000, cells)
        return net.builder.constant(f"b{len(net.tensors)}", values, kind, None if is_real else symmetric([1e-4]))

    operands = [net.input, *(weights(inputs) for _ in range(4)), *(weights(cells) for _ in range(4)), -1, -1, -1]
    operands += [*(bias() for _ in range(4)), -1, -1]
    for name, kind, scheme in (("state", dtype, kept), ("memory", None, None)):
        if kind is None:
            kind = "float32" if is_real else "int16"
            scheme = None if is_real else Quantisation((2.0 ** -int(random.integers(10, 16)),), (0,))
        operands.append(len(net.tensors))
        net.tensors.append(Tensor(len(net.tensors), name, (batches, cells), kind, scheme, is_variable=True))
    made = net.builder.tensor("made", (*net.tensors[net.input].shape[:2], cells), kept, dtype)
    clip = float(random.choice([0.0, 0.7]))
    options = {"activation": "TANH", "cell_clip": clip, "proj_clip": 0.0, "time_major": is_time_major}
    options |= {"asymmetric_quantize_inputs": False, "diagonal_recurrent_tensors": False}
    net.add("UNIDIRECTIONAL_SEQUENCE_LSTM", (*operands, -1, -1, -1, -1), (made,), **options)
    return net.graph(made)
