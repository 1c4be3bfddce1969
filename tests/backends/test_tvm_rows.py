"""Fully connected layers over rows of any rank, tensors without names of their own, what may be left out or odd."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from processors import processor
from random_networks import ACTIVATIONS, RandomNetwork
from test_tvm_generate import assert_exact
from tests_support import run_litert

from tinyflow.model import reference
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo.builder import NetworkBuilder

SHAPES = ((3, 8), (1, 5, 6), (2, 3, 4), (1, 3, 3, 4), (2, 2, 1, 5), (1, 7), (6,))
# what a converter may call a tensor: nothing, all the same, what steps and symbols of the backends are called
NAMES = ("", "same", "dense_0", "conv2d_0", "weights_1", "add_1", "dense_1_scratch")


class Rows(RandomNetwork):
    """Fully connected layers over any rank, with what may be between them."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.tensors.clear()
        self.inputs = [
            self.activation(SHAPES[seed % len(SHAPES)], self.quantisation(0.01)) for _ in range(1 + seed % 2)
        ]
        self.last = self.inputs[0]

    def pick(self, choices: Any) -> Any:
        """One of several; hardly a clamp that makes all of a layer's outputs one number."""
        is_coarse = choices is ACTIVATIONS and self.scale > 0.02
        return super().pick(("NONE", "NONE", "RELU") if is_coarse else choices)

    def quantisation(self, scale: float) -> Quantisation:
        """Zero points in the middle, so that outputs seldom saturate."""
        return Quantisation(super().quantisation(scale).scales, (self.number(-50, 50),))

    def dense(self) -> None:
        """Over the last axis, dimensions kept or not; or over all of one sample."""
        whole = math.prod(self.shape)
        columns = self.pick((self.shape[-1], self.shape[-1], whole))
        keep = columns == self.shape[-1] and bool(self.number(0, 1))
        rows, units = whole // columns, self.number(5, 9)
        before = self.shape
        self.weighted("FULLY_CONNECTED", (units, columns), 0, {"keep_num_dims": keep})
        shape = (*before[:-1], units) if keep else (rows, units)
        self.tensors[self.last] = replace(self.tensors[self.last], shape=shape)

    def reshape(self) -> None:
        """Two axes from any."""
        elements = math.prod(self.shape)
        rows = self.pick([n for n in range(1, elements + 1) if elements % n == 0])
        target = self.constant([rows, elements // rows], "int32", None)
        self.append("RESHAPE", (self.last, target), self.tensors[self.last].quantisation, {})
        self.tensors[self.last] = replace(self.tensors[self.last], shape=(rows, elements // rows))

    def sum(self, other: int) -> None:
        """ADD over a batch."""
        options = {"activation": self.pick(ACTIVATIONS)}
        self.append("ADD", (self.last, other), self.quantisation(self.scale * 2), options)

    def graph(self, layers: int) -> Graph:
        """The network; every result is an output, so that no error hides."""
        if len(self.inputs) > 1:
            self.sum(self.inputs[1])
        self.dense()
        for _ in range(layers):
            self.pick((self.dense, self.dense, self.reshape, lambda: self.sum(self.last)))()
        self.dense()
        self.append("SOFTMAX", (self.last,), Quantisation((1 / 256,), (-128,)), {})
        outputs = tuple(operator.outputs[0] for operator in self.operators)
        return Graph(tuple(self.tensors), tuple(self.operators), tuple(self.inputs), outputs, "rows")


def rows_network(seed: int) -> bytes:
    """A network of fully connected layers over rows, whose tensors share a name with one another."""
    graph = Rows(seed).graph(4)
    name = NAMES[seed % len(NAMES)]
    return write(replace(graph, tensors=tuple(replace(tensor, name=name) for tensor in graph.tensors)))


_WAYS: tuple[Mapping[str, Any], ...] = (
    {"variant": "aotplus"},
    {"variant": "aot"},
    {"variant": "aotplus", "layout": "NCHW"},
    {"variant": "aot", "schedule": "default", "usmp": "greedy"},
    {"variant": "llvm", "llvm": processor("host").tvm_llvm},
    {"variant": "aotplus", "debug": True},
)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 15))])
def test_rows_are_exact(seed: int, generate: Callable[..., Any]) -> None:
    """Whatever the rank, the activation, the zero point and the names: every row is TFLM's."""
    content = rows_network(seed)
    model = generate(content, **_WAYS[seed % len(_WAYS)])
    assert_exact(content, model)
    names = [(tensor["name"], tensor["offset"]) for tensor in model.plan["arena"]["tensors"]]
    assert len(set(names)) == len(names)
    assert {(port["name"], int(port["symbol"].partition("+")[2])) for port in model.plan["inputs"]} <= set(names)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 10))
def test_rows_are_exact_in_a_graph(seed: int, generate_graph: Callable[..., Any]) -> None:
    """As calls and interpreted, in both layouts."""
    content = rows_network(seed)
    backend, layout = ("static", "executor")[seed % 2], ("NHWC", "NCHW")[seed % 4 // 2]
    model = generate_graph(content, backend, {"layout": layout})
    assert_exact(content, model)
    names = {(tensor["name"], tensor["offset"]) for tensor in model.plan["arena"]["tensors"]}
    assert {(port["name"], int(port["symbol"].partition("+")[2])) for port in model.plan["inputs"]} <= names


def test_what_tflite_does_not_look_at_may_be_anything(generate: Callable[..., Any]) -> None:
    """A bias of index -1, and the axis of one scale, for weights of one channel as Keras writes them."""
    net = NetworkBuilder(2, (4, 4, 1), input_scale=0.05, input_zero_point=0)
    graph = net.graph((net.convolution(net.depthwise(net.input, (3, 3)), 3, (1, 1)),), "odd")
    first, last = graph.operators
    scheme = graph.tensors[first.inputs[1]].quantisation
    assert scheme is not None and (scheme.axis, len(scheme.scales)) == (3, 1)
    content = write(replace(graph, operators=(first, replace(last, inputs=(*last.inputs[:2], -1)))))
    assert_exact(content, generate(content, variant="aot"))


def test_a_fully_connected_layer_may_have_a_scale_for_each_channel(generate: Callable[..., Any]) -> None:
    """Its factors are products of scales as for convolutions, in double precision."""
    net = NetworkBuilder(5, (2, 3, 4), input_scale=0.05, input_zero_point=3)
    graph = net.graph((net.fully_connected(net.flatten(net.input), 7),), "channels")
    weights = graph.tensors[graph.operators[-1].inputs[1]]
    assert weights.quantisation is not None
    scales = tuple(float(np.float32(weights.quantisation.scale * (1 + channel / 7))) for channel in range(7))
    tensors = list(graph.tensors)
    tensors[weights.index] = replace(weights, quantisation=Quantisation(scales, (0,) * 7, 0))
    content = write(replace(graph, tensors=tuple(tensors)))
    assert_exact(content, generate(content, variant="aotplus"))


@pytest.mark.slow
def test_rows_are_rounded_once_where_that_is_asked(generate: Callable[..., Any]) -> None:
    """LiteRT's rounding holds for every row."""
    content = rows_network(1)
    graph, model = read(content), generate(content, variant="aotplus", rounding="single")
    inputs = reference.make_inputs(graph, 8, seed=7)
    outputs = [model.invoke(sample) for sample in inputs]
    assert reference.largest_difference(run_litert(content, graph, inputs), outputs) == 0
