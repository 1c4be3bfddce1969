"""Single operators beyond those of the four networks: what tinyc makes of them is what TFLM computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_networks import Net, Q, padded, ports_of_uint8, spatial
from tests_support import litert
from tinyc_host import assert_exact, build
from tinyi_host import Interpreter, outputs_of
from tinyi_host import assert_exact as by_tinyi
from tinynn_calls import HostKernels

from tinyflow.backends import tinyi, tvm
from tinyflow.backends.tinyc.program import lower
from tinyflow.core.errors import ModelError
from tinyflow.model.arithmetic.constants import computed
from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

Build = Callable[[Net], int]


def _unary(name: str, quantisation: Quantisation, **options: Any) -> Build:
    return lambda net: net.operator(name, net.input, shape=(1, 5, 4, 6), q=quantisation, **options)


def _binary(name: str, scale: float = 0.05, *, broadcast: bool = False) -> Build:
    def build(net: Net) -> int:
        shape = (1, 1, 1, 6) if broadcast else (1, 5, 4, 6)
        values = np.random.default_rng(3).integers(-128, 128, shape)
        quantisation = Quantisation((scale,), (7,)) if name in ("MUL", "SUB", "ADD") else Q
        options = {"pot_scale_int16": False} if name in ("ADD", "SUB") else {}
        right = net.constant(values, "int8", quantisation)
        output = Quantisation((0.11,), (-3,)) if name in ("MUL", "SUB", "ADD") else Q
        return net.operator(name, net.input, right, shape=(1, 5, 4, 6), q=output, **options)

    return build


def _with_constants(name: str, shape: tuple[int, ...], *constants: Any, **options: Any) -> Build:
    def build(net: Net) -> int:
        inputs = [net.constant(values, "int32") for values in constants]
        return net.operator(name, net.input, *inputs, shape=shape, **options)

    return build


def _concatenation(axis: int) -> Build:
    def build(net: Net) -> int:
        shape = (1, 5, 4, 6)
        values = np.random.default_rng(3).integers(-128, 128, shape)
        joined = tuple(3 * size if i == axis % 4 else size for i, size in enumerate(shape))
        inputs = (net.input, net.constant(values, "int8", Q), net.input)
        return net.operator("CONCATENATION", *inputs, shape=joined, axis=axis)

    return build


def _split(net: Net) -> int:
    axis = net.constant(np.array(3), "int32")
    first = net.operator("SPLIT", axis, net.input, shape=(1, 5, 4, 3), num_splits=2)
    second = net.activation((1, 5, 4, 3))
    net.operators[-1] = replace(net.operators[-1], outputs=(first, second))
    return net.operator("ADD", first, second, pot_scale_int16=False)


def _split_v(net: Net) -> int:
    """By sizes of which one follows from the others."""
    sizes, axis = net.constant(np.array([1, -1, 2]), "int32"), net.constant(np.array(-2), "int32")
    first = net.operator("SPLIT_V", net.input, sizes, axis, shape=(1, 5, 1, 6), num_splits=3)
    others = [net.activation((1, 5, width, 6)) for width in (1, 2)]
    net.operators[-1] = replace(net.operators[-1], outputs=(first, *others))
    return net.operator("CONCATENATION", others[1], first, others[0], shape=(1, 5, 4, 6), axis=2)


def _unpack_and_pack(axis: int, packed: int) -> Build:
    """Slices along one axis, put together along another in another order."""

    def build(net: Net) -> int:
        shape = (1, 5, 4, 6)
        piece = shape[:axis] + shape[axis + 1 :]
        pieces = [net.operator("UNPACK", net.input, shape=piece, axis=axis - 4, num=shape[axis])]
        pieces += [net.activation(piece) for _ in range(shape[axis] - 1)]
        net.operators[-1] = replace(net.operators[-1], outputs=tuple(pieces))
        made = (*piece[:packed], len(pieces), *piece[packed:])
        return net.operator("PACK", *reversed(pieces), shape=made, axis=packed, values_count=len(pieces))

    return build


CASES: dict[str, Build] = {
    "RELU": _unary("RELU", Quantisation((0.07,), (-100,))),
    "RELU6": _unary("RELU6", Q),
    "QUANTIZE": _unary("QUANTIZE", Quantisation((0.03,), (5,))),
    "LOGISTIC": _unary("LOGISTIC", Quantisation((1 / 256,), (-128,))),
    "TANH": _unary("TANH", Quantisation((1 / 128,), (0,))),
    "LEAKY_RELU": _unary("LEAKY_RELU", Quantisation((0.04,), (2,)), alpha=0.3),
    "HARD_SWISH": _unary("HARD_SWISH", Quantisation((0.06,), (-10,))),
    "MEAN of a map": _with_constants("MEAN", (1, 6), [1, 2], q=Quantisation((0.04,), (9,))),
    "MEAN in its own scale": _with_constants("MEAN", (1, 1, 1, 6), [1, 2], keep_dims=True),
    "MEAN of channels": _with_constants("MEAN", (1, 5, 4), [-1], q=Quantisation((0.02,), (-9,))),
    "MAX_POOL_2D": _unary("MAX_POOL_2D", Q, padding="SAME", stride=(1, 1), filter=(3, 2), activation="RELU6"),
    "SUB": _binary("SUB"),
    "MUL": _binary("MUL"),
    "MINIMUM": _binary("MINIMUM"),
    "MAXIMUM": _binary("MAXIMUM"),
    "ADD broadcast": _binary("ADD", broadcast=True),
    "MUL broadcast": _binary("MUL", broadcast=True),
    "MAXIMUM broadcast": _binary("MAXIMUM", broadcast=True),
    "CONCATENATION of channels": _concatenation(-1),
    "CONCATENATION of rows": _concatenation(1),
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "UNPACK of rows, PACK of channels": _unpack_and_pack(1, 3),
    "UNPACK of channels, PACK in front": _unpack_and_pack(3, 0),
    "PAD": _with_constants("PAD", (1, 8, 4, 7), [[0, 0], [1, 2], [0, 0], [1, 0]]),
    "TRANSPOSE": _with_constants("TRANSPOSE", (1, 6, 5, 4), [0, 3, 1, 2]),
    "SLICE": _with_constants("SLICE", (1, 2, 4, 3), [0, 1, 0, 2], [1, 2, -1, 3]),
    "STRIDED_SLICE": _with_constants(
        "STRIDED_SLICE", (1, 2, 3, 6), [0, 4, 1, 0], [0, 0, 9, 0], [1, -2, 1, 1], begin_mask=1, end_mask=9
    ),
    "RESIZE_NEAREST_NEIGHBOR": _with_constants(
        "RESIZE_NEAREST_NEIGHBOR", (1, 9, 7, 6), [9, 7], half_pixel_centers=True
    ),
}


def _graph(case: str) -> Graph:
    net = Net(1, 5, 4, 6)
    return net.graph(CASES[case](net))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.every(3)
def test_operator_is_exact(case: str, tmp_path: Path) -> None:
    """One operator of odd shape and scale gives TFLM's bytes."""
    graph = _graph(case)
    assert_exact(graph, tmp_path / "model")


