"""uint8 as int8: of every operator that is shifted, LiteRT's uint8 and our int8 arithmetic are 128 apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests_support import litert

from tinyflow.model import reference
from tinyflow.model.arithmetic.evaluate import evaluate
from tinyflow.model.arithmetic.moving import MOVING, results
from tinyflow.model.builder import GraphBuilder, per_tensor
from tinyflow.model.graph import Graph, Operator, Quantisation
from tinyflow.model.operators import describe, output_shape
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.transforms.tidy import tidy
from tinyflow.model.weighted import constant_values

Array = Any


class Legacy:
    """A network of uint8 under construction, seeded."""

    def __init__(self, seed: int, *shape: int) -> None:
        self.builder, self.random = GraphBuilder(), np.random.default_rng(seed)
        self.input = self.builder.tensor("in", shape, self.scheme(), "uint8")
        self.builder.inputs.append(self.input)

    def scheme(self, low: float = 0.01, high: float = 0.1) -> Quantisation:
        """Any scale, any zero point."""
        return per_tensor(self.random.uniform(low, high), int(self.random.integers(0, 256)))

    def numbers(self, *shape: int) -> int:
        """A uint8 constant."""
        return self.builder.constant("c", self.random.integers(0, 256, shape), "uint8", self.scheme(0.01, 0.02))

    def operator(self, name: str, *inputs: int, like: int | None = None, **options: Any) -> int:
        """An operator in version 1; its output, quantised as another tensor or anyhow."""
        tensors = [self.builder.tensors[index] for index in inputs]
        complete = {**describe(name).default_options, **options}
        shape = output_shape(name, tensors, complete)
        assert shape is not None
        scheme = describe(name).output
        if like is not None:
            scheme = self.builder.quantisation(like)
        elif scheme is not None:
            scheme = per_tensor(scheme.scale, scheme.zero_point + 128)
        made = self.builder.tensor(f"t{len(self.builder.tensors)}", shape, scheme or self.scheme(), "uint8")
        self.builder.operator(name, inputs, made, **options)
        self.builder.operators[-1] = replace(self.builder.operators[-1], version=1)
        return made

    def weighted(self, name: str, source: int, *shape: int, **options: Any) -> int:
        """A convolution or dense layer whose outputs are spread."""
        weights = self.numbers(*shape)
        outputs = shape[describe(name).weights_axis or 0]
        scales = self.builder.quantisation(source).scale * self.builder.quantisation(weights).scale
        bias = self.builder.constant(
            "b", self.random.integers(-3000, 3000, outputs), "int32", per_tensor(np.float32(scales))
        )
        made = self.operator(name, source, weights, bias, **options)
        self.builder.tensors[made] = _spread(self.builder, made, scales, shape)
        return made

    def graph(self, *outputs: int) -> Graph:
        """As a reader gives it."""
        return read(write(self.builder.graph(outputs, "legacy")))


def _spread(builder: GraphBuilder, index: int, scale: float, shape: Sequence[int]) -> Any:
    tensor = builder.tensors[index]
    zero_point = 128 if tensor.quantisation is None else tensor.quantisation.zero_point
    step = scale * 60 * np.sqrt(np.prod(shape) / max(shape[0], shape[-1]))
    return replace(tensor, quantisation=per_tensor(step, zero_point))


def computed(graph: Graph, sample: Sequence[Array]) -> list[Array]:
    """All operators in numpy: int8 by `evaluate`, conversions that round nothing, averages of int16 by pooling.h."""
    known: dict[int, Array] = {tensor.index: constant_values(tensor) for tensor in graph.tensors if tensor.is_constant}
    known.update(zip(graph.inputs, sample, strict=True))
    for operator in graph.operators:
        made = _computed(graph, operator, [known[index].astype(np.int64) for index in operator.inputs if index >= 0])
        for index, array in zip(operator.outputs, made, strict=True):
            known[index] = np.asarray(array).reshape(graph.tensors[index].shape)
    return [known[index] for index in graph.outputs]


def _computed(graph: Graph, operator: Operator, read: list[Array]) -> list[Array]:
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    if operator.name in MOVING:
        return results(graph, operator, read)
    if operator.name == "QUANTIZE" and {source.dtype, output.dtype} != {"int8"}:
        given, made = source.quantisation, output.quantisation
        assert given is not None and made is not None and given.scale == made.scale
        return [read[0] - given.zero_point + made.zero_point]
    if operator.name == "AVERAGE_POOL_2D" and source.dtype == "int16":
        (rows, columns), (height, width) = operator.options["filter"], output.shape[1:3]
        parts = [read[0][:, y * rows :, x * columns :][:, :rows, :columns] for y in range(height) for x in range(width)]
        sums, count = np.stack([part.sum((1, 2)) for part in parts], 1), rows * columns
        return [np.fix(np.where(sums > 0, sums + count // 2, sums - count // 2) / count)]
    return [evaluate(graph, operator, *read)]


def check(graph: Graph, *names: str) -> None:
    """The tidied network has these operators in int8, and computes what LiteRT computes in uint8."""
    changed = tidy(graph).graph
    assert read(write(changed)) == changed and tidy(changed).graph is changed
    inside = [operator.name for operator in changed.operators if operator.name != "QUANTIZE"]
    assert inside == list(names)
    for before, after in zip((*graph.inputs, *graph.outputs), (*changed.inputs, *changed.outputs), strict=True):
        one, other = graph.tensors[before], changed.tensors[after]
        assert (one.name, one.dtype, one.quantisation) == (other.name, other.dtype, other.quantisation)
    samples = reference.make_inputs(graph, 6, 3)
    for sample, expected in zip(samples, litert(write(graph), graph, samples), strict=True):
        for one, other in zip(expected, computed(changed, sample), strict=True):
            difference = np.abs(one.astype(int).reshape(-1) - other.astype(int).reshape(-1)).max()
            # LiteRT's dense layers round once, TFLM's, which ours are, twice
            assert difference <= ("FULLY_CONNECTED" in names)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("name", "shape", "options", "more"),
    [
        ("CONV_2D", (5, 3, 3, 4), {"activation": "RELU6", "stride": (2, 2)}, ()),
        ("CONV_2D", (5, 2, 1, 4), {"activation": "RELU", "padding": "VALID", "dilation": (2, 2)}, ()),
        ("DEPTHWISE_CONV_2D", (1, 3, 3, 8), {"depth_multiplier": 2}, ()),
        ("FULLY_CONNECTED", (6, 4), {"keep_num_dims": True}, ()),
        ("MAX_POOL_2D", None, {"filter": (3, 2), "stride": (2, 2), "activation": "RELU"}, "alike"),
        ("AVERAGE_POOL_2D", None, {"filter": (3, 3), "padding": "VALID"}, "alike"),
        *((name, None, {}, ()) for name in ("LOGISTIC", "TANH", "SOFTMAX", "RELU", "HARD_SWISH")),
        ("LEAKY_RELU", None, {"alpha": 0.1}, ()),
        *((name, None, {}, "pair") for name in ("ADD", "SUB", "MUL")),
        *((name, None, {}, "alike pair") for name in ("MAXIMUM", "MINIMUM")),
        ("MEAN", None, {"keep_dims": True}, "axes"),
    ],
)
@pytest.mark.every(5)
def test_operators_are_shifted(name: str, shape: Any, options: dict[str, Any], more: Any, seed: int) -> None:
    """One operator between conversions, whatever scales and zero points it has."""
    net = Legacy(seed, 2, 6, 6, 4)
    if shape is not None:
        check(net.graph(net.weighted(name, net.input, *shape, **options)), name)
        return
    others = []
    if "pair" in more:
        others.append(net.builder.tensor("other", (2, 6, 6, 4), net.scheme(), "uint8"))
        net.builder.inputs += others
    if "alike pair" in more:
        net.builder.tensors[others[0]] = _like(net.builder, others[0], net.input)
    if more == "axes":
        others.append(net.builder.constant("axes", [1, 2], "int32"))
    like = net.input if "alike" in more else None
    check(net.graph(net.operator(name, net.input, *others, like=like, **options)), name)


def _like(builder: GraphBuilder, index: int, other: int) -> Any:
    return replace(builder.tensors[index], quantisation=builder.quantisation(other))


@pytest.mark.parametrize("seed", range(3))
def test_relu6_is_a_rescaling_and_two_bounds(seed: int) -> None:
    """TFLM's int8 RELU6 clamps the input's integers; LiteRT's uint8 one the output's."""
    net = Legacy(seed, 1, 300)
    check(net.graph(net.operator("RELU6", net.input)), "RELU", "MINIMUM")


def test_averages_of_even_numbers_go_through_int16() -> None:
    """Halves go up in uint8; in int8 they would go away from zero. Where numbers are negative it stays as it is."""
    for zero_point, names in ((0, ("RELU", "AVERAGE_POOL_2D")), (7, None)):
        net = Legacy(1, 2, 8, 8, 3)
        first = net.operator("RELU", net.input)
        net.builder.tensors[first] = _quantised(net.builder, first, per_tensor(0.03, zero_point))
        made = net.operator("AVERAGE_POOL_2D", first, like=first, filter=(4, 2), stride=(4, 2), padding="VALID")
        graph = net.graph(made)
        if names is not None:
            check(graph, *names)
        else:
            pool = tidy(graph).graph.operators[-1]
            assert (pool.name, tidy(graph).graph.tensors[pool.inputs[0]].dtype) == ("AVERAGE_POOL_2D", "uint8")


def _quantised(builder: GraphBuilder, index: int, scheme: Quantisation) -> Any:
    return replace(builder.tensors[index], quantisation=scheme)


def test_a_network_is_shifted_whole() -> None:
    """Conversions stand at its ends only; what moves elements is of the type that they have come to be."""
    net = Legacy(5, 1, 8, 8, 3)
    flat = net.builder.constant("flat", [1, 64, 3], "int32")
    image = net.builder.constant("image", [1, 8, 8, 3], "int32")
    there = net.builder.tensor("there", (1, 64, 3), net.builder.quantisation(net.input), "uint8")
    net.builder.operator("RESHAPE", (net.input, flat), there, new_shape=())
    back = net.builder.tensor("back", (1, 8, 8, 3), net.builder.quantisation(net.input), "uint8")
    net.builder.operator("RESHAPE", (there, image), back, new_shape=())
    left = net.weighted("CONV_2D", back, 4, 3, 3, 3, activation="RELU6")
    right = net.operator("ADD", left, net.weighted("DEPTHWISE_CONV_2D", left, 1, 3, 3, 4))
    joined = net.operator("CONCATENATION", right, right, like=right, axis=3)
    graph = net.graph(joined, right)
    check(graph, "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "CONCATENATION")
    changed = tidy(graph).graph
    types = [changed.tensors[operator.inputs[0]].dtype for operator in changed.operators if operator.name == "QUANTIZE"]
    assert types == ["uint8", "int8", "int8"]


def test_ports_of_uint8_around_int8_stay() -> None:
    """There is nothing to shift in a network of int8."""
    builder = GraphBuilder()
    source = builder.tensor("in", (1, 9), per_tensor(0.1, 131), "uint8")
    builder.inputs.append(source)
    inner = builder.operator("QUANTIZE", (source,), builder.tensor("q", (1, 9), per_tensor(0.1, 3)))
    made = builder.layer("RELU", (inner,), "r", per_tensor(0.1, 3))
    graph = builder.graph(
        [builder.operator("QUANTIZE", (made,), builder.tensor("out", (1, 9), per_tensor(0.1, 131), "uint8"))], "ports"
    )
    assert tidy(graph).graph is graph


def test_what_has_no_int8_form_stays_between_conversions() -> None:
    """A custom operator reads and writes uint8."""
    net = Legacy(2, 1, 20)
    first = net.operator("RELU", net.input)
    custom = net.builder.tensor("custom", (1, 20), net.scheme(), "uint8")
    net.builder.operator("custom its own", (first,), custom)
    changed = tidy(net.graph(net.operator("LOGISTIC", custom))).graph
    told = [(operator.name, changed.tensors[operator.inputs[0]].dtype) for operator in changed.operators]
    assert told == [
        *[("QUANTIZE", "uint8"), ("RELU", "int8"), ("QUANTIZE", "int8"), ("custom its own", "uint8")],
        *[("QUANTIZE", "uint8"), ("LOGISTIC", "int8"), ("QUANTIZE", "int8")],
    ]
