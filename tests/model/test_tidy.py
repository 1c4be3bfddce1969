"""Tidying: what goes and what stays, that no output changes, and that folded constants are what kernels compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_networks import Net, Q, padded, spatial
from tests_support import examples, litert, tflm

from tinyflow.core.errors import ModelError
from tinyflow.model import reference
from tinyflow.model.arithmetic.constants import computed
from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.operators.activation import SIGNED_UNIT_RANGE, UNIT_RANGE
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.transforms import transformed
from tinyflow.model.transforms.tidy import tidy
from tinyflow.model.transforms.tidy.padding import fold_any_padding
from tinyflow.model.weighted import constant_values, window


def tidied(graph: Graph, *names: str, runs: Sequence[Any] = (tflm, litert)) -> Graph:
    """The tidied graph, which has these operators, computes the same, and is tidy."""
    content, changed = write(graph), tidy(graph).graph
    assert [operator.name for operator in changed.operators] == list(names)
    again = read(write(changed))
    assert again == changed and tidy(again).graph is again
    samples = reference.make_inputs(graph, 6, 11)
    for run in runs:
        assert reference.largest_difference(run(content, graph, samples), run(write(again), again, samples)) == 0
    return changed


def ports(graph: Graph) -> list[Tensor]:
    """What a user sees, but for the numbering."""
    return [replace(graph.tensors[index], index=0) for index in (*graph.inputs, *graph.outputs)]


@pytest.mark.parametrize("name", ["aww", "vww", "resnet", "toycar"])
def test_tidy_models_keep_their_bytes(trained: Callable[[str], Path], name: str) -> None:
    """In the networks of MLPerf Tiny there is nothing to do, so all that follows is as it was."""
    content = trained(name).read_bytes()
    same, record = transformed(content, tidy)
    assert same is content and record["operators"] == [] and record["before"] == record["after"]


def test_computed_shapes_are_folded() -> None:
    """What Keras writes for a batch that is not fixed: SHAPE → STRIDED_SLICE → PACK → RESHAPE."""
    net = Net(1, 3, 4, 2)
    whole = net.builder.operator("SHAPE", (net.input,), net.builder.tensor("shape", (4,), None, "int32"))
    bounds = [net.constant([value], "int32") for value in (0, 1, 1)]
    batch = net.builder.tensor("batch", (), None, "int32")
    net.builder.operator("STRIDED_SLICE", (whole, *bounds), batch, shrink_axis_mask=1)
    rest, target = net.constant(24, "int32"), net.builder.tensor("target", (2,), None, "int32")
    net.builder.operator("PACK", (batch, rest), target, values_count=2)
    flat = net.operator("RESHAPE", net.input, target, shape=(1, 24), new_shape=())
    graph = net.graph(net.operator("SOFTMAX", flat, q=None, beta=1.0))  # type: ignore[arg-type]
    changed = tidied(graph, "RESHAPE", "SOFTMAX")
    assert ports(changed) == ports(graph)
    assert constant_values(changed.tensors[changed.operators[0].inputs[1]]).tolist() == [1, 24]
    why = {entry["name"]: entry["why"] for entry in tidy(graph).record()["operators"]}
    assert set(why) == {"SHAPE", "STRIDED_SLICE", "PACK"}


def test_weights_of_float16_become_float32() -> None:
    """As every kernel wants them."""
    builder = GraphBuilder()
    source = builder.tensor("in", (1, 3), None, "float32")
    builder.inputs.append(source)
    half = builder.constant("half", np.array([[0.1, -2.5, 65504.0], [2**-24, 1.0, -0.0]]), "float16")
    wide = builder.operator("DEQUANTIZE", (half,), builder.tensor("wide", (2, 3), None, "float32"))
    made = builder.operator("FULLY_CONNECTED", (source, wide, -1), builder.tensor("out", (1, 2), None, "float32"))
    graph = builder.graph([made], "half")
    changed = tidy(graph).graph
    assert [operator.name for operator in changed.operators] == ["FULLY_CONNECTED"]
    weights = changed.tensors[changed.operators[0].inputs[1]]
    assert weights.dtype == "float32" and np.array_equal(
        constant_values(weights), np.frombuffer(half_of(graph), "<f2").reshape(2, 3)
    )
    samples = reference.make_inputs(graph, 3, 1)
    before, after = (litert(write(each), each, samples) for each in (graph, changed))
    assert reference.largest_difference(before, after) == 0


def half_of(graph: Graph) -> bytes:
    """The constant in float16."""
    (tensor,) = (tensor for tensor in graph.tensors if tensor.dtype == "float16")
    return tensor.data or b""


def test_large_constants_stay_computed() -> None:
    """Flash is dear: what grows much stays an operator."""
    for count, names in ((4096, []), (4097, ["FILL"])):
        net = Net(1, count)
        filled = net.operator("FILL", net.constant([1, count], "int32"), net.constant(5, "int8", Q), shape=(1, count))
        graph = net.graph(net.operator("ADD", net.input, filled))
        assert [operator.name for operator in tidy(graph).graph.operators] == [*names, "ADD"]


def test_operators_that_change_nothing_go() -> None:
    """Whole slices, permutations of nothing, single pieces, padding by nothing; a graph output stays written."""
    net = Net(1, 4, 4, 2)
    nothing = net.constant(np.zeros((4, 2)), "int32")
    padded = net.operator("PAD", net.input, nothing)
    sliced = net.operator("SLICE", padded, net.constant([0] * 4, "int32"), net.constant([1, 4, -1, 2], "int32"))
    tiled = net.operator("BROADCAST_TO", sliced, net.constant([1, 4, 4, 2], "int32"))
    joined = net.operator("CONCATENATION", tiled, axis=3)
    made = net.operator("RELU", joined)
    last = net.operator("PAD", made, nothing)
    tidied(net.graph(last), "RELU", "PAD")
    # the same forms, and yet not the same
    net = Net(1, 4, 4, 2)
    turned = net.operator("TRANSPOSE", net.input, net.constant([0, 2, 1, 3], "int32"))
    ends = [net.constant(numbers, "int32") for numbers in ([0, 3, 0, 0], [1, -5, 4, 2], [1, -1, 1, 1])]
    mirrored = net.operator("STRIDED_SLICE", turned, *ends)
    tidied(net.graph(net.operator("RELU", mirrored)), "TRANSPOSE", "STRIDED_SLICE", "RELU")


def test_shapes_that_only_a_reshape_reads_go() -> None:
    """Whatever they are, the last one counts."""
    net = Net(1, 6, 2)
    wide = net.operator("EXPAND_DIMS", net.input, net.constant(1, "int32"), shape=(1, 1, 6, 2))
    flat = net.operator("RESHAPE", wide, net.constant([12], "int32"), shape=(12,), new_shape=())
    column = net.operator("RESHAPE", flat, net.constant([12, 1], "int32"), shape=(12, 1), new_shape=())
    changed = tidied(net.graph(net.operator("RELU", column)), "RESHAPE", "RELU")
    assert changed.operators[0].inputs[0] == changed.inputs[0]


def test_conversions_that_undo_each_other_go() -> None:
    """int8 → float32 → int8, and int8 → uint8 → int8, all in the same steps; not where steps or zero points differ."""
    for between, dtype, names in (
        (None, "float32", ["RELU", "RELU"]),
        (Quantisation(Q.scales, (Q.zero_points[0] + 128,)), "uint8", ["RELU", "RELU"]),
        (Quantisation(Q.scales, (Q.zero_points[0] + 127,)), "uint8", ["RELU", "QUANTIZE", "QUANTIZE", "RELU"]),
    ):
        net = Net(2, 50)
        made = net.operator("RELU", net.input)
        there = net.builder.tensor("between", (2, 50), between, dtype)
        net.builder.operator("DEQUANTIZE" if between is None else "QUANTIZE", (made,), there)
        back = net.operator("QUANTIZE", there, shape=(2, 50))
        graph = net.graph(net.operator("RELU", back))
        assert [operator.name for operator in tidy(graph).graph.operators] == names
        if between is None:
            tidied(graph, *names)
    other = net.operator("QUANTIZE", there, shape=(2, 50), q=Quantisation((0.051,), (3,)))
    graph = net.graph(net.operator("RELU", other, q=Quantisation((0.051,), (3,))))
    assert len(tidy(graph).graph.operators) == 4


@pytest.mark.parametrize("scale", [2.0**-20, 0.00784, 0.1, 3.7, 1e6])
def test_every_integer_comes_back_from_float32(scale: float) -> None:
    """The claim behind it, with the formulas of TFLite's dequantize.h and quantize.h, for int16 and so for int8."""
    steps = np.arange(-32768, 32768, dtype=np.int64)
    real = (float(np.float32(scale)) * steps).astype(np.float32)
    assert np.array_equal(np.rint(real / np.float32(scale)).astype(np.int64), steps)


