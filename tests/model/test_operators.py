"""What an operator reads and writes is checked where a file is read, so that nothing behind the reader has to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from operator_cases import CASES
from small_networks import Net

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.operators import DESCRIPTIONS, check_operator, describe
from tinyflow.model.operators.description import ANY
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write


def _options(name: str) -> dict[str, Any]:
    return {option.name: option.default for option in describe(name).options}


def _refusal(name: str, inputs: tuple[int, ...], outputs: int = 1) -> str:
    """What the reader says of one operator that reads these of 8 tensors and writes so many of 4 more."""
    tensors = tuple(Tensor(i, f"t{i}", (1, 4), "int8") for i in range(12))
    operator = Operator(0, name, 1, inputs, tuple(range(8, 8 + outputs)), _options(name))
    last = Operator(1, "RELU", 1, (0,), (11,))
    with pytest.raises(ModelError) as caught:
        read(write(Graph(tensors, (operator, last), tuple(range(8)), (11,))), "odd.tflite")
    assert caught.value.where == "odd.tflite" and caught.value.hint
    return caught.value.what


@pytest.mark.parametrize("name", sorted(DESCRIPTIONS))
@pytest.mark.every(5)
def test_too_few_and_too_many_tensors_are_refused(name: str) -> None:
    """Of each operator that TFLM knows: the operator is named, and how many it reads."""
    (least, most), outputs, is_active = describe(name).inputs, describe(name).outputs, describe(name).is_active
    here = f"operator 0 ({name})"
    gaps = range(least)
    lacking = [tuple(-1 if i == gap else i for i in range(least)) for gap in gaps] + [tuple(range(least - 1))] * (
        least > 0
    )
    for inputs in lacking:
        assert _refusal(name, inputs).startswith(f"{here} lacks an input: it reads ")
    if most < ANY:
        assert _refusal(name, tuple(i % 8 for i in range(most + 1))).startswith(f"{here} reads {most + 1} tensors")
    else:
        assert _refusal(name, (0, -1, 1)) == f"{here} lacks an input"
    if not is_active:
        assert _refusal(name, tuple(range(least)), outputs=0) == f"{here} has no output"
    if outputs <= 1:
        assert _refusal(name, tuple(range(least)), outputs=2) == f"{here} writes 2 tensors, not {outputs}"


def test_no_operator_computes_with_nothing() -> None:
    """Lists of numbers may be empty, what is computed with not."""
    tensors = (
        Tensor(0, "in", (1, 4), "int8"),
        Tensor(1, "none", (8, 0), "int8", None, b""),
        Tensor(2, "out", (1, 8), "int8"),
    )
    dense = Operator(0, "FULLY_CONNECTED", 1, (0, 1), (2,), _options("FULLY_CONNECTED"))
    with pytest.raises(ModelError, match=r"operator 0 \(FULLY_CONNECTED\) reads none, which has no elements"):
        read(write(Graph(tensors, (dense,), (0,), (2,))))


@pytest.mark.parametrize("name", ["SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION"])
def test_rows_have_an_axis(name: str) -> None:
    """A single value is no row."""
    tensors = tuple(Tensor(i, f"t{i}", (), "int8") for i in range(2))
    with pytest.raises(ModelError, match=f"{name}. reads a single value, not rows"):
        read(write(Graph(tensors, (Operator(0, name, 1, (0,), (1,), _options(name)),), (0,), (1,))))


def _misfit(name: str, lists: list[Any], shape: tuple[int, ...], **options: Any) -> tuple[Net, int]:
    net = Net(1, 4, 6, 3)
    constants = [net.constant(values, "int32") for values in lists]
    inputs = (*constants, net.input) if name == "SPLIT" else (net.input, *constants)
    return net, net.operator(name, *inputs, shape=shape, **options)


@pytest.mark.parametrize(
    ("name", "lists", "shape", "options", "what"),
    [
        ("TRANSPOSE", [[0, 2, 1]], (1, 6, 4, 3), {}, "permutes 4 dimensions by [0, 2, 1]"),
        ("TRANSPOSE", [[0, 2, 2, 3]], (1, 6, 4, 3), {}, "permutes 4 dimensions by [0, 2, 2, 3]"),
        ("TRANSPOSE", [[0, 2, 9, 3]], (1, 6, 4, 3), {}, "names axis 9 of a tensor of 4 dimensions"),
        ("TRANSPOSE", [[0, 2, 1, 3]], (1, 4, 6, 3), {}, "computes [1, 6, 4, 3], its output tensor is [1, 4, 6, 3]"),
        ("PAD", [[[0, 0], [1, 1]]], (1, 6, 6, 3), {}, "pads [1, 4, 6, 3] by [2, 2] numbers, of which none"),
        ("PAD", [[[0, 0], [2, -1], [0, 0], [0, 0]]], (1, 5, 6, 3), {}, "pads [1, 4, 6, 3] by [4, 2] numbers"),
        ("PAD", [[[0, 0], [2**30] * 2, [0, 0], [0, 0]]], (1, 5, 6, 3), {}, "computes [1, 2147483652, 6, 3]"),
        ("SLICE", [[0, 3, 0, 0], [1, 2, 6, 3]], (1, 2, 6, 3), {}, "slices [1, 4, 6, 3] from [0, 3, 0, 0] on"),
        ("SLICE", [[0, 0], [1, 1]], (1, 1, 6, 3), {}, "slices [1, 4, 6, 3] from [0, 0] on"),
        ("STRIDED_SLICE", [[0, 0], [1, 4], [1, 0]], (1, 4, 6, 3), {}, "slices [1, 4, 6, 3] from [0, 0] to [1, 4]"),
        ("STRIDED_SLICE", [[0, 4], [1, 9], [1, 1]], (1, 4, 6, 3), {}, "computes [1, 0, 6, 3], its output tensor is"),
        ("STRIDED_SLICE", [[0, 4], [1, 9], [1, 1]], (1, 6, 3), {"shrink_axis_mask": 2}, "takes element 4 of 4"),
        ("SPLIT", [[4]], (1, 4, 6, 3), {}, "names axis 4 of a tensor of 4 dimensions"),
        ("SPLIT", [[1]], (1, 2, 6, 3), {}, "splits [1, 4, 6, 3] into [1, 2, 6, 3]"),
        ("SPLIT_V", [[2], [1]], (1, 2, 6, 3), {}, "splits [1, 4, 6, 3] by [2] into [1, 2, 6, 3]"),
        ("SPLIT_V", [[3], [1]], (1, 4, 6, 3), {}, "splits [1, 4, 6, 3] by [3] into [1, 4, 6, 3]"),
        ("PACK", [], (1, 4, 6, 3), {"values_count": 1}, "computes [1, 1, 4, 6, 3], its output tensor is"),
        ("PACK", [], (2, 1, 4, 6, 3), {"values_count": 2}, "packs [1, 4, 6, 3], and not 2 of one shape"),
        ("UNPACK", [], (4, 6, 3), {"axis": 1, "num": 1}, "unpacks [1, 4, 6, 3] into [4, 6, 3]"),
        ("CONCATENATION", [], (1, 8, 6, 3), {"axis": 1}, "computes [1, 4, 6, 3], its output tensor is"),
        ("CONCATENATION", [], (1, 4, 6, 3), {"axis": -5}, "names axis -5 of a tensor of 4 dimensions"),
        ("MEAN", [[1, 2]], (1, 4), {}, "computes [1, 3], its output tensor is [1, 4]"),
        ("MEAN", [[7]], (1, 3), {}, "names axis 7 of a tensor of 4 dimensions"),
        ("ARG_MAX", [[1, 2]], (1, 6, 3), {}, "names 2 axes, not one"),
        ("CUMSUM", [[4]], (1, 4, 6, 3), {}, "names axis 4 of a tensor of 4 dimensions"),
        ("MIRROR_PAD", [[[0, 0], [4, 0], [0, 0], [0, 0]]], (1, 8, 6, 3), {}, "mirrors [1, 4, 6, 3] by [0, 0, 4, 0"),
        ("TILE", [[1, 2]], (1, 8, 6, 3), {}, "repeats [1, 4, 6, 3] [1, 2] times"),
        ("BROADCAST_TO", [[2, 4, 6, 1]], (2, 4, 6, 1), {}, "repeats [1, 4, 6, 3] to [2, 4, 6, 1]"),
        ("GATHER", [[1, 2]], (1, 2, 6, 3), {}, "computes [2, 4, 6, 3], its output tensor is [1, 2, 6, 3]"),
        ("GATHER_ND", [[[0, 1, 2, 2, 0]]], (1,), {}, "gathers from [1, 4, 6, 3] by [1, 5]"),
        ("SPACE_TO_BATCH_ND", [[3, 2], [[0, 0], [0, 0]]], (6, 1, 3, 3), {}, "makes blocks of [3, 2] of [1, 4, 6, 3]"),
        ("BATCH_TO_SPACE_ND", [[2, 2], [[0, 0], [0, 0]]], (1, 8, 12, 3), {}, "spreads 1 over blocks of [2, 2]"),
        ("DEPTH_TO_SPACE", [], (1, 8, 9, 1), {"block_size": 2}, "spreads the depth of [1, 4, 6, 3] over blocks of 2"),
        ("SPACE_TO_DEPTH", [], (1, 1, 2, 36), {"block_size": 4}, "puts blocks of 4 of [1, 4, 6, 3] into the depth"),
        ("EXPAND_DIMS", [[5]], (1, 4, 6, 3), {}, "names axis 5 of a tensor of 5 dimensions"),
        ("REVERSE_V2", [[4]], (1, 4, 6, 3), {}, "names axis 4 of a tensor of 4 dimensions"),
        ("REVERSE_V2", [[1, -3]], (1, 4, 6, 3), {}, "reverses an axis of [1, 1] twice"),
        ("RESIZE_NEAREST_NEIGHBOR", [[8]], (1, 8, 6, 3), {}, "resizes to 1 sizes, not height and width"),
        ("RESIZE_NEAREST_NEIGHBOR", [[8, 8]], (1, 8, 6, 3), {}, "computes [1, 8, 8, 3], its output tensor is"),
    ],
)
def test_constants_must_give_the_outputs_shape(
    name: str, lists: list[Any], shape: tuple[int, ...], options: dict[str, Any], what: str
) -> None:
    """Permutations, paddings, slices, axes and sizes that don't fit the shapes are told with the operator."""
    net, output = _misfit(name, lists, shape, **options)
    with pytest.raises(ModelError) as caught:
        net.graph(output)
    assert caught.value.what.startswith(f"operator 0 ({name}) {what}")


