"""Exact graph reduction: what goes, what stays, and that no output ever changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_networks import planted_network
from small_networks import Net, Q
from tests_support import examples, tflm

from tinyflow.model import reference
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.summary import macs
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.transforms.intervals import analyse
from tinyflow.model.transforms.shrink import shrink


def _weights(*shape: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).integers(-100, 101, shape)


def _dead(outputs: int, kernel: int, inputs: int, *dead: int) -> Any:
    """Weights whose outputs `dead` read nothing."""
    weights = _weights(outputs, kernel, kernel, inputs)
    weights[list(dead)] = 0
    return weights


def _reduced(graph: Graph) -> Graph:
    """The reduced graph, checked to be valid, final and equal on samples."""
    content, reduced = write(graph), read(write(shrink(graph).graph))
    samples = reference.make_inputs(graph, 6, 11)
    before = tflm(content, graph, samples)
    after = tflm(write(reduced), reduced, samples)
    assert reference.largest_difference(before, after) == 0
    assert shrink(reduced).graph == reduced
    assert macs(reduced) <= macs(graph) and reduced.weights_bytes <= graph.weights_bytes + 4 * 32
    return reduced


def _channels(graph: Graph, operator: int) -> int:
    return graph.tensors[graph.operators[operator].outputs[0]].shape[-1]


@pytest.mark.slow
@examples(60)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_output_ever_changes(seed: int) -> None:
    """A network with planted dead channels gives the same outputs after reduction; reducing again changes nothing."""
    _reduced(read(write(planted_network(seed))))


@examples(20)
@given(seed=st.integers(0, 2**32 - 1))
def test_bounds_hold_for_every_tensor(seed: int) -> None:
    """Whatever the inputs, each element of each activation lies within its bounds."""
    graph = planted_network(seed)
    outputs = tuple(operator.outputs[0] for operator in graph.operators)
    graph = replace(graph, outputs=outputs)
    bounds = analyse(graph)
    for sample in tflm(write(graph), graph, reference.make_inputs(graph, 4, seed)):
        for index, values in zip(outputs, sample, strict=True):
            assert (bounds[index].low <= values).all() and (values <= bounds[index].high).all()


@pytest.mark.slow
def test_vww_halves(trained: Callable[[str], Path]) -> None:
    """The published visual wake words model keeps what the proof leaves, and computes the same."""
    graph = read(trained("vww"))
    reduced = _reduced(graph)
    assert (macs(graph), macs(reduced)) == (7_489_664, 3_727_313)
    assert [_channels(reduced, operator) for operator in range(10, 27, 2)] == [60, 106, 57, 30, 19, 15, 25, 31, 22]


@pytest.mark.parametrize("name", ["aww", "resnet", "toycar"])
def test_the_other_published_models_have_nothing_to_take(trained: Callable[[str], Path], name: str) -> None:
    """No channel of theirs is constant."""
    graph = read(trained(name))
    reduction = shrink(graph)
    assert not reduction.has_effect
    assert reduction.record()["channels"] == reduction.record()["operators"] == []
    assert macs(reduction.graph) == macs(graph)


def _through_padding(bias: int, padding: str) -> Graph:
    """One dead channel whose value is the zero point plus bias / 50, into a 3 x 3 convolution."""
    net = Net(1, 6, 6, 3)
    x = net.convolution(net.input, _dead(4, 1, 3, 2), [0, 0, bias, 0])
    return net.graph(net.convolution(x, _weights(2, 3, 3, 4), [7, 8], padding=padding))


def test_a_constant_folds_through_padding_only_where_it_is_the_zero_point() -> None:
    """At borders the padding replaces the channel: then a bias can't, unless both are the same."""
    uneven, even, unpadded = _through_padding(500, "SAME"), _through_padding(0, "SAME"), _through_padding(500, "VALID")
    assert analyse(uneven)[uneven.operators[0].outputs[0]].low[..., 2].max() != Q.zero_point
    assert [_channels(_reduced(graph), 0) for graph in (uneven, even, unpadded)] == [4, 3, 3]


def test_a_channel_that_padding_makes_uneven_goes_where_a_clamp_levels_it() -> None:
    """Through a depthwise convolution with padding: the next layer sees one value everywhere."""
    net = Net(1, 6, 6, 3)
    x = net.convolution(net.input, _dead(3, 1, 3, 1), [0, 400, 0])
    taps = net.constant(np.abs(_weights(1, 3, 3, 3)), "int8", Quantisation((0.02,), (0,), 3))
    bias = net.constant([0, -(2**24), 0], "int32", Quantisation((0.001,), (0,)))
    x = net.operator("DEPTHWISE_CONV_2D", x, taps, bias, activation="RELU")
    reduced = _reduced(net.graph(net.convolution(x, _weights(2, 1, 1, 3), [1, 2])))
    assert [_channels(reduced, operator) for operator in range(3)] == [2, 2, 2]
    assert reduced.tensors[reduced.operators[1].inputs[1]].shape == (1, 3, 3, 2)