@pytest.mark.parametrize(
    ("shape", "around", "name", "kernel", "stride", "value"),
    [
        ((1, 6, 5, 3), spatial(1, 1, 1, 1), "CONV_2D", 3, 1, None),
        ((1, 6, 6, 3), spatial(0, 1, 0, 1), "CONV_2D", 3, 2, None),
        ((2, 7, 5, 3), spatial(1, 1, 1, 1), "CONV_2D", 3, 2, None),
        # one more row behind, which no window reaches
        ((1, 7, 5, 3), spatial(1, 2, 1, 1), "CONV_2D", 3, 2, None),
        ((1, 6, 6, 2), spatial(1, 2, 2, 2), "DEPTHWISE_CONV_2D", 5, 2, Q.zero_points[0]),
        ((1, 6, 6, 2), spatial(1, 1, 1, 1), "MAX_POOL_2D", 3, 1, -128),
    ],
)
@pytest.mark.every(3)
def test_what_same_padding_does_needs_no_operator(
    shape: tuple[int, ...], around: Any, name: str, kernel: int, stride: int, value: int | None
) -> None:
    """Odd and even sizes, strides, a value that counts for nothing."""
    if name == "DEPTHWISE_CONV_2D":
        around = spatial(1, 2, 1, 2)
    changed = tidied(padded(shape, around, name, kernel, stride, value), name)
    assert changed.operators[0].options["padding"] == "SAME"


