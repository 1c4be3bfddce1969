"""Single operators through the interpreter tinyi: TFLM's bytes, and refusals where they belong."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from small_networks import Net, Q, ports_of_uint8
from test_tinyc_operators import CASES
from tests_support import examples
from tinyi_host import ARENA_TOO_SMALL, OK, UNSUPPORTED, Interpreter, assert_exact

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.graph_check import check_sound
from tinyflow.model.tflite_writer import write

pytestmark = pytest.mark.slow

Build = Callable[[Net], int]


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    """With the kernels in portable C."""
    return Interpreter.load("c")


def _padv2(net: Net) -> int:
    paddings = net.constant([[0, 0], [1, 2], [0, 0], [1, 0]], "int32")
    value = net.constant(-77, "int8", Q)
    return net.operator("PADV2", net.input, paddings, value, shape=(1, 8, 4, 7))


def _split_in(count: int, axis: int) -> Build:
    def build(net: Net) -> int:
        shape = [1, 5, 4, 6]
        shape[axis] //= count
        where = net.constant(axis - 4, "int32")
        outputs = [net.operator("SPLIT", where, net.input, shape=tuple(shape), num_splits=count)]
        outputs += [net.activation(tuple(shape)) for _ in range(count - 1)]
        net.operators[-1] = replace(net.operators[-1], outputs=tuple(outputs))
        return net.operator("CONCATENATION", *reversed(outputs), shape=(1, 5, 4, 6), axis=axis)

    return build


def _blocks(net: Net) -> int:
    """A picture taken apart into blocks, as many frameworks' exporters write it."""
    apart, order = (5, 2, 2, 1, 3, 2), [0, 2, 4, -3, 1, 5]
    shape = tuple(apart[axis] for axis in order)
    taken = net.operator("RESHAPE", net.input, net.constant(apart, "int32"), shape=apart)
    turned = net.operator("TRANSPOSE", taken, net.constant(order, "int32"), shape=shape)
    return net.operator("RESHAPE", turned, net.constant([1, 5, 4, 6], "int32"), shape=(1, 5, 4, 6))


def _broadcast(name: str, left: tuple[int, ...], right: tuple[int, ...]) -> Build:
    """Both from the input, through slices of it, so that either may be the one that is repeated."""

    def build(net: Net) -> int:
        parts = []
        for shape in (left, right):
            begin, size = (net.constant(numbers, "int32") for numbers in ([0] * 4, shape))
            parts.append(net.operator("SLICE", net.input, begin, size, shape=shape))
        shape = tuple(map(max, left, right))
        options = {"pot_scale_int16": False} if name in ("ADD", "SUB") else {}
        q = Q if name in ("MINIMUM", "MAXIMUM") else Quantisation((0.11,), (-3,))
        return net.operator(name, *parts, shape=shape, q=q, **options)

    return build


MORE: dict[str, Build] = {
    "PADV2": _padv2,
    "SPLIT of columns": _split_in(4, 2),
    "SPLIT of channels": _split_in(3, 3),
    "SUB broadcast on the left": _broadcast("SUB", (1, 1, 4, 1), (1, 5, 4, 6)),
    "ADD broadcast on both": _broadcast("ADD", (1, 5, 1, 6), (1, 1, 4, 1)),
    "MUL broadcast of rows": _broadcast("MUL", (1, 5, 4, 6), (1, 1, 4, 6)),
    "SUB broadcast of rows": _broadcast("SUB", (1, 1, 1, 6), (1, 5, 4, 6)),
    "MINIMUM broadcast": _broadcast("MINIMUM", (1, 1, 1, 6), (1, 5, 4, 1)),
}


def operator_graph(case: str) -> Graph:
    """One of CASES or MORE."""
    net = Net(1, 5, 4, 6)
    return net.graph({**CASES, **MORE}[case](net))


@pytest.mark.parametrize("case", [*CASES, *MORE])
def test_operator_is_exact(case: str, interpreter: Interpreter) -> None:
    """One operator of odd shape and scale gives TFLM's bytes, in an arena as large as the tool says."""
    assert_exact(operator_graph(case), interpreter, "c")