def test_what_nothing_reads_goes() -> None:
    """An output channel whose weights further on are all 0 is not computed, though inputs change it."""
    net = Net(1, 4, 4, 3)
    x = net.convolution(net.input, _weights(5, 3, 3, 3), [0] * 5)
    further = _weights(2, 1, 1, 5)
    further[..., [0, 3]] = 0
    graph = net.graph(net.convolution(x, further, [0, 0]))
    assert _channels(_reduced(graph), 0) == 3
    assert shrink(graph).record()["channels"][0]["removed"] == {"nothing reads it": [0, 3]}


def test_a_sum_keeps_what_one_side_needs() -> None:
    """ADD loses a channel only where both inputs and the output can."""
    net = Net(1, 4, 4, 3)
    left = net.convolution(net.input, _dead(4, 1, 3, 0, 1), [100, 200, 0, 0])
    right = net.convolution(net.input, _dead(4, 1, 3, 1, 2), [0, 300, 400, 0])
    x = net.operator("ADD", left, right, activation="NONE", pot_scale_int16=False)
    graph = net.graph(net.convolution(x, _weights(2, 1, 1, 4), [0, 0]))
    assert [_channels(_reduced(graph), operator) for operator in range(3)] == [3, 3, 3]


def test_channels_go_through_a_flattening_reshape() -> None:
    """A channel of a map is many features of a row; the weights behind lose a column for each."""
    net = Net(1, 4, 4, 3)
    x = net.convolution(net.input, _dead(3, 1, 3, 0), [250, 0, 0])
    target = net.constant([1, -1], "int32")
    x = net.operator("RESHAPE", x, target, shape=(1, 48))
    weights = net.constant(_weights(5, 48), "int8", Quantisation((0.02,), (0,)))
    reduced = _reduced(net.graph(net.operator("FULLY_CONNECTED", x, weights)))
    assert reduced.tensors[reduced.operators[2].inputs[1]].shape == (5, 32)
    bias = reduced.tensors[reduced.operators[2].inputs[2]]
    assert bias.dtype == "int32" and bias.shape == (5,) and any(bias.data or b"")


def test_outputs_of_the_graph_keep_their_shape() -> None:
    """A constant channel of an output is still written."""
    net = Net(1, 4, 4, 3)
    reduced = _reduced(net.graph(net.convolution(net.input, _dead(4, 1, 3, 0, 1, 2), [1, 2, 3, 4])))
    assert _channels(reduced, 0) == 4


def test_a_constant_that_two_layers_share_is_cut_for_one() -> None:
    """Two convolutions with the same weights tensor, one of which loses an input."""
    net = Net(1, 4, 4, 3)
    dead = net.convolution(net.input, _dead(3, 1, 3, 1), [0, 90, 0])
    alive = net.convolution(net.input, _weights(3, 1, 1, 3, seed=2), [0, 0, 0])
    shared = net.constant(_weights(2, 1, 1, 3), "int8", Quantisation((0.02,), (0,)))
    bias = net.constant([5, 6], "int32", Quantisation((0.001,), (0,)))
    outputs = [net.operator("CONV_2D", source, shared, bias) for source in (dead, alive)]
    reduced = _reduced(net.graph(*outputs))
    assert [reduced.tensors[operator.inputs[1]].shape[-1] for operator in reduced.operators[2:]] == [2, 3]


def test_a_branch_that_no_input_changes_becomes_a_constant() -> None:
    """A convolution of constants only is computed here."""
    net = Net(1, 4, 4, 3)
    fixed = net.convolution(net.input, _dead(3, 1, 3, 0, 1, 2), [100, 200, 300])
    x = net.operator("ADD", net.input, fixed, activation="NONE", pot_scale_int16=False)
    graph = net.graph(x)
    reduced = _reduced(graph)
    assert [operator.name for operator in reduced.operators] == ["ADD"]
    assert shrink(graph).record()["operators"][0]["why"] == "its output is the same for every input"


def test_operators_that_change_nothing_go() -> None:
    """A pool of single elements, RESHAPEs there and back, an operator that nobody reads."""
    net = Net(1, 4, 4, 3)
    x = net.convolution(net.input, _weights(3, 1, 1, 3), [0, 0, 0], activation="RELU")
    net.convolution(x, _weights(3, 1, 1, 3), [0, 0, 0])
    x = net.operator("MAX_POOL_2D", x, padding="VALID", stride=(1, 1), filter=(1, 1), activation="RELU")
    x = net.operator("RESHAPE", x, net.constant([1, 48], "int32"), shape=(1, 48))
    x = net.operator("RESHAPE", x, net.constant([1, 4, 4, 3], "int32"), shape=(1, 4, 4, 3))
    reduced = _reduced(net.graph(net.convolution(x, _weights(2, 1, 1, 3), [1, 1])))
    assert [operator.name for operator in reduced.operators] == ["CONV_2D", "CONV_2D"]


