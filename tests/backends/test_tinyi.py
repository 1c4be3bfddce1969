"""The interpreter tinyi on this machine: its outputs are TFLM's, its plan is the tool's, damaged files are refused."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from extreme_scales import networks
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st
from random_networks import random_network
from small_networks import Net
from test_tinyc_generate import SMALL
from tests_support import examples
from tinyi_host import ARENA_TOO_SMALL, DAMAGED, OK, UNSUPPORTED, Interpreter, assert_exact

from tinyflow.backends.tinyi import check
from tinyflow.core.errors import ModelError
from tinyflow.model.fixed_point import quantise_multiplier
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize

pytestmark = pytest.mark.slow

VARIANTS = ("ref", "c")


@pytest.fixture(scope="module")
def interpreters() -> dict[str, Interpreter]:
    """With the kernels that this machine can run."""
    return {variant: Interpreter.load(variant) for variant in VARIANTS}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", SMALL)
def test_small_networks_are_exact(name: str, variant: str, interpreters: dict[str, Interpreter]) -> None:
    """Relatives of the four networks, with odd sizes."""
    assert_exact(read(synthesize(SMALL[name])), interpreters[variant], variant)


@examples(40)
@given(seed=st.integers(0, 2**32 - 1), variant=st.sampled_from(VARIANTS))
def test_random_networks_are_exact(interpreters: dict[str, Interpreter], seed: int, variant: str) -> None:
    """Branches, sums, any window and any activation; an even seed makes every activation an output."""
    assert_exact(random_network(seed), interpreters[variant], variant)


@pytest.mark.parametrize("scale", [0.003, 7.9, 10.5, 16.0, 31.5, 33.0, 70.0, 1e6])
def test_softmax_of_any_scale_is_exact(scale: float, interpreters: dict[str, Interpreter]) -> None:
    """TFLite cuts its factor off where the scale is 32 or more."""
    net = Net(3, 17)
    scale = float(np.float32(scale))
    net.tensors[net.input] = replace(net.tensors[net.input], quantisation=Quantisation((scale,), (3,)))
    output = net.operator("SOFTMAX", net.input, shape=(3, 17))
    net.tensors[output] = replace(net.tensors[output], quantisation=Quantisation((1 / 256,), (-128,)))
    assert_exact(net.graph(output), interpreters["c"], "c")


@examples(300)
@given(data=st.data(), variant=st.sampled_from(VARIANTS))
def test_damaged_files_are_refused_or_harmless(
    interpreters: dict[str, Interpreter], data: st.DataObject, variant: str
) -> None:
    """Cut or changed anywhere, a file gets a status, and nothing is read or written outside (guards, and no crash)."""
    content = bytearray(write(random_network(data.draw(st.integers(0, 40)))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    session = interpreters[variant].model(bytes(content), 1 << 16)
    assert OK <= session.status <= ARENA_TOO_SMALL
    if session.status == OK:
        first, second = session.invoke(), session.invoke()
        assert first == second
        assert first in (OK, DAMAGED, UNSUPPORTED)


@st.composite
def _scales(draw: st.DrawFn) -> tuple[int, int, int]:
    """Bits of three float32 numbers, with mantissas at which quotients are near a rounding's bound."""
    numerator, denominator = (draw(st.integers(2**22, 2**23 - 1)) * 2 + 1 for _ in range(2))
    assume(math.gcd(numerator, denominator) == 1)
    # numerator * scale * 2**shift leaves this remainder: a fraction next to 1/2, on either side
    remainder = denominator // 2 + draw(st.integers(-2, 2))
    shift = draw(st.integers(6, 8))
    scale = remainder * pow(numerator * 2**shift, -1, denominator) % denominator
    if scale < 2**23:
        scale = draw(st.integers(2**23, 2**24 - 1))
    numbers = (numerator, denominator, scale)
    return tuple(draw(st.integers(100, 150)) << 23 | number - 2**23 for number in numbers)  # type: ignore[return-value]


@examples(2000)
@given(bits=_scales())
def test_multipliers_are_those_of_doubles(interpreters: dict[str, Interpreter], bits: tuple[int, int, int]) -> None:
    """Integer arithmetic on the chip is bit for bit QuantizeMultiplier on a quotient of doubles, ties included."""
    numerator, denominator, scale = struct.unpack("<3f", struct.pack("<3I", *bits))
    assert interpreters["c"].factor(*bits) == quantise_multiplier(scale * numerator / denominator)


def test_a_cut_file_is_never_accepted(interpreters: dict[str, Interpreter]) -> None:
    """Whatever its length: every byte of a file that the writer makes is reachable but the last padding."""
    content = synthesize(SMALL["toycar"])
    interpreter = interpreters["c"]
    assert interpreter.model(content, 1 << 16).status == OK
    cut = (interpreter.model(content[:size], 1 << 16) for size in range(len(content) - 16))
    assert all(session.status != OK or session.invoke() != OK for session in cut)