def test_pictures_are_taken_apart(interpreter: Interpreter) -> None:
    """Into tensors of six axes, which TFLM doesn't transpose."""
    net = Net(1, 5, 4, 6)
    assert_exact(net.graph(_blocks(net)), interpreter, "c", "litert")


def test_real_inputs_and_outputs(interpreter: Interpreter) -> None:
    """QUANTIZE from float32 at the beginning, DEQUANTIZE to it at the end."""
    net = Net(1, 5, 4, 6)
    net.tensors[net.input] = replace(net.tensors[net.input], dtype="float32", quantisation=None)
    x = net.operator("QUANTIZE", net.input, shape=(1, 5, 4, 6), q=Quantisation((0.008,), (5,)))
    x = net.operator("DEQUANTIZE", x, shape=(1, 5, 4, 6))
    net.tensors[x] = replace(net.tensors[x], dtype="float32", quantisation=None)
    assert_exact(net.graph(x), interpreter, "c")


def _any_slice(draw: st.DrawFn, size: int) -> tuple[int, int, int]:
    return (
        draw(st.integers(-size, size - 1)),
        draw(st.integers(-size - 1, size)),
        draw(st.sampled_from([1, 1, 2, -1, -2])),
    )


@st.composite
def _moved(draw: st.DrawFn) -> Graph:
    """STRIDED_SLICE, TRANSPOSE, PAD, MEAN or RESIZE_NEAREST_NEIGHBOR of any small shape and of any parameters."""
    shape = tuple(draw(st.integers(1, 5)) for _ in range(4))
    net = Net(*shape)
    name = draw(st.sampled_from(["STRIDED_SLICE", "TRANSPOSE", "PAD", "MEAN", "RESIZE_NEAREST_NEIGHBOR"]))
    numbers: list[Any]
    options: dict[str, Any] = {}
    q = Q
    if name == "STRIDED_SLICE":
        options = {f"{mask}_mask": draw(st.integers(0, 15)) for mask in ("begin", "end")}
        options["shrink_axis_mask"] = draw(st.sampled_from([0, 0, 1, 4, 8]))
        parts, made = [], []
        for axis, size in enumerate(shape):
            begin, end, step = _any_slice(draw, size)
            is_one = bool(options["shrink_axis_mask"] >> axis & 1)
            begins, ends = (bool(options[f"{mask}_mask"] >> axis & 1) for mask in ("begin", "end"))
            # what TFLite makes of an axis that goes and has a mask besides is its own affair
            assume(not (is_one and (begins or ends or step != 1)))
            count = 1 if is_one else len(range(size)[None if begins else begin : None if ends else end : step])
            assume(count > 0)
            parts.append((begin, end, step))
            made += [] if is_one else [count]
        numbers, output = list(zip(*parts, strict=True)), tuple(made)
    elif name == "TRANSPOSE":
        numbers = [draw(st.permutations(range(4)))]
        output = tuple(shape[axis] for axis in numbers[0])
    elif name == "PAD":
        numbers = [[[draw(st.integers(0, 3)), draw(st.integers(0, 3))] for _ in shape]]
        output = tuple(sum(pair) + size for pair, size in zip(numbers[0], shape, strict=True))
    elif name == "MEAN":
        numbers = [draw(st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True))]
        output = tuple(1 if axis in numbers[0] else size for axis, size in enumerate(shape))
        options, q = {"keep_dims": True}, Quantisation((0.02,), (-9,))
    else:
        numbers = [[draw(st.integers(1, 9)), draw(st.integers(1, 9))]]
        output = (shape[0], *numbers[0], shape[3])
        aligned = draw(st.booleans())
        options = {"align_corners": aligned, "half_pixel_centers": not aligned and draw(st.booleans())}
    inputs = [net.constant(values, "int32") for values in numbers]
    return net.graph(net.operator(name, net.input, *inputs, shape=output, q=q, **options))


