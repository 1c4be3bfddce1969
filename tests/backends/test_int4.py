"""Weights of four bits stay four bits in flash, and compute what TFLM computes with them."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tinyc_host
from hypothesis import given
from hypothesis import strategies as st
from int4 import of_four_bits
from random_networks import random_network
from small_networks import Net
from tests_support import exact_reports, examples, tflm, write_models
from tinyi_host import ARENA_TOO_SMALL, OK, UNSUPPORTED, Interpreter, assert_exact, outputs_of

from tinyflow.backends.tinyc.lowering import lower_operator
from tinyflow.backends.tinyi.operators import request, row
from tinyflow.model import reference
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.weighted import constant_bytes, constant_values


def _layer(
    name: str, shape: tuple[int, ...], weights: tuple[int, ...], *, is_per_channel: bool = False, **options: int
) -> Graph:
    random = np.random.default_rng(len(weights))
    net = Net(*shape)
    channels = weights[3] if name == "DEPTHWISE_CONV_2D" else weights[0]
    scales = tuple(np.float32(random.uniform(0.01, 0.05, channels if is_per_channel else 1)).tolist())
    axis = 3 if name == "DEPTHWISE_CONV_2D" else 0
    scheme = Quantisation(scales, (0,) * len(scales), axis)
    values = net.constant(random.integers(-8, 8, weights), "int4", scheme)
    bias = net.constant(random.integers(-500, 500, channels), "int32")
    return net.graph(net.operator(name, net.input, values, bias, q=Quantisation((0.3,), (-5,)), **options))


def _network(seed: int) -> Graph:
    return read(write(of_four_bits(random_network(seed))))


def _of_int8(graph: Graph) -> Graph:
    """The same weights, a byte each."""
    values = constant_values(graph.tensors[1])
    wide = replace(graph.tensors[1], dtype="int8", data=values.tobytes())
    return read(write(replace(graph, tensors=(graph.tensors[0], wide, *graph.tensors[2:]))))


_MOST_BLOCKS = 10
# of several blocks, and an odd number of weights
_LARGE = (
    _layer("FULLY_CONNECTED", (3, 131), (45, 131)),
    _layer("CONV_2D", (2, 6, 7, 19), (71, 3, 3, 19), is_per_channel=True),
    _layer("CONV_2D", (1, 3, 5, 64), (41, 1, 1, 64)),
    _layer("DEPTHWISE_CONV_2D", (1, 7, 8, 41), (1, 5, 3, 41), is_per_channel=True),
    _layer("DEPTHWISE_CONV_2D", (1, 7, 8, 9), (1, 3, 3, 9)),
    _layer("DEPTHWISE_CONV_2D", (1, 7, 8, 5), (1, 3, 4, 15), depth_multiplier=3),
)


@pytest.mark.parametrize("graph", _LARGE, ids=lambda graph: f"{graph.operators[0].name} {graph.tensors[1].shape}")
@pytest.mark.parametrize("variant", ["c", "dsp", "mve", "rvv", "neon"])
def test_weights_take_half_a_byte(graph: Graph, variant: str) -> None:
    """tinyc packs half of the bytes that int8 has, but for the ends of blocks; tinyi gets functions that unpack."""
    sizes = []
    for one in (graph, _of_int8(graph)):
        (step,) = lower_operator(one, one.operators[0], variant)
        (fields,) = [part for part in step.call.fields.values() if isinstance(part, dict)] or [step.call.fields]
        sizes.append(fields["weights"].values.nbytes)
    assert -8 * _MOST_BLOCKS < sizes[1] - 2 * sizes[0] <= 0
    assert request(graph, graph.operators[0], variant).is_int4
    assert "_int4," in row(graph.operators[0].name, "int8", variant, is_general=False)


def test_nobody_else_gets_functions_that_unpack() -> None:
    """Of a network of int8."""
    graph = random_network(0)
    assert not any(request(graph, operator, "c").is_int4 for operator in graph.operators)
    assert "_int4" not in row("CONV_2D", "int8", "c", is_int4=False)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["ref", "c"])
def test_networks_are_exact(variant: str, tmp_path: Path) -> None:
    """By tinyc and tinyi, on this machine: small ones of any geometry, and layers of several blocks."""
    interpreter = Interpreter.load(variant)
    for number, graph in enumerate((*_LARGE, *map(_network, range(2)))):
        tinyc_host.assert_exact(graph, tmp_path / str(number), variant)
        assert_exact(graph, interpreter, variant)


@pytest.mark.slow
@examples(40)
@given(seed=st.integers(0, 2**32 - 1), variant=st.sampled_from(("ref", "c")))
def test_random_networks_are_exact(seed: int, variant: str) -> None:
    """Branches, sums, any window and any activation."""
    assert_exact(_network(seed), Interpreter.load(variant), variant)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["ref", "c"])
def test_scales_of_each_output(variant: str, tmp_path: Path) -> None:
    """Of a dense layer, which TFLM takes with int8 only: what that gives."""
    graph = _layer("FULLY_CONNECTED", (1, 70), (37, 70), is_per_channel=True)
    wide, samples = _of_int8(graph), reference.make_inputs(graph, 4, seed=7)
    expected, content = tflm(write(wide), wide, samples), write(graph)
    built = tinyc_host.build(content, tmp_path / "model", kernels=variant)
    assert reference.largest_difference(expected, [built.invoke(sample) for sample in samples]) == 0
    got = outputs_of(content, Interpreter.load(variant), variant, samples, expected)
    assert reference.largest_difference(expected, got) == 0


@pytest.mark.slow
def test_benches_are_exact(tmp_path: Path) -> None:
    """Tidied or not, and by a backend of TVM, whose code has int8; what stays packed is smaller."""
    wide = _of_int8(_LARGE[1])
    write_models(tmp_path, {"packed": write(_LARGE[0]), "convolved": write(_LARGE[1]), "wide": write(wide)})
    benches = [
        f"{model}-{backend}-stm32f7{feature}"
        for model in ("packed", "convolved")
        for backend in ("tinyc", "tinyi", "tvmaotplus")
        for feature in ("", "+tidy.off")
    ]
    benches.append("wide-tinyc-stm32f7")
    found = {bench: row["metrics"]["rom_bytes"] for bench, row in exact_reports(tmp_path, benches).items()}
    assert found["convolved-tinyc-stm32f7"] == found["convolved-tinyc-stm32f7+tidy.off"]
    assert found["wide-tinyc-stm32f7"] - found["convolved-tinyc-stm32f7"] > wide.tensors[1].elements * 2 // 5


@pytest.mark.slow
@examples(600)
@given(data=st.data(), graph=st.sampled_from(_LARGE))
def test_damaged_files_are_refused_or_harmless(data: st.DataObject, graph: Graph) -> None:
    """Changed anywhere, a file gets a status, and nothing is read or written outside (guards, and no crash)."""
    content = bytearray(write(graph))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    session = Interpreter.load("c").model(bytes(content), 1 << 16)
    assert OK <= session.status <= ARENA_TOO_SMALL
    if session.status == OK:
        assert OK <= session.invoke() <= UNSUPPORTED


@pytest.mark.slow
def test_weights_are_unpacked_from_any_on() -> None:
    """Also from a byte's middle, which blocks begin in where rows and blocks are odd; nothing behind is written."""
    values = np.random.default_rng(3).integers(-8, 8, 41).astype(np.int8)
    packed, library = constant_bytes(values, "int4"), Interpreter.load("ref").library
    for first in range(12):
        for count in range(30):
            made = np.full(count + 1, 99, np.int8)
            library.tinyi_unpack_int4(packed, first, count, made.ctypes.data_as(ctypes.c_void_p))
            assert made.tolist() == [*values[first : first + count].tolist(), 99], (first, count)