def _dense(**changes: Any) -> bytes:
    """A dense layer with something else for its weights; `data` also None: an activation that nobody writes."""
    graph = read(synthesize({"graph": "toycar", "features": 16, "hidden": 8, "depth": 1}))
    weights = graph.operators[0].inputs[1]
    tensors = [replace(tensor, **changes) if tensor.index == weights else tensor for tensor in graph.tensors]
    return write(replace(graph, tensors=tuple(tensors)))


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, OK),
        ({"dtype": "uint8"}, UNSUPPORTED),
        ({"shape": (1, 8, 16)}, UNSUPPORTED),
        ({"quantisation": Quantisation((0.5,), (3,))}, UNSUPPORTED),
        ({"quantisation": Quantisation((-0.5,), (0,))}, UNSUPPORTED),
        ({"quantisation": Quantisation((-0.5,) * 8, (0,) * 8)}, UNSUPPORTED),
        ({"data": b"too short"}, DAMAGED),
        ({"data": None}, DAMAGED),
    ],
)
def test_weights_of_dense_layers_are_refused_by_the_first_inference(changes: dict[str, Any], status: int) -> None:
    """Set-up doesn't read them: neither the plan nor the choice of kernels depends on them."""
    session = Interpreter.load("c", is_general=False, is_int4=False).model(_dense(**changes), 1 << 16)
    assert (session.status, session.invoke()) == (OK, status)


@pytest.mark.parametrize("changes", [{"dtype": "float32"}, {"shape": (1 << 20, 1 << 20)}])
def test_activations_are_refused_by_set_up(interpreters: dict[str, Interpreter], changes: dict[str, Any]) -> None:
    """Of a dense layer, too: the type and the shape of what it writes."""
    graph = read(_dense())
    tensors = list(graph.tensors)
    index = graph.operators[0].outputs[0]
    tensors[index] = replace(tensors[index], **changes)
    assert interpreters["c"].model(write(replace(graph, tensors=tuple(tensors))), 1 << 16).status == UNSUPPORTED


def test_a_tensor_that_is_read_before_it_is_written_is_refused(interpreters: dict[str, Interpreter]) -> None:
    """Even where set-up takes it for a constant at first."""
    graph = read(_dense())
    first, second = graph.operators[:2]
    swapped = (replace(second, index=0), replace(first, index=1), *graph.operators[2:])
    assert interpreters["c"].model(write(replace(graph, operators=swapped)), 1 << 16).status == DAMAGED


@examples(250, *HealthCheck)
@given(graph=networks(), variant=st.sampled_from(VARIANTS))
def test_extreme_scales_are_refused_here_and_there(
    interpreters: dict[str, Interpreter], graph: Graph, variant: str
) -> None:
    """The tool refuses with a hint what the C refuses, and nothing else; what both take is as TFLM's, where it has any.

    Softmax of tiny scales is left out of the comparison: TFLM ends the program for it.
    """
    operator = graph.operators[0]
    try:
        check(graph, "tinyi", {"kernels": variant})
    except ModelError as error:
        assert error.hint and error.where.startswith(f"operator 0 {operator.name}")
        session = interpreters[variant].model(write(graph), 1 << 16)
        assert (session.status or session.invoke()) == UNSUPPORTED
        return
    if operator.name != "SOFTMAX":
        assert_exact(graph, interpreters[variant], variant)


def test_more_work_than_an_inference_may_take_is_refused(interpreters: dict[str, Interpreter]) -> None:
    """A pool of 1 KB of file that would compare 2^40 pairs; the tool says it, too."""
    net = Net(1, 1024, 1024, 1)
    pool = net.operator("MAX_POOL_2D", net.input, padding="SAME", stride=(1, 1), filter=(1024, 1024))
    graph = net.graph(pool)
    assert interpreters["c"].model(write(graph), 1 << 22, 64).status == UNSUPPORTED
    with pytest.raises(ModelError, match="an inference of 1099511627776 products is more than 2147483648"):
        check(graph, "tinyi", {"kernels": "c"})
    small = replace(graph.operators[0], options={**graph.operators[0].options, "filter": (30, 30)})
    assert interpreters["c"].model(write(replace(graph, operators=(small,))), 1 << 22, 64).status == OK


@pytest.mark.parametrize("size", [(2**31 - 1, 3), (3, 2**31 - 1), (16_000_000, 3), (0, 3), (-1, 3)])
def test_absurd_windows_are_refused(interpreters: dict[str, Interpreter], size: tuple[int, int]) -> None:
    """Before anything is computed with them."""
    net = Net(1, 9, 6, 12)
    pool = net.operator("MAX_POOL_2D", net.input, padding="SAME", stride=(1, 1), filter=(3, 3))
    graph = net.graph(pool)
    odd = replace(graph.operators[0], options={**graph.operators[0].options, "filter": size})
    assert interpreters["c"].model(write(replace(graph, operators=(odd,))), 1 << 16).status == UNSUPPORTED