def test_tensors_of_other_ranks_do_not_lie_side_by_side() -> None:
    """One that ends before the axis isn't taken for one that fits."""
    net = Net(1, 4)
    flat = net.operator("RESHAPE", net.input, net.constant([4], "int32"), shape=(4,))
    column = net.operator("RESHAPE", net.input, net.constant([4, 1], "int32"), shape=(4, 1))
    for parts, axis in (((column, flat), 1), ((flat, column), 0)):
        made = net.operator("CONCATENATION", *parts, shape=(4, 2), axis=axis)
        with pytest.raises(ModelError, match=r"\(CONCATENATION\) puts "):
            net.graph(made)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"stride": (0, 2)}, "has a stride of (0, 2), which is not a pair of positive numbers"),
        ({"stride": (2, 2)}, "writes [1, 5, 4, 3] of [1, 5, 4, 6]"),
    ],
)
def test_computed_shapes_leave_nothing_unchecked(changed: dict[str, Any], what: str) -> None:
    """Of a transposed convolution: its output's tensor says what the input and options must fit."""
    (case,) = [case for case in CASES if str(case) == "TRANSPOSE_CONV int8 no bias"]
    graph = case.graph()
    computed = tuple(replace(tensor, data=None) if tensor.index == 0 else tensor for tensor in graph.tensors)
    changes = replace(graph.operators[0], options={**graph.operators[0].options, **changed})
    check_operator(replace(graph, tensors=computed), graph.operators[0])
    with pytest.raises(ModelError) as caught:
        check_operator(replace(graph, tensors=computed), changes)
    assert caught.value.what == what