@pytest.mark.parametrize(
    ("shape", "around", "name", "kernel", "stride", "value"),
    [
        # begins a row earlier than SAME
        ((1, 6, 6, 3), spatial(1, 1, 1, 1), "CONV_2D", 3, 2, None),
        # another number of rows
        ((1, 6, 6, 3), spatial(1, 2, 1, 1), "CONV_2D", 3, 1, None),
        ((1, 6, 6, 3), spatial(0, 1, 0, 0), "CONV_2D", 3, 1, None),
        # a value that counts, channels that are no input's, a batch
        ((1, 6, 6, 3), spatial(1, 1, 1, 1), "CONV_2D", 3, 1, 9),
        ((1, 6, 6, 3), [[0, 0], [1, 1], [1, 1], [0, 1]], "CONV_2D", 3, 1, None),
        ((1, 6, 6, 3), [[1, 0], [1, 1], [1, 1], [0, 0]], "CONV_2D", 3, 1, None),
        # a maximum sees the zero point
        ((1, 6, 6, 2), spatial(1, 1, 1, 1), "MAX_POOL_2D", 3, 1, None),
    ],
)
def test_other_padding_stays(
    shape: tuple[int, ...], around: Any, name: str, kernel: int, stride: int, value: int | None
) -> None:
    """No `.tflite` says it in another way."""
    graph = padded(shape, around, name, kernel, stride, value)
    assert tidy(graph).graph is graph


@pytest.mark.parametrize(
    ("around", "kernel", "stride", "wanted"),
    [
        (spatial(1, 1, 1, 1), 3, 2, ((1, 1), (1, 1))),
        (spatial(2, 0, 0, 1), 3, 1, ((2, 0), (0, 1))),
        (spatial(1, 1, 1, 1), 3, 1, None),  # as SAME has it
        (spatial(3, 0, 0, 0), 3, 1, "PAD"),  # the first window sees nothing else
        ([[0, 0], [1, 1], [1, 1], [0, 1]], 3, 2, "PAD"),
    ],
)
def test_padding_beyond_what_files_say_is_an_option(around: Any, kernel: int, stride: int, wanted: Any) -> None:
    """Of the graph in memory, for kernels that pad as they like."""
    graph = padded((1, 6, 6, 3), around, "CONV_2D", kernel, stride)
    first, *others = fold_any_padding(graph).operators
    if wanted == "PAD":
        assert (first, *others) == graph.operators
    else:
        assert first.name == "CONV_2D" and first.options.get("around") == wanted and not others
        assert window(graph, first).before == (around[1][0], around[2][0])


