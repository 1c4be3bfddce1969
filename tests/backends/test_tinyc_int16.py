"""Operators of int16 activations: what tinyc makes of them is what TFLM computes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from int16_networks import CASES, graph_of, network
from tests_support import thinned
from tinyc_host import assert_exact

from tinyflow.backends import tinyc
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Quantisation


@pytest.mark.parametrize("case", thinned(CASES, 10))
def test_operator_is_exact(case: str, tmp_path: Path) -> None:
    """One operator gives TFLM's bytes."""
    assert_exact(graph_of(case), tmp_path / "model")


@pytest.mark.parametrize("case", thinned((case for case in CASES if "CONV" in case or "FULLY" in case), 8))
def test_operator_with_weights_is_exact_in_c(case: str, tmp_path: Path) -> None:
    """Also where sums of 32 bits do, and TRANSPOSE_CONV is a convolution."""
    assert_exact(graph_of(case), tmp_path / "model", "c")


@pytest.mark.parametrize("variant", ["ref", "c"])
def test_network_is_exact(variant: str, tmp_path: Path) -> None:
    """Several operators in one arena."""
    assert_exact(network(), tmp_path / "model", variant)


def test_zero_points_are_refused() -> None:
    """TFLM leaves them out of most int16 kernels: a file that has one is not what it looks like."""
    graph = graph_of("CONV_2D")
    source = replace(graph.tensors[0], quantisation=Quantisation((0.001,), (5,)))
    with pytest.raises(ModelError, match="the zero point 5, not 0"):
        tinyc.check(replace(graph, tensors=(source, *graph.tensors[1:])), "tinyc", {})


def test_wide_factors_are_refused() -> None:
    """TFLM shifts sums of 64 bits to the left by 7 places at most."""
    graph = graph_of("FULLY_CONNECTED of wide sums")
    made = replace(graph.tensors[-1], quantisation=Quantisation((1e-12,), (0,)))
    with pytest.raises(ModelError, match="128"):
        tinyc.check(replace(graph, tensors=(*graph.tensors[:-1], made)), "tinyc", {})
