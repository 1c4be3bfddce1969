"""The variant ref of every operator gives the bytes of TFLM's reference kernels."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import tinynn_int16 as int16
from hypothesis import given
from hypothesis import strategies as st
from random_layers import LAYERS
from tests_support import examples
from tinynn_calls import RUNTIME, HostKernels
from tinynn_cases import Case, one_operator, softmax

from tinyflow.model.arithmetic import tables, unary
from tinyflow.model.graph import Quantisation, Tensor

_MOVES = ("number", "pad", "transpose", "strided_slice", "resize")


@cache
def host() -> HostKernels:
    """The kernels on this machine."""
    return HostKernels()


def _check(operator: str, count: int) -> None:
    @examples(count)
    @given(LAYERS[operator](), st.integers(0, 3))
    def holds(case, skew):
        skew -= skew % case.element_bytes
        got = host().run(case.call("ref"), case.inputs_of("ref"), case.output_bytes, skew=skew).output
        np.testing.assert_array_equal(case.expected(), got)

    holds()


@pytest.mark.parametrize("operator", LAYERS)
@pytest.mark.every(2)
def test_ref_is_tflm(operator: str) -> None:
    """A few random layers of each operator, at any alignment."""
    _check(operator, 25)


@pytest.mark.slow
@pytest.mark.parametrize("operator", LAYERS)
def test_ref_is_tflm_at_length(operator: str) -> None:
    """Many random layers of each operator, fewer of those that only move bytes."""
    _check(operator, 400 if operator not in _MOVES else 80)


@pytest.mark.parametrize("operator", ["LEAKY_RELU", "RELU", "LOGISTIC", "TANH"])
def test_all_values_of_int16(operator: str) -> None:
    """A factor's last bit shows in some of them only."""
    values = np.arange(-(2**15), 2**15).astype(np.int16).reshape(1, -1)
    for seed in range(4):
        case = replace(int16.unary(np.random.default_rng(seed), operator, values.shape), inputs=(values,))
        got = host().run(case.call("ref"), (values,), case.output_bytes).output
        np.testing.assert_array_equal(case.expected(), got, err_msg=case.name)


def test_factors_of_hard_swish_are_doubles() -> None:
    """Quotients in float32 would make 3 of 256 numbers wrong."""
    scales = (0.0013823291519656777, 0.0022977229673415422)
    source, made = (Quantisation((scale,), (3,)) for scale in scales)
    values = unary.VALUES.astype(np.int8).reshape(1, -1)
    tensor = Tensor(0, "input", values.shape, "int8", source)
    graph = one_operator("HARD_SWISH", 1, [tensor], (values.shape, "int8", made), {})
    got = unary.RESULTS["HARD_SWISH"](unary.constants_of(graph, graph.operators[0]), unary.VALUES)
    np.testing.assert_array_equal(Case("", graph, str, (values,)).expected().reshape(-1), got)


def test_tables_are_as_written() -> None:
    """The tables of functions of int16 are what their formulas give."""
    assert (RUNTIME / "src" / "ref" / "tables_int16.c").read_text(encoding="utf-8") == tables.source()


@pytest.mark.parametrize(("columns", "share"), [(511, -127), (512, -128), (4000, -128)])
def test_softmax_of_many_equal_columns(columns: int, share: int) -> None:
    """Shares below a half are 0; where the sum is 512 or more, TFLM ends the program."""
    case = softmax(np.random.default_rng(1), 1, columns)
    equal = np.zeros((1, columns), np.int8)
    got = host().run(case.call("ref"), (equal,), case.output_bytes).output
    np.testing.assert_array_equal(got.view(np.int8), share)