@pytest.mark.parametrize(
    ("name", "quantisation", "options"),
    [
        ("LOGISTIC", Quantisation((1 / 256,), (-128,)), {}),
        ("TANH", Quantisation((1 / 128,), (0,)), {}),
        ("LEAKY_RELU", Q, {"alpha": 0.25}),
        ("HARD_SWISH", Quantisation((0.06,), (-10,)), {}),
        ("RELU", Quantisation((0.07,), (-100,)), {}),
        ("RELU6", Q, {}),
        ("QUANTIZE", Quantisation((0.03,), (5,)), {}),
    ],
)
def test_constants_go_through_functions_of_one_element(
    name: str, quantisation: Quantisation, options: dict[str, Any]
) -> None:
    """Whatever the reference interpreter makes of the constant is folded behind it."""
    net = Net(1, 4, 4, 3)
    x = net.convolution(net.input, _dead(4, 1, 3, 1, 2), [0, -700, 900, 0])
    x = net.operator(name, x, shape=(1, 4, 4, 4), q=quantisation, **options)
    reduced = _reduced(net.graph(net.convolution(x, _weights(2, 3, 3, 4), [0, 0], padding="VALID")))
    assert [_channels(reduced, operator) for operator in (0, 1)] == [2, 2]


def test_constants_go_through_means_and_extremes() -> None:
    """MEAN over height and width, MINIMUM of two maps, MAXIMUM with a constant that is cut, too."""
    net = Net(1, 4, 4, 3)
    left = net.convolution(net.input, _dead(4, 1, 3, 0, 1), [300, -200, 0, 0])
    right = net.convolution(net.input, _dead(4, 1, 3, 0, 2), [200, 0, 99, 0])
    floor = net.constant([[[[-5, -6, -7, -8]]]], "int8", Q)
    x = net.operator("MAXIMUM", net.operator("MINIMUM", left, right), floor)
    x = net.operator("MEAN", x, net.constant([1, 2], "int32"), shape=(1, 4), q=Quantisation((0.04,), (1,)))
    weights = net.constant(_weights(3, 4), "int8", Quantisation((0.02,), (0,)))
    reduced = _reduced(net.graph(net.operator("FULLY_CONNECTED", x, weights)))
    assert [_channels(reduced, operator) for operator in range(5)] == [3] * 5
    assert reduced.tensors[reduced.operators[3].inputs[1]].shape == (1, 1, 1, 3)


def test_shapes_that_a_converter_left_to_be_computed_are_constants() -> None:
    """SHAPE, STRIDED_SLICE and PACK before a RESHAPE go, since all shapes are known."""
    net = Net(1, 4, 4, 3)

    def integer(name: str, *inputs: int, shape: tuple[int, ...], **options: int) -> int:
        output = net.operator(name, *inputs, shape=shape, **options)
        net.tensors[output] = replace(net.tensors[output], dtype="int32", quantisation=None)
        return output

    shape = integer("SHAPE", net.input, shape=(4,))
    ends = [net.constant([value], "int32") for value in (0, 1, 1)]
    batch = integer("STRIDED_SLICE", shape, *ends, shape=(), shrink_axis_mask=1)
    target = integer("PACK", batch, net.constant(48, "int32"), shape=(2,), values_count=2)
    x = net.operator("RESHAPE", net.input, target, shape=(1, 48))
    weights = net.constant(_weights(5, 48), "int8", Quantisation((0.02,), (0,)))
    graph = net.graph(net.operator("FULLY_CONNECTED", x, weights))
    assert [operator.name for operator in _reduced(graph).operators] == ["RESHAPE", "FULLY_CONNECTED"]


def test_equal_constants_are_kept_once() -> None:
    """Two tensors with the same values, type and quantisation become one; a tensor that nothing uses goes."""
    net = Net(1, 4, 4, 2)
    net.constant([1, 2, 3], "int32")
    x = net.input
    for _ in range(2):
        x = net.convolution(x, _weights(2, 1, 1, 2), [3, 4])
    graph = net.graph(x)
    reduced = _reduced(graph)
    assert reduced.operators[0].inputs[1:] == reduced.operators[1].inputs[1:]
    assert len(reduced.tensors) == len(graph.tensors) - 3


def test_the_report_counts_in_the_original_numbering() -> None:
    """Which operator, which channels of how many, and what they always are."""
    net = Net(1, 4, 4, 3)
    x = net.convolution(net.input, _dead(4, 1, 3, 1, 3), [0, 0, 0, 500])
    report = shrink(net.graph(net.convolution(x, _weights(2, 1, 1, 4), [0, 0]))).record()
    (narrowed,) = report["channels"]
    assert (narrowed["operator"], narrowed["channels"], narrowed["kept"]) == (0, 4, 2)
    assert narrowed["removed"] == {"always 3": [1], "always 13": [3]}
    assert report["before"]["macs"] == 320 and report["after"]["macs"] == 160