def test_real_inputs_and_outputs(tmp_path: Path) -> None:
    """QUANTIZE from float32 at the beginning, DEQUANTIZE to it at the end."""
    net = Net(1, 5, 4, 6)
    net.tensors[net.input] = replace(net.tensors[net.input], dtype="float32", quantisation=None)
    x = net.operator("QUANTIZE", net.input, shape=(1, 5, 4, 6), q=Quantisation((0.008,), (5,)))
    x = net.operator("DEQUANTIZE", x, shape=(1, 5, 4, 6))
    net.tensors[x] = replace(net.tensors[x], dtype="float32", quantisation=None)
    assert_exact(net.graph(x), tmp_path / "model")


@pytest.mark.parametrize("variant", ["ref", "c"])
def test_ports_of_uint8(variant: str, tmp_path: Path) -> None:
    """QUANTIZE from uint8 at the beginning and to it at the end, DEQUANTIZE from it."""
    assert_exact(ports_of_uint8(), tmp_path / "model", variant)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenation_of_uint8_rescales_as_litert_does(axis: int, tmp_path: Path) -> None:
    """In float32, where QUANTIZE would round twice: of another scale, another zero point; some as they are.

    Others refuse it, and tidying computes none of constants.
    """
    schemes = [Quantisation((scale,), (zero_point,)) for scale, zero_point in ((0.03, 131), (0.081, 131), (0.081, 7))]
    made = schemes[1]
    net = GraphBuilder()
    inputs = [net.add_input(f"in{i}", (2, 64, 3), scheme, "uint8") for i, scheme in enumerate((*schemes, made))]
    shape = tuple(4 * size if i == axis % 3 else size for i, size in enumerate((2, 64, 3)))
    net.layer("CONCATENATION", inputs, "out", made, shape, "uint8", axis=axis)
    graph = net.graph((4,), "joined")
    built = assert_exact(graph, tmp_path / "model", by="litert")
    every = np.resize(np.arange(256, dtype=np.uint8), (2, 64, 3))
    sample = (every,) * 4
    (expected,), (got,) = litert(write(graph), graph, [sample])[0], built.invoke(sample)
    assert np.array_equal(got, expected) and (expected != np.concatenate(sample, axis)).any()
    for name, backend in (("tinyi", tinyi), ("tvmaot", tvm)):
        with pytest.raises(ModelError, match="in0 is uint8 of another scale than the output"):
            backend.check(graph, name, {"kernels": "ref"})
    fixed = tuple(replace(one, data=every.tobytes()) if one.name.startswith("in") else one for one in graph.tensors)
    assert computed(replace(graph, tensors=fixed), graph.operators[0]) is None


