"""Operators of int16 activations through the interpreter tinyi: TFLM's bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tinynn_int16 as int16
from hypothesis import given
from hypothesis import strategies as st
from int16_networks import CASES, graph_of, network
from tests_support import examples
from tinyi_host import ARENA_TOO_SMALL, OK, UNSUPPORTED, Interpreter, assert_exact

from tinyflow.model.tflite_writer import write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    """With the kernels in portable C."""
    return Interpreter.load("c")


@pytest.mark.parametrize("case", CASES)
def test_operator_is_exact(case: str, interpreter: Interpreter) -> None:
    """One operator gives TFLM's bytes, in an arena as large as the tool says."""
    assert_exact(graph_of(case), interpreter, "c")


def test_network_is_exact(interpreter: Interpreter) -> None:
    """Several operators in one arena."""
    assert_exact(network(), interpreter, "c")


@pytest.mark.parametrize("largest", [2**63 - 1, -(2**63)])
@pytest.mark.parametrize("case", CASES)
def test_biases_at_the_ends_of_their_type(case: str, largest: int, interpreter: Interpreter) -> None:
    """Sums go on modulo 2^64, as on every machine; what is undefined in C would end the test."""
    graph = graph_of(case)
    data = largest.to_bytes(8, "little", signed=True)
    tensors = [
        replace(tensor, data=data * tensor.elements) if tensor.data and tensor.dtype == "int64" else tensor
        for tensor in graph.tensors
    ]
    if tensors != list(graph.tensors):
        content = write(replace(graph, tensors=tuple(tensors)))
        session = interpreter.model(content, 1 << 16)
        assert (session.status, session.invoke()) == (OK, OK)


@examples(60)
@given(
    operator=st.sampled_from(["LOGISTIC", "TANH", "SOFTMAX"]),
    exponent=st.floats(-30, 1.3),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_scale_is_exact(interpreter: Interpreter, operator: str, exponent: float, seed: int) -> None:
    """What TFLM prepares in double follows from the scale's bits."""
    case = int16.unary(np.random.default_rng(seed), operator, (2, 40), 2.0**exponent)
    assert_exact(case.graph, interpreter, "c")


@examples(300)
@given(data=st.data(), case=st.sampled_from([*CASES]))
def test_damaged_files_are_refused_or_harmless(interpreter: Interpreter, data: st.DataObject, case: str) -> None:
    """Changed anywhere, a file gets a status, and nothing is read or written outside (guards, and no crash)."""
    content = bytearray(write(graph_of(case)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    session = interpreter.model(bytes(content), 1 << 16)
    assert OK <= session.status <= ARENA_TOO_SMALL
    if session.status == OK:
        assert OK <= session.invoke() <= UNSUPPORTED