def test_padding_that_others_read_stays_for_them() -> None:
    """The convolution pads by itself all the same."""
    graph = padded((1, 6, 5, 3), spatial(1, 1, 1, 1), "CONV_2D", 3, 1)
    changed = tidied(replace(graph, outputs=(*graph.outputs, graph.operators[0].outputs[0])), "PAD", "CONV_2D")
    assert changed.operators[1].inputs[0] == changed.inputs[0]


FIRST, LAST = [0, 3, 1, 2], [0, 2, 3, 1]  # channels first, and last again


def test_transposes_that_are_undone_go() -> None:
    """Element by element, joined, padded, averaged: in the other order all the same."""
    net = Net(1, 5, 4, 3)
    left = net.operator("TRANSPOSE", net.input, net.constant(FIRST, "int32"))
    left = net.operator("LEAKY_RELU", left, alpha=0.2)
    right = net.operator("TRANSPOSE", net.input, net.constant(FIRST, "int32"))
    right = net.operator("QUANTIZE", net.operator("TANH", right, q=SIGNED_UNIT_RANGE))
    both = net.operator("CONCATENATION", net.operator("ADD", left, right), left, axis=1)
    wide = net.operator("PAD", both, net.constant([[0, 0], [1, 0], [2, 1], [0, 3]], "int32"))
    scaled = net.operator("MUL", wide, net.constant(3, "int8", Q))
    back = net.operator("TRANSPOSE", scaled, net.constant(LAST, "int32"))
    graph = net.graph(net.operator("RELU", back))
    names = ["LEAKY_RELU", "TANH", "QUANTIZE", "ADD", "CONCATENATION", "PAD", "MUL", "RELU"]
    changed = tidied(graph, *names)
    assert changed.tensors[changed.operators[-1].inputs[0]].shape == (1, 8, 7, 7)
    assert {entry["name"] for entry in tidy(graph).record()["operators"]} == {"TRANSPOSE"}


@pytest.mark.parametrize("keep_dims", [True, False])
def test_means_of_another_order(keep_dims: bool) -> None:
    """The sums are the same; where axes are kept, they are put in order behind."""
    net = Net(2, 5, 4, 3)
    turned = net.operator("TRANSPOSE", net.input, net.constant(FIRST, "int32"))
    made = net.operator("MEAN", turned, net.constant([2, -1], "int32"), keep_dims=keep_dims)
    tidied(net.graph(net.operator("RELU", made)), "MEAN", "RELU", *["RESHAPE"] * keep_dims)


def test_means_one_after_the_other() -> None:
    """What is left of the axes has an order, too."""
    net = Net(2, 5, 4, 3)
    turned = net.operator("TRANSPOSE", net.input, net.constant(FIRST, "int32"))
    first = net.operator("MEAN", turned, net.constant([3], "int32"))
    tidied(net.graph(net.operator("MEAN", first, net.constant([2], "int32"))), "MEAN", "MEAN")


def test_other_transposes_stay() -> None:
    """Where somebody wants the order, it is made once, in front of the first; where nothing is won, nothing changes."""
    net = Net(1, 5, 4, 3)
    turned = net.operator("TRANSPOSE", net.input, net.constant(FIRST, "int32"))
    graph = net.graph(net.operator("RELU", turned))
    assert tidy(graph).graph is graph
    net = Net(1, 5, 4, 3)
    turned = net.operator("TRANSPOSE", net.input, net.constant(FIRST, "int32"))
    softmax = net.operator("SOFTMAX", turned, q=UNIT_RANGE)
    back = net.operator("TRANSPOSE", net.operator("RELU", turned), net.constant(LAST, "int32"))
    tidied(net.graph(softmax, net.operator("RELU", back)), "TRANSPOSE", "SOFTMAX", "RELU", "RELU")
    # axes of one element only
    net = Net(1, 5, 1, 3)
    turned = net.operator("TRANSPOSE", net.input, net.constant([2, 1, 0, 3], "int32"))
    tidied(net.graph(net.operator("SOFTMAX", turned, q=UNIT_RANGE)), "SOFTMAX")