@pytest.mark.parametrize("name", ["SHAPE", "RANK"])
def test_shapes_are_told_in_integers(name: str) -> None:
    """Of 32 or 64 bits, in whatever type the file has its output."""
    net = Net(1, 4)
    shape = () if name == "RANK" else (2,)
    output = net.operator(name, net.input, shape=shape)
    with pytest.raises(ModelError, match=rf"\({name}\) tells a shape in int8, not in int32 or int64"):
        net.graph(output)
    net.tensors[output] = replace(net.tensors[output], dtype="int64", quantisation=None)
    assert net.graph(output).operators[0].name == name


def test_numbers_of_another_type_are_refused() -> None:
    """A permutation in int8 isn't read as one of int32."""
    net, output = _misfit("TRANSPOSE", [[0, 2, 1, 3]], (1, 6, 4, 3))
    order = net.operators[0].inputs[1]
    net.tensors[order] = replace(net.tensors[order], dtype="int8", data=b"\0\2\1\3")
    with pytest.raises(ModelError, match=r"\(TRANSPOSE\) takes int32 numbers from c1, which is int8"):
        net.graph(output)


@pytest.mark.parametrize(
    ("name", "lists", "shape", "options"),
    [
        ("TRANSPOSE", [[0, 3, 1, 2]], (1, 3, 4, 6), {}),
        ("PAD", [[[0, 0], [1, 2], [0, 0], [0, 1]]], (1, 7, 6, 4), {}),
        ("SLICE", [[0, 1, 0, 0], [1, 2, -1, 3]], (1, 2, 6, 3), {}),
        ("STRIDED_SLICE", [[0, 1, -1], [1, 4, 9], [1, 2, 1]], (1, 2, 3), {"shrink_axis_mask": 4}),
        ("STRIDED_SLICE", [[0, 3], [1, 0], [1, -1]], (1, 4, 6, 3), {"end_mask": 2}),
        ("MEAN", [[1, -1]], (1, 6), {}),
        ("MEAN", [[1, -1]], (1, 1, 6, 1), {"keep_dims": True}),
        ("RESIZE_NEAREST_NEIGHBOR", [[8, 9]], (1, 8, 9, 3), {}),
        ("CONCATENATION", [], (1, 4, 6, 3), {"axis": -1}),
        ("ARG_MAX", [[-1]], (1, 4, 6), {}),
        ("MIRROR_PAD", [[[0, 0], [3, 1], [0, 0], [2, 2]]], (1, 8, 6, 7), {}),
        ("MIRROR_PAD", [[[0, 0], [4, 1], [0, 0], [3, 2]]], (1, 9, 6, 8), {"mode": "SYMMETRIC"}),
        ("TILE", [[2, 1, 1, 3]], (2, 4, 6, 9), {}),
        ("BROADCAST_TO", [[5, 2, 4, 6, 3]], (5, 2, 4, 6, 3), {}),
        ("GATHER", [[[1, 2, 2, 0, 3]]], (1, 1, 5, 6, 3), {"axis": 1}),
        ("GATHER", [[[1, 2, 2, 0, 3]]], (1, 5, 6, 3), {"axis": 1, "batch_dims": 1}),
        ("GATHER_ND", [[[0, 1], [0, 3]]], (2, 6, 3), {}),
        ("SPACE_TO_BATCH_ND", [[3, 2], [[1, 1], [0, 0]]], (6, 2, 3, 3), {}),
        ("BATCH_TO_SPACE_ND", [[1, 1], [[1, 0], [2, 3]]], (1, 3, 1, 3), {}),
        ("SPACE_TO_DEPTH", [], (1, 2, 3, 12), {"block_size": 2}),
        ("EXPAND_DIMS", [[-1]], (1, 4, 6, 3, 1), {}),
    ],
)
def test_shapes_follow_from_constants(
    name: str, lists: list[Any], shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    """Who builds a network need not say them, and what is read again has them."""
    net = Net(1, 4, 6, 3)
    made = net.operator(name, net.input, *(net.constant(numbers, "int32") for numbers in lists), **options)
    assert net.graph(made).tensors[made].shape == shape