@pytest.mark.parametrize(
    ("size", "options"), [((7, 11), {}), ((10, 3), {"half_pixel_centers": True}), ((10, 9), {"align_corners": True})]
)
def test_resize_bilinear_of_uint8_is_litert_s(size: tuple[int, int], options: dict[str, bool], tmp_path: Path) -> None:
    """By numbers of float32, where int8 has fixed point; TFLM takes none of uint8."""
    net, scheme = GraphBuilder(), Quantisation((0.02,), (131,))
    inputs = net.add_input("x", (2, 5, 6, 3), scheme, "uint8"), net.constant("size", size, "int32")
    x = net.layer("RESIZE_BILINEAR", inputs, "y", scheme, (2, *size, 3), "uint8", **options)
    graph = net.graph((x,), "resized")
    assert_exact(graph, tmp_path / "model", by="litert")
    by_tinyi(graph, Interpreter.load("c"), "c", by="litert")


@pytest.mark.parametrize(("batch_dim", "seq_dim"), [(0, 1), (1, 0), (0, 2), (2, 1)])
@pytest.mark.parametrize("dtype", ["int32", "uint8"])
@pytest.mark.every(4)
def test_reverse_sequence_turns_beginnings(dtype: str, batch_dim: int, seq_dim: int, tmp_path: Path) -> None:
    """Of each batch as many as its number says, none and all among them; TFLM doesn't know it."""
    net, shape = GraphBuilder(), (4, 5, 4)
    lengths = [0, 4, 1, 3, 2][: shape[batch_dim]]
    scheme = Q if dtype == "uint8" else None
    inputs = net.add_input("x", shape, scheme, dtype), net.constant("lengths", lengths, "int32")
    axes = {"batch_dim": batch_dim, "seq_dim": seq_dim}
    x = net.layer("REVERSE_SEQUENCE", inputs, "y", scheme, shape, dtype, **axes)
    assert_exact(net.graph((x,), "reversed"), tmp_path / "model", by="litert")


@pytest.mark.parametrize(
    ("lengths", "axes", "message"),
    [
        ([1, 2, 6, 1], {"seq_dim": 1}, r"reverses \[1, 2, 6, 1\] of \[4, 5\]"),
        ([1, 2], {"seq_dim": 1}, r"reverses \[1, 2\] of \[4, 5\]"),
        ([1, 2, 3, 4], {"seq_dim": 0}, "reverses axis 0 of batches along axis 0"),
        ([1, 2, 3, 4], {"seq_dim": 2}, "reverses axis 2 of batches along axis 0"),
    ],
)
def test_sequences_that_are_not_there_are_refused(lengths: list[int], axes: dict[str, int], message: str) -> None:
    """When the file is read."""
    net = GraphBuilder()
    inputs = net.add_input("x", (4, 5), None, "int32"), net.constant("lengths", lengths, "int32")
    x = net.operator("REVERSE_SEQUENCE", inputs, net.tensor("y", (4, 5), None, "int32"), **axes)
    with pytest.raises(ModelError, match=message):
        read(write(net.graph((x,), "reversed")))


def test_powers_are_litert_s(tmp_path: Path) -> None:
    """Of float32, of a number or of as many; not a number where LiteRT has none."""
    net = GraphBuilder()
    bases, exponents = net.add_input("x", (5, 7), None, "float32"), net.add_input("y", (7,), None, "float32")
    x = net.layer("POW", (bases, exponents), "powers", None, (5, 7), "float32")
    third = net.constant("third", 0.3, "float32")
    graph = net.graph((x, net.layer("POW", (bases, third), "roots", None, (5, 7), "float32")), "powers")
    random = np.random.default_rng(2)
    samples = [tuple(random.normal(0, 2, shape).astype(np.float32) for shape in ((5, 7), (7,))) for _ in range(4)]
    content = write(graph)
    built, expected = build(content, tmp_path / "model"), litert(content, read(content), samples)
    interpreted = outputs_of(content, Interpreter.load("c"), "c", samples, expected)
    for found in ([built.invoke(sample) for sample in samples], interpreted):
        for made, wanted in zip(found, expected, strict=True):
            for one, other in zip(made, wanted, strict=True):
                assert np.isnan(other).any() and np.allclose(one, other, rtol=1e-6, atol=0, equal_nan=True)


def test_every_kernel_that_can_be_named_exists() -> None:
    """No generated model fails to link for a kernel that was only planned."""
    named = {step.call.function for case in CASES for step in lower(_graph(case), "c").steps}
    assert named <= set(HostKernels().functions)


@pytest.mark.parametrize("variant", ["ref", "c"])
@pytest.mark.parametrize(
    ("around", "name", "stride"),
    [
        (spatial(1, 1, 1, 1), "CONV_2D", 2),
        (spatial(2, 0, 0, 1), "CONV_2D", 1),
        (spatial(1, 1, 1, 1), "DEPTHWISE_CONV_2D", 2),
        (spatial(0, 2, 2, 1), "DEPTHWISE_CONV_2D", 1),
    ],
)
@pytest.mark.every(4)
def test_padding_that_no_file_says_is_the_kernels(
    variant: str, around: Any, name: str, stride: int, tmp_path: Path
) -> None:
    """PAD in front of a convolution takes no call of its own, wherever the windows begin."""
    graph = padded((1, 6, 6, 4), around, name, 3, stride)
    built = assert_exact(graph, tmp_path / "model", variant)
    calls = [layer["functions"] for layer in built.plan["layers"]]
    assert calls[0] == [] and len(calls[1]) == 1