@examples(150)
@given(graph=_moved())
def test_any_parameters_are_exact(interpreter: Interpreter, graph: Graph) -> None:
    """Operators that move bytes or take any shape, whatever their parameters."""
    assert_exact(graph, interpreter, "c")


@examples(400)
@given(data=st.data(), case=st.sampled_from([*CASES, *MORE]))
def test_damaged_files_are_refused_or_harmless(interpreter: Interpreter, data: st.DataObject, case: str) -> None:
    """Changed anywhere, a file gets a status, and nothing is read or written outside (guards, and no crash)."""
    content = bytearray(write(operator_graph(case)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    session = interpreter.model(bytes(content), 1 << 16)
    assert OK <= session.status <= ARENA_TOO_SMALL
    if session.status == OK:
        assert OK <= session.invoke() <= UNSUPPORTED


def _changed(case: str, change: Callable[[Graph], Graph]) -> Graph:
    return change(operator_graph(case))


def _with_output(shape: tuple[int, ...]) -> Callable[[Graph], Graph]:
    def change(graph: Graph) -> Graph:
        tensors = list(graph.tensors)
        tensors[graph.outputs[0]] = replace(tensors[graph.outputs[0]], shape=shape)
        return replace(graph, tensors=tuple(tensors))

    return change


def _with_numbers(values: Any) -> Callable[[Graph], Graph]:
    """The first constant of int32 says something else."""

    def change(graph: Graph) -> Graph:
        index = next(t.index for t in graph.tensors if t.is_constant and t.dtype == "int32")
        data = np.asarray(values, np.int32).tobytes()
        tensors = list(graph.tensors)
        tensors[index] = replace(tensors[index], data=data, shape=np.shape(values))
        return replace(graph, tensors=tuple(tensors))

    return change


REFUSED = {
    "PAD to another shape": ("PAD", _with_output((1, 8, 4, 8)), "computes"),
    "PAD by less than nothing": ("PAD", _with_numbers([[0, 0], [-1, 4], [0, 0], [1, 0]]), "none may be negative"),
    "TRANSPOSE of one axis twice": ("TRANSPOSE", _with_numbers([0, 3, 1, 1]), "permutes 4 dimensions"),
    "TRANSPOSE of no axis": ("TRANSPOSE", _with_numbers([0, 3, 1, 4]), "names axis 4"),
    "SLICE behind the end": ("SLICE", _with_numbers([0, 4, 0, 2]), "slices"),
    "MEAN of no axis": ("MEAN of a map", _with_numbers([1, 9]), "names axis 9"),
    "CONCATENATION to less": ("CONCATENATION of rows", _with_output((1, 14, 4, 6)), "computes"),
    "RESIZE to other sizes": ("RESIZE_NEAREST_NEIGHBOR", _with_numbers([9, 8]), "computes"),
    "ADD of shapes that don't meet": ("ADD broadcast", _with_output((1, 5, 3, 6)), "computes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused_by_both(name: str, interpreter: Interpreter) -> None:
    """By the tool where it reads the file, by the interpreter with a status of set-up."""
    case, change, told = REFUSED[name]
    graph = _changed(case, change)
    with pytest.raises(ModelError, match=told):
        check_sound(graph)
    size = sum(math.prod(tensor.shape) for tensor in graph.tensors)
    assert interpreter.model(write(graph), 4 * size + (1 << 12)).status not in (OK, ARENA_TOO_SMALL)


def test_ports_of_uint8(interpreter: Interpreter) -> None:
    """QUANTIZE from uint8 and to it, DEQUANTIZE from it."""
    assert_exact(ports_of_uint8(), interpreter, "ref")


def test_a_zero_point_of_int16_is_taken(interpreter: Interpreter) -> None:
    """Converters give the least number to shares of one."""
    net = Net(1, 5, 4, 6)
    scheme = Quantisation((1 / 65536,), (-32768,))
    shares = net.builder.operator("SOFTMAX", (net.input,), net.builder.tensor("s", (1, 5, 4, 6), scheme, "int16"))
    assert_exact(net.graph(shares), interpreter, "c")
