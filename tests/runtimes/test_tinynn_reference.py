"""The variant ref of every operator gives the bytes of TFLM's reference kernels."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_layers import LAYERS
from tests_support import examples
from tinynn_calls import RUNTIME, HostKernels
from tinynn_cases import softmax

from tinyflow.model.arithmetic import tables

_MOVES = ("number", "pad", "transpose", "strided_slice", "resize")


@cache
def host() -> HostKernels:
    """The kernels on this machine."""
    return HostKernels()


def _check(operator: str, count: int) -> None:
    @examples(count)
    @given(LAYERS[operator](), st.integers(0, 3))
    def holds(case, skew):
        got = host().run(case.call("ref"), case.inputs_of("ref"), case.output_bytes, skew=skew).output
        np.testing.assert_array_equal(case.expected(), got)

    holds()


@pytest.mark.parametrize("operator", LAYERS)
def test_ref_is_tflm(operator: str) -> None:
    """A few random layers of each operator, at any alignment."""
    _check(operator, 25)


@pytest.mark.slow
@pytest.mark.parametrize("operator", LAYERS)
def test_ref_is_tflm_at_length(operator: str) -> None:
    """Many random layers of each operator, fewer of those that only move bytes."""
    _check(operator, 400 if operator not in _MOVES else 80)


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