def test_what_nobody_reads_goes_but_for_effects() -> None:
    """A dead operator goes, one that changes a variable stays."""
    net = Net(1, 4)
    net.operator("LOGISTIC", net.input, q=None)  # type: ignore[arg-type]
    graph = net.graph(net.operator("RELU", net.input))
    tidied(graph, "RELU")
    state = Tensor(len(graph.tensors), "state", (1, 4), "int8", Q, is_variable=True)
    spare = replace(state, index=state.index + 1, name="spare", is_variable=False)
    kept = Operator(9, "custom keep", 1, (0, state.index), (spare.index,))
    graph = replace(graph, tensors=(*graph.tensors, state, spare), operators=(*graph.operators, kept))
    assert [operator.name for operator in tidy(graph).graph.operators] == ["RELU", "custom keep"]


def grouped(inputs: int, outputs: int, groups: int, per_channel: bool = True) -> Graph:
    """A convolution in groups."""
    net, random = Net(2, 5, 5, inputs), np.random.default_rng(groups)
    count = outputs if per_channel else 1
    scheme = Quantisation(tuple(random.uniform(0.01, 0.03, count).astype(np.float32).tolist()), (0,) * count, 0)
    weights = net.constant(random.integers(-127, 128, (outputs, 3, 3, inputs // groups)), "int8", scheme)
    bias = net.constant(random.integers(-999, 999, outputs), "int32", scheme)
    return net.graph(net.operator("CONV_2D", net.input, weights, bias, stride=(2, 2), activation="RELU"))


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize(
    ("sizes", "names"),
    [
        ((8, 6, 2), ["SPLIT", "CONV_2D", "CONV_2D", "CONCATENATION"]),
        ((4, 8, 4), ["DEPTHWISE_CONV_2D"]),
        ((3, 3, 3), ["DEPTHWISE_CONV_2D"]),
        ((3, 6, 1), ["CONV_2D"]),
    ],
)
@pytest.mark.every(3)
def test_groups_are_operators_of_their_own(sizes: tuple[int, int, int], names: list[str], per_channel: bool) -> None:
    """Each reads its channels; scales of channels go with them. TFLM and LiteRT compute grouped ones, too."""
    graph = grouped(*sizes, per_channel)
    tidied(graph, *names)
    changed = tidy(graph).record()["changed"]
    assert [entry["name"] for entry in changed] == ["CONV_2D"] * (sizes[2] > 1)


def test_lists_of_int64_become_int32() -> None:
    """Where all numbers fit; LiteRT takes them, TFLM and other backends don't."""
    net = Net(1, 4)
    graph = net.graph(net.operator("PAD", net.input, net.constant([[0, 1], [2, 0]], "int64")))
    changed = tidy(graph).graph
    assert constant_values(changed.tensors[changed.operators[0].inputs[1]]).tolist() == [[0, 1], [2, 0]]
    samples = reference.make_inputs(graph, 2, 1)
    before, after = litert(write(graph), graph, samples), tflm(write(changed), changed, samples)
    assert reference.largest_difference(before, after) == 0
    net = Net(1, 4)
    ends = [net.constant(numbers, "int64") for numbers in ([0, 1], [1, 2**31], [1, 1])]
    changed = tidy(net.graph(net.operator("STRIDED_SLICE", net.input, *ends))).graph
    assert [changed.tensors[index].dtype for index in changed.operators[0].inputs[1:]] == ["int32", "int64", "int32"]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        *((name, "plain") for name in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")),
        *(("CONV_2D", what) for what in ("zero point", "negative scale", "groups", "int16")),
    ],
)
def test_weights_of_int4_become_int8_where_they_must(name: str, what: str) -> None:
    """An odd number of them, each sign: where they are changed, or TFLM has no such kernels, and nowhere else."""
    channels = 3 if name != "DEPTHWISE_CONV_2D" else 15
    numbers = np.random.default_rng(2).integers(-7, 8, 15)
    net = Net(*((1, 5) if name == "FULLY_CONNECTED" else (1, 4, 4, 5 if name == "CONV_2D" else 15)))
    if what == "groups":
        net = Net(1, 4, 4, 15)
    if what == "int16":
        net.tensors[0] = replace(net.tensors[0], dtype="int16", quantisation=Quantisation((0.01,), (0,)))
    shape = {"FULLY_CONNECTED": (3, 5), "CONV_2D": (3, 1, 1, 5), "DEPTHWISE_CONV_2D": (1, 1, 1, 15)}[name]
    scheme = Quantisation((-0.2 if what == "negative scale" else 0.2,), (2 if what == "zero point" else 0,))
    weights = net.constant(numbers.reshape(shape), "int4", scheme)
    bias = net.constant([5] * channels, "int64" if what == "int16" else "int32", Quantisation((0.01,), (0,)))
    graph = net.graph(net.operator(name, net.input, weights, bias, shape=(1, 4, 4, 3) if what == "groups" else None))
    if what == "plain":
        assert tidy(graph).graph is graph
        return
    found = [tensor for tensor in tidy(graph).graph.tensors if tensor.is_constant and len(tensor.shape) == 4]
    assert {tensor.dtype for tensor in found} == {"int8"}
    values = np.concatenate([constant_values(tensor).reshape(-1) for tensor in found])
    assert values.tolist() == (numbers * (-1 if what == "negative scale" else 1)).tolist()


def test_zero_points_of_weights_go() -> None:
    """A dense layer subtracts them, where int8 has room; a convolution of int8 doesn't look at them."""
    for values_of, name, expected in (
        ([[-100, 0, 100]], "FULLY_CONNECTED", [[-107, -7, 93]]),
        ([[-128, 0, 100]], "FULLY_CONNECTED", None),
        ([[[[-128, 0, 100]]]], "CONV_2D", [[[[-128, 0, 100]]]]),
    ):
        net = Net(*(1,) * (np.ndim(values_of) - 1), 3)
        weights = net.constant(values_of, "int8", Quantisation((0.02,), (7,)))
        graph = net.graph(net.operator(name, net.input, weights, net.constant([9], "int32")))
        changed = tidied(graph, name, runs=(tflm,))  # LiteRT refuses such convolutions
        tensor = changed.tensors[changed.operators[0].inputs[1]]
        assert (changed is graph) == (expected is None)
        if expected is not None:
            assert tensor.quantisation == Quantisation(graph.tensors[weights].quantisation.scales, (0,))  # type: ignore[union-attr]
            assert constant_values(tensor).tolist() == expected


def test_negative_scales_become_positive() -> None:
    """Weights and bias of their channels are negated, but where int8 has no room."""
    for least, is_turned in ((-127, True), (-128, False)):
        net = Net(1, 3, 4, 2)
        drawn = np.random.default_rng(1).integers(-127, 128, (3, 2, 2, 2))
        drawn[1, 0, 0, 0] = least
        weights = net.constant(drawn, "int8", Quantisation((0.02, -0.03, -0.001), (0, 0, 0)))
        bias = net.constant([100, 200, -300], "int32", Quantisation((0.001, -0.0015, -0.00005), (0, 0, 0)))
        graph = net.graph(net.operator("CONV_2D", net.input, weights, bias, padding="VALID"))
        changed = tidied(graph, "CONV_2D", runs=(tflm,))
        made = changed.tensors[changed.operators[0].inputs[1]]
        assert made.quantisation is not None
        assert (min(made.quantisation.scales) > 0) == is_turned
        if is_turned:
            assert (constant_values(made) == drawn * np.array([1, -1, -1]).reshape(3, 1, 1, 1)).all()


F, I = "float32", "int32"  # noqa: E741


@pytest.mark.parametrize(
    ("name", "operands", "options"),
    [
        *(
            (name, [(F, (3, 4)), (F, (4,))], {})
            for name in ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "FLOOR_DIV")
        ),
        *((name, [(F, (3, 4)), (F, (4,))], {"activation": "RELU6"}) for name in ("ADD", "SUB", "MUL")),
        *((name, [(I, (3, 4)), (I, (1, 4))], {}) for name in ("ADD", "SUB", "MUL", "DIV", "FLOOR_DIV", "FLOOR_MOD")),
        *((name, [(F, (2, 5)), (F, (2, 5))], {}) for name in ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER")),
        ("GREATER_EQUAL", [(I, (7,)), (I, (7,))], {}),
        *((name, [("bool", (8,)), ("bool", (8,))], {}) for name in ("LOGICAL_AND", "LOGICAL_OR")),
        ("LOGICAL_NOT", [("bool", (8,))], {}),
        ("SELECT_V2", [("bool", (8,)), (F, (8,)), (F, (8,))], {}),
        *((name, [(F, (4, 3))], {}) for name in ("NEG", "ABS", "SQUARE", "SQRT", "ZEROS_LIKE")),
        ("CAST", [(F, (9,)), "int32"], {}),
        ("CAST", [(I, (9,)), "float32"], {}),
        ("CAST", [(I, (9,)), "int8"], {}),
        ("DEQUANTIZE", [("int8", (3, 5)), "float32"], {}),
        ("DEQUANTIZE", [("int16", (3, 5)), "float32"], {}),
        ("CONCATENATION", [(F, (2, 3)), (F, (2, 1))], {"axis": -1}),
        ("PACK", [(F, (2, 3)), (F, (2, 3))], {"axis": 1, "values_count": 2}),
        ("TRANSPOSE", [(F, (2, 3, 4)), [2, 0, 1]], {}),
        ("SLICE", [(I, (4, 5)), [1, 0], [2, -1]], {}),
        ("STRIDED_SLICE", [(F, (4, 5)), [3, 0], [0, 5], [-2, 2]], {}),
        ("GATHER", [(F, (4, 5)), [3, 0, 0]], {"axis": 1}),
        ("TILE", [(F, (2, 3)), [2, 2]], {}),
        ("BROADCAST_TO", [(F, (1, 3)), [2, 4, 3]], {}),
        ("REVERSE_V2", [(F, (3, 4)), [1]], {}),
        *((name, [(F, (3, 4)), [0]], {}) for name in ("REDUCE_MAX", "REDUCE_MIN")),
        ("REDUCE_PROD", [(I, (3, 4)), [1]], {"keep_dims": True}),
        ("RESHAPE", [(F, (3, 4)), [6, 2]], {"new_shape": ()}),
        ("SHAPE", [(F, (3, 4)), "int32"], {}),
        ("RANK", [(F, (3, 4)), "int32"], {}),
    ],
)
@pytest.mark.every(3)
def test_constants_are_what_kernels_compute(name: str, operands: list[Any], options: dict[str, Any]) -> None:
    """Every rule against LiteRT: the same operator of activations, and of constants that have their values."""
    builder, random, inputs = GraphBuilder(), np.random.default_rng(5), []
    sample = []
    result = next((entry for entry in operands if isinstance(entry, str)), None)
    for entry in operands:
        if isinstance(entry, tuple):
            dtype, shape = entry
            scheme = Q if dtype == "int8" else Quantisation((0.003,), (0,)) if dtype == "int16" else None
            inputs.append(builder.tensor(f"in{len(inputs)}", shape, scheme, dtype))
            builder.inputs.append(inputs[-1])
            numbers = random.integers(0, 2, shape) if dtype == "bool" else random.integers(1, 60, shape) * 0.37 + 0.5
            signs = 1 if dtype == "bool" or name == "SQRT" else random.choice([-1, 1], shape)
            sample.append((numbers * signs).astype(dtype))
        elif isinstance(entry, list):
            inputs.append(builder.constant(f"list{len(inputs)}", entry, "int32"))
    found = describe(name)
    rule = found.shape
    tensors = [builder.tensors[index] for index in inputs]
    shape = (6, 2) if name == "RESHAPE" else rule(tensors, {**found.default_options, **options}) if rule else ()
    is_truth = name.split("_")[0] in ("EQUAL", "NOT", "LESS", "GREATER", "LOGICAL")
    first = tensors[-1] if name == "SELECT_V2" else tensors[0]
    output = builder.tensor("out", shape or (), None, result or ("bool" if is_truth else first.dtype))
    if name == "CAST":
        options = {"in_data_type": first.dtype.upper(), "out_data_type": str(result).upper()}
    builder.operator(name, inputs, output, **options)
    graph = read(write(builder.graph([output], name)))
    ((expected,),) = litert(write(graph), graph, [tuple(sample)])
    constants = list(graph.tensors)
    for index, array in zip(graph.inputs, sample, strict=True):
        constants[index] = replace(constants[index], data=array.tobytes())
    made = computed(replace(graph, tensors=tuple(constants)), graph.operators[0])
    assert made == [expected.tobytes()]


def test_what_can_t_be_written_stays() -> None:
    """An operator whose options nobody knows is for the backends to refuse."""
    graph = read(SMALL["padded"])
    strange = Operator(2, "BITCAST", 1, graph.outputs, (len(graph.tensors),), {"table": "BitcastOptions"})
    tensors = (*graph.tensors, replace(graph.tensors[graph.outputs[0]], index=len(graph.tensors), name="strange"))
    whole = replace(graph, tensors=tensors, operators=(*graph.operators, strange), outputs=strange.outputs)
    assert tidy(whole).graph is whole and tidy(graph).has_effect


def test_zero_points_that_no_uint8_is_stay() -> None:
    """128 less, one may be what no file may hold."""
    net = GraphBuilder()
    odd = Quantisation((0.5,), (-32768,))
    net.inputs.append(net.tensor("in", (1, 4), odd, "uint8"))
    graph = net.graph([net.operator("RELU", (0,), net.tensor("out", (1, 4), odd, "uint8"))], "odd")
    assert tidy(graph).graph is graph


def test_something_is_left() -> None:
    """A network whose output is its input has an operator that nobody reads, and would be none without it."""
    net = Net(1, 4)
    net.operator("RELU", net.input)
    graph = net.graph(net.input)
    assert tidy(graph).graph is graph


def _small_networks() -> dict[str, bytes]:
    """One of each kind that tidying changes."""
    half = GraphBuilder()
    half.inputs.append(half.tensor("in", (1, 3), None, "float32"))
    narrow = half.constant("half", np.ones((2, 3)), "float16")
    wide = half.operator("DEQUANTIZE", (narrow,), half.tensor("wide", (2, 3), None, "float32"))
    dense = half.operator("FULLY_CONNECTED", (0, wide, -1), half.tensor("out", (1, 2), None, "float32"))
    legacy = GraphBuilder()
    legacy.inputs.append(legacy.tensor("in", (1, 6, 6, 2), Q, "uint8"))
    made = legacy.tensor("out", (1, 3, 3, 2), Q, "uint8")
    legacy.operator("AVERAGE_POOL_2D", (0,), made, filter=(2, 2), stride=(2, 2), padding="VALID")
    graphs = {
        "grouped": grouped(8, 6, 2),
        "padded": padded((1, 6, 5, 3), spatial(1, 1, 1, 1), "CONV_2D", 3, 1),
        "half": half.graph([dense], "half"),
        "legacy": legacy.graph([made], "legacy"),
    }
    return {name: write(graph) for name, graph in graphs.items()}


SMALL = _small_networks()


@examples(150)
@given(data=st.data())
def test_damaged_networks_are_refused_or_tidied(data: st.DataObject) -> None:
    """Bytes flipped anywhere: one ModelError, or a tidied graph that can be written and read again."""
    content = bytearray(SMALL[data.draw(st.sampled_from(sorted(SMALL)))])
    places = st.integers(0, len(content) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=3)):
        content[place] = value
    try:
        graph = read(bytes(content))
        changed = tidy(graph)
        again = read(write(changed.graph)) if changed.has_effect else graph
    except ModelError as error:
        assert error.what and error.hint
    else:
        assert [again.tensors[i].shape for i in again.outputs] == [graph.tensors[i].shape for i in graph.outputs]
        assert changed.record()["after"]["operators"] == len(again.operators)
