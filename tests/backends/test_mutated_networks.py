"""Small networks with anything in them changed: every step from reader to generator takes them or says why not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from random_networks import random_network
from tests_support import examples

from tinyflow.backends import tinyc, tinyi, tvm
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.transforms.cut import cut
from tinyflow.model.transforms.shrink import shrink

_NUMBERS = st.sampled_from([0, 1, -1, 2, 3, 255, 65536, 16_000_000, 1 << 30, 2**31 - 1, -(2**31)])
_SCALES = st.sampled_from([1e-45, 1e-38, 1e-20, 1e-9, 0.003, 1 / 256, 1.0, 8.0, 1e6, 1e20, 3.4e38])


def _option(draw: Any, value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(draw(_NUMBERS) for _ in value)
    if value in ("DEFAULT", "SHUFFLED4x16INT8"):
        return "SHUFFLED4x16INT8"
    if isinstance(value, str):
        return draw(st.sampled_from(["SAME", "VALID"] if value in ("SAME", "VALID") else ["NONE", "RELU6", "TANH"]))
    if isinstance(value, float):
        return draw(st.sampled_from([0.0, -1.0, 1e-30, float("inf"), float("nan")]))
    return not value if isinstance(value, bool) else draw(_NUMBERS)


def _changed_operator(draw: Any, operator: Operator, tensors: int) -> Operator:
    if operator.options and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(operator.options)))
        return replace(operator, options={**operator.options, name: _option(draw, operator.options[name])})
    inputs = draw(st.lists(st.integers(-1, tensors - 1), max_size=5))
    return replace(operator, inputs=tuple(inputs))


def _changed_tensor(draw: Any, tensor: Tensor) -> Tensor:
    what = draw(st.sampled_from(["scale", "shape", "dtype", "data"]))
    if what == "scale":
        scale = float(np.float32(draw(_SCALES)))
        return replace(tensor, quantisation=Quantisation((scale,), (draw(st.integers(-128, 127)),)))
    if what == "shape":
        return replace(tensor, shape=tuple(draw(st.lists(st.sampled_from([1, 2, 3, 1024, 1 << 20]), max_size=5))))
    if what == "dtype":
        return replace(tensor, dtype=draw(st.sampled_from(["int8", "int16", "int32", "float32", "bool"])), data=None)
    return replace(tensor, data=bytes(tensor.size_bytes) if tensor.data is None and tensor.elements < 4096 else None)


@st.composite
def _mutants(draw: st.DrawFn) -> bytes:
    graph = random_network(draw(st.integers(0, 200)))
    tensors, operators = list(graph.tensors), list(graph.operators)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(operators) - 1))
        if draw(st.booleans()):
            operators[at] = _changed_operator(draw, operators[at], len(tensors))
        else:
            near = [index for index in (*operators[at].inputs, *operators[at].outputs) if index >= 0]
            index = draw(st.sampled_from(near or [0]))
            tensors[index] = _changed_tensor(draw, tensors[index])
    return write(replace(graph, tensors=tuple(tensors), operators=tuple(operators)))


def _check(graph: Graph) -> None:
    for backend, options in ((tinyc, {"kernels": "c"}), (tinyi, {"kernels": "c"}), (tvm, {})):
        try:
            backend.check(graph, "x", options)
        except ModelError as error:
            assert error.where.startswith("operator ") or "an inference of" in error.what
            assert error.hint


@examples(60, *HealthCheck)
@given(content=_mutants())
def test_mutants_pass_or_are_refused_with_place_and_hint(content: bytes) -> None:
    """Reader, cut, shrink and all backends' checks: no other error, whatever was changed."""
    try:
        graph = read(content, "mutant.tflite")
    except ModelError as error:
        assert error.where == "mutant.tflite" and error.hint
        return
    part = None
    with suppress(ModelError):  # the first layer may read constants only, or nobody what it gives
        part = cut(graph, 0, 0).graph
    assert part is None or read(write(part)) == part
    _check(graph)
    _check(read(write(shrink(graph).graph)))
